package pitfalls.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/** The time and the memory that our own code takes for each request, by JMH. */
final class HotCode {
    static final Path RESULTS = Path.of("code.tsv");
    private static final String ALLOCATION = "gc.alloc.rate.norm";

    private HotCode() {}

    /** Measures it, and writes a file with a line for each method: its name, ns with their error, and bytes. */
    static void measure(int rounds, int seconds) throws RunnerException, IOException {
        var options = new OptionsBuilder()
                .include("pitfalls\\..*Bench\\..*")
                .mode(Mode.AverageTime)
                .timeUnit(java.util.concurrent.TimeUnit.NANOSECONDS)
                .forks(1)
                .warmupIterations(rounds)
                .warmupTime(TimeValue.seconds(seconds))
                .measurementIterations(rounds)
                .measurementTime(TimeValue.seconds(seconds))
                .addProfiler(GCProfiler.class)
                .build();
        List<String> lines =
                new Runner(options).run().stream().map(HotCode::line).sorted().toList();
        Files.write(RESULTS, lines);
    }

    private static String line(RunResult result) {
        String name = result.getParams().getBenchmark().replaceFirst(".*\\.step", "step");
        var time = result.getPrimaryResult();
        double bytes = result.getSecondaryResults().get(ALLOCATION).getScore();
        return String.format(
                Locale.ROOT,
                "%s\t%.0f\t%.0f\t%.0f",
                name.replaceFirst("Bench\\.", "."),
                time.getScore(),
                time.getScoreError(),
                bytes);
    }

    /** The same as a table of Markdown. */
    static String table() throws IOException {
        var text = new StringBuilder("| code | ns | ± | bytes |\n|---|--:|--:|--:|\n");
        for (String line : Files.readAllLines(RESULTS)) {
            List<String> fields = List.of(line.split("\t"));
            text.append("| `").append(fields.get(0)).append('`');
            for (String figure : fields.subList(1, fields.size()))
                text.append(String.format(Locale.ROOT, " | %,.0f", Double.parseDouble(figure)));
            text.append(" |\n");
        }
        return text.toString();
    }
}
