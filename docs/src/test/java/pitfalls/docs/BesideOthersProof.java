package pitfalls.docs;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Measures the table in {@code docs/beside-others.md} anew. It takes ten minutes, so it does so with {@code -Dupdate} only;
 * {@code -Drow=BURST} prints the figures of one row.
 */
class BesideOthersProof {
    private static final Path FOLDER = Path.of("target", "beside-others").toAbsolutePath();

    @Test
    @Timeout(value = 1, unit = TimeUnit.HOURS)
    void the_table_has_the_figures_of_this_machine() throws Exception {
        String row = System.getProperty("row");
        assumeTrue(Page.UPDATE || row != null, "To prove this, measure anew with -Dupdate");
        assumeTrue(Files.isDirectory(Path.of("/proc/self/fd")), "To prove this, run it on Linux");
        Files.createDirectories(FOLDER);
        List<Peer> peers = Peer.installed();
        if (row != null) {
            System.err.println(line(Row.valueOf(row), peers));
            return;
        }
        var table = new StringBuilder("| test | what is done, and counted |");
        for (Peer peer : peers) table.append(' ').append(peer.heading(FOLDER)).append(" |");
        table.append("\n|---|---|").append("--:|".repeat(peers.size())).append('\n');
        for (Row each : Row.values()) table.append(line(each, peers));
        table.append("\nMeasured on ")
                .append(LocalDate.now())
                .append(": ")
                .append(machine())
                .append(".\n");
        Generated.assertEqual("docs/beside-others.md", "beside others", table.toString());
    }

    private static String line(Row row, List<Peer> peers) throws Exception {
        var line = new StringBuilder(row.begin());
        for (Peer peer : peers) {
            Path folder = Files.createDirectories(FOLDER.resolve(row + "-" + peer));
            String figure;
            try {
                figure = row.measure(peer, folder);
            } catch (IOException x) {
                figure = "does not start"; // with so few descriptors, for example
                System.err.println(row + " " + peer + ": " + x);
            }
            line.append(' ').append(figure).append(" |");
        }
        System.err.println(line);
        return line.append('\n').toString();
    }

    private static String machine() throws IOException {
        String model = Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
                .filter(line -> line.startsWith("model name"))
                .map(line -> line.replaceFirst("^[^:]*:\\s*", ""))
                .findFirst()
                .orElse("an unknown processor");
        return Runtime.getRuntime().availableProcessors() + " cores of " + model.replaceAll("\\((R|TM)\\)", "") + ", "
                + System.getProperty("os.name") + " " + System.getProperty("os.version") + ", Java "
                + System.getProperty("java.version");
    }
}
