package pitfalls.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What {@link TargetsTest} tries, with inputs that Jazzer makes by the branches that they reach: for a few seconds each, or
 * {@code -Dfuzz.seconds=…}, from {@code -Dseed=…}. Jazzer runs in a process of its own, since it changes the classes that it loads.
 */
@Timeout(value = 1, unit = TimeUnit.DAYS)
class JazzerProof {
    private static final int SECONDS = Integer.getInteger("fuzz.seconds", 5);
    private static final long SEED = Long.getLong("seed", 1);
    private static final int START_SECONDS = 120;
    private static final String INSTRUMENTED = "pitfalls.**:org.eclipse.jetty.http.**";

    @TempDir
    private Path folder;

    @ParameterizedTest
    @EnumSource
    void each_keeps_its_promise_for_whatever_Jazzer_makes(Target target) throws Exception {
        Path corpus = Files.createDirectories(folder.resolve(target.folder()));
        for (String sample : target.samples()) {
            Files.write(corpus.resolve("sample-" + sample.hashCode()), sample.getBytes(StandardCharsets.ISO_8859_1));
        }

        String output = runJazzer(target, corpus);

        assumeTrue(!output.contains("UnsatisfiedLinkError"), "Jazzer has no library for this platform");
        assertThat(output).contains("DONE   cov:");
    }

    private String runJazzer(Target target, Path corpus) throws IOException, InterruptedException {
        Path output = folder.resolve("output");
        var jazzer = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx512m",
                        "-classpath",
                        System.getProperty("java.class.path"),
                        "com.code_intelligence.jazzer.Jazzer",
                        "--target_class=" + target.type().getName(),
                        "--instrumentation_includes=" + INSTRUMENTED,
                        "--custom_hook_includes=" + INSTRUMENTED,
                        "-max_total_time=" + SECONDS,
                        "-seed=" + SEED,
                        corpus.toString())
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        boolean ended = jazzer.waitFor(START_SECONDS + SECONDS, TimeUnit.SECONDS);
        jazzer.destroyForcibly().waitFor();
        String printed = Files.readString(output);
        assertThat(ended && jazzer.exitValue() == 0).as(printed).isTrue();
        return printed;
    }
}
