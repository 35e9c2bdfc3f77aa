package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.program.ReverseProxy;
import pitfalls.support.LoopbackTest;

/** The program between servers and clients that nobody here wrote, who have not heard of it. */
@EnabledOnOs(OS.LINUX)
@Timeout(600) // with the packages to install; a test by itself takes seconds
class RealApplicationsProof implements LoopbackTest {
    private static final String S3PROXY = "org.gaul.s3proxy.Main";

    @TempDir
    private Path folder;

    private Sandbox sandbox;

    @BeforeEach
    void makeSandbox() {
        sandbox = new Sandbox(folder);
    }

    @Test
    void npm_publishes_and_installs_a_package_with_a_scope() throws Exception {
        String verdaccio = NodePackages.find("node_modules/verdaccio/bin/verdaccio");
        Path configuration = sandbox.write("registry.yaml", source("registry.yaml"));
        var address = ServerProcess.reserve(loopback);
        URI registry = serve(
                address,
                "node",
                verdaccio,
                "--config",
                configuration.toString(),
                "--listen",
                ServerProcess.authorityOf(address));
        URI proxy = program(registry, "--host=client"); // which the registry puts into the addresses of packages
        sandbox.write(
                ".npmrc",
                "registry=" + proxy + "/\n//" + proxy.getAuthority() + "/:_authToken=" + tokenFrom(proxy)
                        + "\nupdate-notifier=false\naudit=false\nfund=false\n");
        sandbox.write("package/package.json", "{\"name\": \"@ann/greeting\", \"version\": \"1.0.0\"}");
        sandbox.write("package/index.js", "module.exports = 'hello';");
        sandbox.write("application/package.json", "{\"private\": true}");

        sandbox.runIn("package", "npm", "publish");
        sandbox.runIn("application", "npm", "install", "@ann/greeting");

        assertThat(sandbox.runIn("application", "node", "--print", "require('@ann/greeting')"))
                .isEqualTo("hello\n");
        assertThat(sandbox.runIn("application", "npm", "view", "@ann/greeting", "dist.tarball"))
                .as("from where it was installed")
                .isEqualTo(proxy + "/@ann/greeting/-/greeting-1.0.0.tgz\n");
    }

    /** Whoever wants to publish needs an account, whose name has a colon in its path. */
    private static String tokenFrom(URI registry) throws Exception {
        String account = "{\"name\": \"ann\", \"password\": \"a secret of Ann's\"}";
        var request = HttpRequest.newBuilder(registry.resolve("/-/user/org.couchdb.user:ann"))
                .header("Content-Type", "application/json")
                .PUT(BodyPublishers.ofString(account))
                .build();
        String answer = HttpClient.newHttpClient()
                .send(request, BodyHandlers.ofString())
                .body();
        assertThat(answer).contains("\"token\"");
        return answer.replaceAll("(?s).*\"token\": *\"([^\"]*)\".*", "$1");
    }

    @Test
    void git_pushes_and_clones_some_megabytes() throws Exception {
        String git = Program.find("git", "git");
        URI proxy = program(serveGit(git));
        sandbox.write(".gitconfig", "[user]\nname = Ann\nemail = ann@example.org\n");
        sandbox.run(git, "init", "--quiet", "--bare", "shared.git");
        sandbox.run(git, "init", "--quiet", "mine");
        var photo = new byte[5_000_000]; // more than git sends without chunks
        new Random(1).nextBytes(photo);
        Files.write(sandbox.resolve("mine/photo"), photo);
        sandbox.runIn("mine", git, "add", "photo");
        sandbox.runIn("mine", git, "commit", "--quiet", "--message", "A photo");

        sandbox.runIn("mine", git, "push", "--quiet", proxy + "/shared.git", "HEAD:main");
        sandbox.run(git, "clone", "--quiet", "--branch", "main", proxy + "/shared.git", "theirs");

        assertThat(sandbox.resolve("theirs/photo")).hasBinaryContent(photo);
        assertThat(sandbox.runIn("theirs", git, "rev-parse", "HEAD"))
                .isEqualTo(sandbox.runIn("mine", git, "rev-parse", "HEAD"));
    }

    private URI serveGit(String git) throws Exception {
        String fcgiwrap = Program.find("fcgiwrap", "fcgiwrap");
        String nginx = Program.find("nginx", "nginx-light");
        String backend = Path.of(sandbox.run(git, "--exec-path").strip(), "git-http-backend")
                .toString();
        String socket = "unix:" + sandbox.resolve("fcgiwrap");
        start(UnixDomainSocketAddress.of(sandbox.resolve("fcgiwrap")), fcgiwrap, "-s", socket);
        var address = ServerProcess.reserve(loopback);
        Path configuration = sandbox.write(
                "git.conf",
                source("git.conf")
                        .replace("PROGRAM", backend)
                        .replace("FOLDER", folder.toString())
                        .replace("GATEWAY", socket)
                        .replace("ADDRESS", ServerProcess.authorityOf(address)));
        String globals = "daemon off; master_process off; pid " + sandbox.resolve("pid") + ";";
        return serve(address, nginx, "-e", "stderr", "-g", globals, "-c", configuration.toString());
    }

