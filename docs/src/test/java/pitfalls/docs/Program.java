package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A program of the machine's, which need not be there. */
final class Program {
    /** Java, which runs this test. */
    static final String JAVA =
            Path.of(System.getProperty("java.home"), "bin", "java").toString();

    private static final int PATIENCE_SECONDS = 60;

    private Program() {}

    /** Where that program is; without it, the test is skipped. */
    static String find(String name, String debianPackage) {
        String places = System.getenv("PATH") + ":/usr/local/sbin:/usr/sbin";
        var found = Stream.of(places.split(File.pathSeparator))
                .map(place -> Path.of(place, name))
                .filter(Files::isExecutable)
                .findFirst();
        assumeTrue(found.isPresent(), "To prove this, install " + name + ": apt-get install " + debianPackage);
        return found.get().toString();
    }

    /** Runs a program with that input, and returns its output. */
    static String run(Path folder, String input, String... command) throws IOException, InterruptedException {
        Path in = Files.writeString(folder.resolve("in"), input);
        Path out = folder.resolve("out");
        var process = new ProcessBuilder(command)
                .redirectInput(in.toFile())
                .redirectOutput(out.toFile())
                .redirectError(folder.resolve("errors").toFile())
                .start();
        boolean ended = process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS);
        process.destroyForcibly();
        assertThat(ended).as("whether " + command[0] + " came to an end").isTrue();
        return Files.readString(out);
    }
}
