package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.eclipse.jetty.util.Jetty;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * The jar of the program, built by Maven from copies of the sources: twice from one commit, and once where Git knows nothing of it.
 * The tests stay behind, since they are not in that jar.
 */
@DisabledOnOs(OS.WINDOWS) // where Maven is not a program but a script
class ProgramJarProof {
    private static final int PATIENCE_MINUTES = 5;
    private static final String CONTENTS = "META-INF/sbom/application.cdx.json";
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    private static Path folder;

    private static Sandbox sandbox;
    private static String commit;
    private static Path first;
    private static Path second;
    private static Path ofArchive;

    @BeforeAll
    static void build() throws Exception {
        String git = Program.find("git", "git");
        sandbox = new Sandbox(folder);
        copySources(folder.resolve("first"));
        sandbox.runIn("first", git, "init", "-q");
        sandbox.runIn("first", git, "add", ".");
        sandbox.runIn("first", git, "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "-m", "x");
        commit = sandbox.runIn("first", git, "rev-parse", "HEAD").strip().substring(0, 12);
        sandbox.run(git, "clone", "-q", "first", "clones/second");
        first = build("first", "Pacific/Auckland");
        second = Files.move(build("clones/second", "America/New_York"), folder.resolve("second.jar"));
        Files.move(folder.resolve("clones/second/.git"), folder.resolve("git"));
        ofArchive = build("clones/second", "America/New_York");
    }

    private static void copySources(Path target) throws IOException {
        Files.walkFileTree(Page.ROOT, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path each, BasicFileAttributes attributes) {
                boolean isLeft = each.endsWith("src/test")
                        || each.endsWith("target")
                        || each.getFileName().toString().startsWith(".git");
                return isLeft ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path each, BasicFileAttributes attributes) throws IOException {
                Path relative = Page.ROOT.relativize(each);
                boolean isPartOfIt =
                        relative.startsWith(".mvn") || relative.toString().contains("src") || each.endsWith("pom.xml");
                if (isPartOfIt) {
                    Path copy = target.resolve(relative.toString());
                    Files.createDirectories(copy.getParent());
                    Files.copy(each, copy);
                }
                return FileVisitResult.CONTINUE;
            }
        });
        Files.writeString(target.resolve(".gitignore"), "target/\n");
    }

    /** Not by {@code mvn -o}, which leaves the list out; if the plugins are there, it fetches nothing. */
    private static Path build(String place, String timeZone) throws IOException, InterruptedException {
        List<String> command =
                new ArrayList<>(List.of(Program.find("mvn", "maven"), "-B", "package", "-pl", "step-07-streaming"));
        String repository = System.getProperty("localRepository"); // of the Maven that runs this test
        if (repository != null) command.add("-Dmaven.repo.local=" + repository);
        Path log = folder.resolve(place.replace('/', '-') + ".log");
        ProcessBuilder maven = sandbox.command(command.toArray(String[]::new))
                .directory(folder.resolve(place).toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile());
        maven.environment().put("TZ", timeZone);
        maven.environment().put("JAVA_HOME", System.getProperty("java.home"));
        Process process = maven.start();
        boolean ended = process.waitFor(PATIENCE_MINUTES, TimeUnit.MINUTES);
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        assertThat(ended && process.exitValue() == 0)
                .as("whether Maven builds it:\n" + Files.readString(log))
                .isTrue();
        return folder.resolve(place).resolve("step-07-streaming/target/reverse-proxy.jar");
    }

    private static String version(Path jar) throws IOException, InterruptedException {
        return sandbox.run(Program.JAVA, "-jar", jar.toString(), "--version").strip();
    }

    @Test
    void two_builds_of_one_commit_give_the_same_jar_byte_for_byte() {
        assertThat(second).hasSameBinaryContentAs(first);
    }

    @Test
    void the_program_tells_the_commit_that_it_was_built_from() throws Exception {
        assertThat(version(first))
                .isEqualTo("reverse-proxy 1.0-SNAPSHOT (commit " + commit + "), Jetty " + Jetty.VERSION);
    }

    @Test
    void built_from_an_archive_it_tells_no_commit() throws Exception {
        assertThat(version(ofArchive)).isEqualTo("reverse-proxy 1.0-SNAPSHOT, Jetty " + Jetty.VERSION);
    }

    @Test
    void with_the_README_s_command_Java_takes_the_programs_classes_from_the_archive_that_Maven_has_made()
            throws Exception {
        assertThat(first.resolveSibling("reverse-proxy.jsa")).isNotEmptyFile();
        String page = Files.readString(Page.ROOT.resolve("step-07-streaming/README.md"));
        Matcher command = Pattern.compile("^java -XX:SharedArchiveFile(?:.*\\\\\n)+.*-jar \\S+", Pattern.MULTILINE)
                .matcher(page);
        assertThat(command.find()).isTrue();

        assertTakesClassesFromArchive("first", words(command.group().replace("\\\n", "")));
    }

    @TestFactory
    Stream<DynamicTest> what_is_deployed_makes_the_archive_that_it_is_started_with() {
        return Stream.of("Dockerfile", "kubernetes.yaml", "reverse-proxy.service", "reverse-proxy@.service")
                .map(file -> DynamicTest.dynamicTest(file, () -> {
                    Path opt = Files.createDirectory(folder.resolve("opt-" + file));
                    Files.copy(first, opt.resolve("reverse-proxy.jar"));
                    List<String> make =
                            words(line(file.equals("kubernetes.yaml") ? "Dockerfile" : file, "(?:#  |RUN) (java .*)"));
                    List<String> start = switch (file) {
                        case "Dockerfile" -> List.of(JSON.readValue(line(file, "ENTRYPOINT (.*)"), String[].class));
                        case "kubernetes.yaml" -> DeployProof.container().getCommand();
                        default -> words(line(file, "ExecStart=/usr/bin/(.* -jar \\S+) .*"));
                    };

                    run("", in(opt, make));
                    assertTakesClassesFromArchive("", in(opt, start));
                }));
    }

    private static List<String> words(String command) {
        return List.of(command.strip().split("\\s+"));
    }

    /** The part of a line in a file of {@code docs/deploy} that is in parentheses here. */
    private static String line(String file, String pattern) throws IOException {
        Matcher line = Pattern.compile("^" + pattern + "$", Pattern.MULTILINE)
                .matcher(Files.readString(Page.ROOT.resolve("docs/deploy").resolve(file)));
        assertThat(line.find()).as(file + " has " + pattern).isTrue();
        return line.group(1);
    }

    /** The same command, with a folder in the place of {@code /opt}. */
    private static List<String> in(Path opt, List<String> command) {
        return command.stream()
                .map(word -> word.replace("/opt", opt.toString()))
                .toList();
    }

    /** Runs that command with this machine's Java, and returns what it prints. */
    private static String run(String place, List<String> command) throws IOException, InterruptedException {
        List<String> here = new ArrayList<>(command);
        assertThat(here.set(0, Program.JAVA)).isEqualTo("java");
        return sandbox.runIn(place, here.toArray(String[]::new));
    }

    /** Java logs where each class comes from, and prints nothing of an archive that it cannot use. */
    private static void assertTakesClassesFromArchive(String place, List<String> command) throws Exception {
        Path classes = Files.createTempFile(folder, "classes", ".txt");
        List<String> version = new ArrayList<>(command);
        version.add(1, "-Xlog:class+load:file=" + classes);
        version.add("--version");

        assertThat(run(place, version)).startsWith("reverse-proxy ").hasLineCount(1);
        assertThat(classes)
                .content()
                .containsPattern("pitfalls\\.program\\.ReverseProxy source: shared objects file \\(top\\)");
    }

    @Test
    void the_jar_lists_what_is_in_it_with_licences() throws Exception {
        List<String> inJar = new ArrayList<>(List.of("info.picocli:picocli")); // the only one that Maven has not built
        JsonNode list;
        try (var jar = new JarFile(first.toFile())) {
            for (JarEntry entry : (Iterable<JarEntry>) jar.stream()::iterator)
                if (entry.getName().matches("META-INF/maven/.*/pom.properties")) inJar.add(artifact(jar, entry));
            list = JSON.readTree(jar.getInputStream(jar.getJarEntry(CONTENTS)));
        }

        JsonNode program = list.path("metadata").path("component");
        List<JsonNode> components = StreamSupport.stream(list.path("components").spliterator(), false)
                .toList();
        assertThat(list.path("bomFormat").asText()).isEqualTo("CycloneDX");
        assertThat(components.stream().map(ProgramJarProof::artifact))
                .as("what is listed, beside " + artifact(program))
                .containsExactlyInAnyOrderElementsOf(inJar.stream()
                        .filter(artifact -> !artifact.equals(artifact(program)))
                        .toList());
        assertThat(components)
                .as("components with a version and a licence")
                .allMatch(component -> !component.path("version").asText().isEmpty()
                        && !component.path("licenses").isEmpty());
    }

    private static String artifact(JarFile jar, JarEntry entry) throws IOException {
        try (InputStream in = jar.getInputStream(entry)) {
            var properties = new Properties();
            properties.load(in);
            return properties.getProperty("groupId") + ":" + properties.getProperty("artifactId");
        }
    }

    private static String artifact(JsonNode component) {
        return component.path("group").asText() + ":" + component.path("name").asText();
    }
}
