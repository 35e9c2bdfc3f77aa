package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A folder in which programs find their home, so that they neither read nor change the settings of whoever runs the tests. */
final class Sandbox {
    private static final int PATIENCE_SECONDS = 60;

    private final Path folder;

    /** A sandbox in that folder. */
    Sandbox(Path folder) {
        this.folder = folder;
    }

    /** A file or folder in here. */
    Path resolve(String name) {
        return folder.resolve(name);
    }

    /** Writes a file, with the folders that it is in. */
    Path write(String name, String content) throws IOException {
        Path file = resolve(name);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, content);
    }

    /** A command that will run in here. */
    ProcessBuilder command(String... command) {
        var builder = new ProcessBuilder(command).directory(folder.toFile());
        builder.environment()
                .keySet()
                .removeIf(name -> name.matches("(?i).*_proxy|npm_config_.*|reverse_proxy_.*|git_.*|curl_home"));
        builder.environment()
                .putAll(Map.of(
                        "HOME", folder.toString(),
                        "XDG_CONFIG_HOME", folder.toString(),
                        "GIT_CONFIG_NOSYSTEM", "1",
                        "GIT_TERMINAL_PROMPT", "0",
                        "LC_ALL", "C.UTF-8"));
        return builder;
    }

    /** Runs a command to its end, which must be a success, and returns what it prints. */
    String run(String... command) throws IOException, InterruptedException {
        return runIn("", command);
    }

    /** The same in a folder of this one's. */
    String runIn(String place, String... command) throws IOException, InterruptedException {
        Path output = Files.createTempFile(folder, "output", ".txt");
        Path errors = Files.createTempFile(folder, "errors", ".txt");
        var process = command(command)
                .directory(resolve(place).toFile())
                .redirectOutput(output.toFile())
                .redirectError(errors.toFile())
                .start();
        process.getOutputStream().close();
        boolean ended = process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS);
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        assertThat(ended && process.exitValue() == 0)
                .as(() -> "whether this succeeds: " + String.join(" ", command) + "\n" + read(output) + read(errors))
                .isTrue();
        return Files.readString(output);
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException x) {
            return x.toString();
        }
    }
}
