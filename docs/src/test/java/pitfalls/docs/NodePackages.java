package pitfalls.docs;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The npm packages that {@code applications/package.json} lists, installed once, beside the scripts that use them. */
final class NodePackages {
    static final Path SOURCES = Path.of("src", "test", "resources", "applications");

    private static final Path FOLDER = Path.of("target", "applications").toAbsolutePath();
    private static final int PATIENCE_SECONDS = 300;

    private NodePackages() {}

    /** A script or a program of a package's, which Node can run; without npm or a network, the test is skipped. */
    static String find(String name) throws IOException, InterruptedException {
        Program.find("node", "nodejs");
        String npm = Program.find("npm", "npm");
        Files.createDirectories(FOLDER);
        try (var sources = Files.list(SOURCES)) {
            for (Path source : sources.toList()) {
                Files.write(FOLDER.resolve(source.getFileName()), Files.readAllBytes(source));
            }
        }
        String wanted = Files.readString(SOURCES.resolve("package-lock.json"));
        Path installed = FOLDER.resolve("installed.json");
        if (!Files.exists(installed) || !Files.readString(installed).equals(wanted)) {
            install(npm);
            Files.writeString(installed, wanted);
        }
        return FOLDER.resolve(name).toString();
    }

    /** By the settings of whoever runs the tests, who may have a registry of their own, but not into their cache. */
    private static void install(String npm) throws IOException, InterruptedException {
        Path output = FOLDER.resolve("npm.txt");
        var process = new ProcessBuilder(
                        npm,
                        "ci",
                        "--engine-strict",
                        "--ignore-scripts",
                        "--no-audit",
                        "--no-fund",
                        "--cache=" + FOLDER.resolve("cache"))
                .directory(FOLDER.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        boolean ended = process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS);
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        List<String> said = Files.readAllLines(output);
        assumeTrue(
                ended && process.exitValue() == 0,
                () -> "To prove this, let npm install the packages of " + SOURCES + "; it says: "
                        + String.join("\n", said));
    }
}
