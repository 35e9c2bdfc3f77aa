package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import com.fasterxml.jackson.databind.introspect.Annotated;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.EnvVar;
import io.fabric8.kubernetes.api.model.HTTPGetAction;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.autoscaling.v2.HorizontalPodAutoscaler;
import io.fabric8.kubernetes.api.model.policy.v1.PodDisruptionBudget;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.program.ReverseProxy;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;

/** The files in {@code docs/deploy}: each is read by a program that knows its words, and the commands in them start the proxy. */
@DisabledOnOs(OS.WINDOWS) // for which none of the files is
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class DeployProof implements LoopbackTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Path DEPLOY = Page.ROOT.resolve("docs/deploy");
    private static final Map<String, Class<?>> KINDS = Map.of(
            "Deployment", Deployment.class,
            "Service", Service.class,
            "PodDisruptionBudget", PodDisruptionBudget.class,
            "HorizontalPodAutoscaler", HorizontalPodAutoscaler.class);

    /** Reads Kubernetes' objects. Their classes collect keys that they do not know, unless told that they cannot. */
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory())
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .setAnnotationIntrospector(new JacksonAnnotationIntrospector() {
                @Override
                public Boolean hasAnySetter(Annotated member) {
                    return false;
                }
            });

    @TempDir
    private Path folder;

    private static List<Object> objects(String manifest) throws IOException {
        List<Object> objects = new ArrayList<>();
        try (var documents = YAML.readerFor(JsonNode.class).<JsonNode>readValues(manifest)) {
            while (documents.hasNext()) {
                JsonNode document = documents.next();
                Class<?> kind = KINDS.get(document.path("kind").asText());
                assertThat(kind).as("kind of " + document).isNotNull();
                objects.add(YAML.treeToValue(document, kind));
            }
        }
        return objects;
    }

    private static String manifest() throws IOException {
        return Files.readString(DEPLOY.resolve("kubernetes.yaml"));
    }

    private static <T> T only(Class<T> kind) throws IOException {
        return objects(manifest()).stream()
                .filter(kind::isInstance)
                .map(kind::cast)
                .findFirst()
                .orElseThrow();
    }

    /** The one of the manifest. */
    static Container container() throws IOException {
        return only(Deployment.class)
                .getSpec()
                .getTemplate()
                .getSpec()
                .getContainers()
                .get(0);
    }

    private static Duration option(List<String> arguments, String name) {
        return arguments.stream()
                .filter(argument -> argument.startsWith(name + "="))
                .map(argument -> Duration.parse("PT" + argument.substring(name.length() + 1)))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void Kubernetes_knows_each_key_of_the_manifest() throws IOException {
        assertThat(objects(manifest()).stream().map(object -> object.getClass().getSimpleName()))
                .containsExactlyInAnyOrderElementsOf(KINDS.keySet());
    }

    @TestFactory
    Stream<DynamicTest> a_key_that_is_spelt_wrong_is_noticed() {
        return Stream.of(
                        "maxUnavailable:",
                        "terminationGracePeriodSeconds:",
                        "readOnlyRootFilesystem:",
                        "averageUtilization:",
                        "failureThreshold:")
                .map(key -> DynamicTest.dynamicTest(key, () -> {
                    String wrong = manifest().replace(key, key.replace("e", "ee"));

                    assertThatExceptionOfType(UnrecognizedPropertyException.class)
                            .isThrownBy(() -> objects(wrong));
                }));
    }

    @Test
    void Kubernetes_waits_for_as_long_as_the_program_may_take_to_stop() throws IOException {
        List<String> arguments = container().getArgs();
        Duration longest = option(arguments, "--stop-delay").plus(option(arguments, "--stop-timeout"));
        long grace = only(Deployment.class).getSpec().getTemplate().getSpec().getTerminationGracePeriodSeconds();

        assertThat(grace).isBetween(longest.toSeconds() + 5, longest.toSeconds() + 30);
    }

    @Test
    void names_and_ports_of_the_manifest_fit_each_other() throws IOException {
        var deployment = only(Deployment.class);
        var labels = deployment.getSpec().getTemplate().getMetadata().getLabels();

        assertThat(deployment.getSpec().getSelector().getMatchLabels()).isEqualTo(labels);
        assertThat(only(Service.class).getSpec().getSelector()).isEqualTo(labels);
        assertThat(only(PodDisruptionBudget.class).getSpec().getSelector().getMatchLabels())
                .isEqualTo(labels);
        assertThat(only(HorizontalPodAutoscaler.class)
                        .getSpec()
                        .getScaleTargetRef()
                        .getName())
                .isEqualTo(deployment.getMetadata().getName());
        assertThat(only(Service.class)
                        .getSpec()
                        .getPorts()
                        .get(0)
                        .getTargetPort()
                        .getStrVal())
                .isEqualTo(container().getPorts().get(0).getName());
        assertThat(environment(container()).get("REVERSE_PROXY_LISTEN"))
                .isEqualTo(":" + container().getPorts().get(0).getContainerPort());
    }

    private static Map<String, String> environment(Container container) {
        return container.getEnv().stream().collect(Collectors.toMap(EnvVar::getName, EnvVar::getValue));
    }

    /** Exactly that command and those arguments; the environment has two addresses of this machine. */
    @Test
    void the_containers_command_starts_a_proxy_that_answers_each_probe() throws Exception {
        Container container = container();
        InetSocketAddress address = ServerProcess.reserve(loopback);
        try (var upstream = new FleetUpstream()) {
            List<String> command = new ArrayList<>(container.getCommand());
            command.addAll(container.getArgs());
            var environment = environment(container);
            assertThat(environment).containsOnlyKeys("REVERSE_PROXY_LISTEN", "REVERSE_PROXY_TARGET");
            environment.put("REVERSE_PROXY_LISTEN", ServerProcess.authorityOf(address));
            environment.put("REVERSE_PROXY_TARGET", "http://" + upstream.target());
            startAndAsk(
                    command,
                    environment,
                    address,
                    Stream.of(container.getStartupProbe(), container.getReadinessProbe(), container.getLivenessProbe())
                            .map(probe -> probe.getHttpGet())
                            .map(HTTPGetAction::getPath)
                            .toList());
        }
    }

    @TestFactory
    Stream<DynamicTest> the_command_of_a_unit_starts_a_proxy_that_is_ready() {
        return Stream.of("reverse-proxy.service", "reverse-proxy@.service")
                .map(unit -> DynamicTest.dynamicTest(unit, () -> {
                    InetSocketAddress address = ServerProcess.reserve(loopback);
                    try (var upstream = new FleetUpstream()) {
                        Path options =
                                Files.writeString(folder.resolve("options"), "--target=" + upstream.target() + "\n");
                        String line = Files.readAllLines(DEPLOY.resolve(unit)).stream()
                                .filter(each -> each.startsWith("ExecStart="))
                                .findFirst()
                                .orElseThrow()
                                .substring("ExecStart=".length())
                                .replace("/usr/bin/java", "java")
                                .replace("@/etc/reverse-proxy.options", "@" + options)
                                .replace("--listen=:%i", "--listen=127.0.0.1:" + address.getPort());
                        startAndAsk(
                                List.of(line.split(" ")),
                                Map.of("REVERSE_PROXY_LISTEN", ServerProcess.authorityOf(address)),
                                address,
                                List.of("/proxy/ready", "/proxy/live"));
                    }
                }));
    }

    private void startAndAsk(
            List<String> command, Map<String, String> environment, InetSocketAddress address, List<String> paths)
            throws Exception {
        var builder = new ProcessBuilder(here(command));
        builder.environment().putAll(environment);
        loopback.started(new ServerProcess(address, folder.resolve("output"), builder));
        var client = loopback.connect(URI.create("http://" + ServerProcess.authorityOf(address)));

        for (String path : paths)
            assertThat(statusInTheEnd(client, path)).as(path).isEqualTo(200);
        assertThat(client.sendRequest("GET /x").receiveResponse().body()).isEqualTo("ok");
    }

    /** Asks as a probe does, again and again until the answer is yes. */
    private static int statusInTheEnd(RawConnection client, String path) throws Exception {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            client.sendRequest("GET " + path).receivesNothingFor(PATIENCE); // a program that starts may be slow
            int status = client.receiveResponse().status();
            if (status == 200 || System.nanoTime() - end > 0) return status;
            Thread.sleep(50);
        }
    }

    /** The same command with this machine's Java, and with the classes that the jar is made of. */
    private static List<String> here(List<String> command) {
        int jar = command.indexOf("-jar");
        assertThat(command.get(0)).isEqualTo("java");
        assertThat(command.get(jar + 1)).isEqualTo("/opt/reverse-proxy.jar");
        List<String> here = new ArrayList<>(command);
        here.set(0, Program.JAVA);
        here.set(jar, "-classpath");
        here.set(jar + 1, System.getProperty("java.class.path"));
        here.add(jar + 2, ReverseProxy.class.getName());
        return here;
    }

    @TestFactory
    Stream<DynamicTest> systemd_knows_each_line_of_a_unit() {
        return Stream.of("reverse-proxy.service", "reverse-proxy@.service")
                .map(unit -> DynamicTest.dynamicTest(unit, () -> {
                    String verify = Program.find("systemd-analyze", "systemd");
                    Path copy = Files.writeString(
                            folder.resolve(unit),
                            Files.readString(DEPLOY.resolve(unit)).replace("/usr/bin/java", Program.JAVA));

                    String complaints = Program.run(folder, "", "sh", "-c", verify + " verify " + copy + " 2>&1");

                    assertThat(complaints).isEmpty();
                }));
    }

    @Test
    void systemd_waits_for_as_long_as_the_program_may_take_to_stop() throws IOException {
        for (String unit : List.of("reverse-proxy.service", "reverse-proxy@.service")) {
            String text = Files.readString(DEPLOY.resolve(unit));
            List<String> words = List.of(text.split("\\s+"));
            Duration longest = option(words, "--stop-delay").plus(option(words, "--stop-timeout"));

            assertThat(text)
                    .contains("\nTimeoutStopSec=" + longest.plusSeconds(8).toSeconds() + "\n");
        }
    }

    @Test
    void HAProxy_knows_each_word_of_its_configuration() throws Exception {
        String haproxy = Program.find("haproxy", "haproxy");

        String complaints = Program.run(
                folder,
                "",
                "sh",
                "-c",
                haproxy + " -c -q -f " + DEPLOY.resolve("haproxy-fleet.cfg") + " 2>&1; echo $?");

        assertThat(complaints.strip()).isEqualTo("0");
    }
}