    @Test
    void a_presigned_URL_of_S3_is_valid_with_the_clients_Host() throws Exception {
        String script = NodePackages.find("storage.mjs");
        URI storage = serveStorage();
        URI proxy = program(storage, "--host=client");

        assertThat(sandbox.run("node", script, storage.toString(), proxy.toString())
                        .lines())
                .containsExactly("PUT 200", "GET 200 the photo");
    }

    @Test
    void a_presigned_URL_of_S3_is_refused_with_the_upstreams_Host() throws Exception {
        String script = NodePackages.find("storage.mjs");
        URI storage = serveStorage();
        URI proxy = program(storage);

        assertThat(sandbox.run("node", script, storage.toString(), proxy.toString())
                        .lines())
                .containsExactly("PUT 403", "GET 403 SignatureDoesNotMatch");
    }

    private URI serveStorage() throws Exception {
        assumeTrue(isThere(S3PROXY), "To prove this, run with -Pproof");
        var address = ServerProcess.reserve(loopback);
        Path configuration = sandbox.write(
                "storage.properties",
                String.join(
                        "\n",
                        "s3proxy.endpoint=http://" + ServerProcess.authorityOf(address),
                        "s3proxy.authorization=aws-v4",
                        "s3proxy.identity=ann",
                        "s3proxy.credential=secret",
                        "jclouds.provider=transient",
                        "jclouds.identity=ann",
                        "jclouds.credential=secret"));
        return serve(address, java(S3PROXY, "--properties", configuration.toString()));
    }

    private static boolean isThere(String className) {
        return RealApplicationsProof.class.getClassLoader().getResource(className.replace('.', '/') + ".class") != null;
    }

    @TestFactory
    Stream<DynamicTest> socket_io_speaks_in_both_directions() {
        return Stream.of(List.of("polling"), List.of("websocket"), List.of("polling", "websocket"))
                .map(transports -> DynamicTest.dynamicTest(String.join(", then ", transports), () -> {
                    String client = NodePackages.find("chat-client.mjs");
                    var address = ServerProcess.reserve(loopback);
                    String port = Integer.toString(address.getPort());
                    URI proxy = program(serve(address, "node", NodePackages.find("chat-server.mjs"), port));
                    Stream<String> command = Stream.of("node", client, proxy.toString());

                    String heard = sandbox.run(
                            Stream.concat(command, transports.stream()).toArray(String[]::new));

                    String last = transports.get(transports.size() - 1);
                    assertThat(heard.lines()).containsExactly("hello", "the photo", "reminder by " + last);
                }));
    }

    @Test
    void curl_uploads_to_a_WSGI_server_that_ignores_Expect() throws Exception {
        String curl = Program.find("curl", "curl");
        String python = Program.find("python3", "python3");
        String script = NodePackages.SOURCES.resolve("wsgi.py").toAbsolutePath().toString();
        var address = ServerProcess.reserve(loopback);
        URI proxy = program(serve(address, python, script, Integer.toString(address.getPort())));
        String photo = sandbox.write("photo", "a photo ".repeat(375_000)).toString();

        String answer = sandbox.run(
                curl,
                "--silent",
                "--show-error",
                "--max-time",
                "20",
                "--expect100-timeout",
                "20", // it waits for the 100, which has to come from the proxy
                "--header",
                "Expect: 100-continue",
                "--data-binary",
                "@" + photo,
                proxy.toString());

        assertThat(answer).isEqualTo(sandbox.run("sha256sum", photo).replaceAll(" .*\\s", " 3000000"));
    }

    /** The program in front of that server. */
    private URI program(URI server, String... options) throws Exception {
        var address = ServerProcess.reserve(loopback);
        String listen = "--listen=" + ServerProcess.authorityOf(address);
        String[] all = Stream.concat(Stream.of(listen, "--target=" + server), Stream.of(options))
                .toArray(String[]::new);
        return serve(address, java(ReverseProxy.class.getName(), all));
    }

    private static String[] java(String program, String... options) {
        return Stream.concat(
                        Stream.of(
                                Program.JAVA,
                                "-XX:TieredStopAtLevel=1",
                                "-XX:+UseSerialGC",
                                "-classpath",
                                System.getProperty("java.class.path"),
                                program),
                        Stream.of(options))
                .toArray(String[]::new);
    }

    /** A server of HTTP that will listen there. */
    private URI serve(InetSocketAddress address, String... command) throws Exception {
        start(address, command);
        return URI.create("http://" + ServerProcess.authorityOf(address));
    }

    private void start(SocketAddress address, String... command) throws Exception {
        Path output = Files.createTempFile(folder, "server", ".txt");
        loopback.started(new ServerProcess(address, output, sandbox.command(command)));
    }

    private static String source(String name) throws IOException {
        return Files.readString(NodePackages.SOURCES.resolve(name));
    }
}
