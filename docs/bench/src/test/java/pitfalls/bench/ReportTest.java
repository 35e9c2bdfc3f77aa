package pitfalls.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The tables say what was measured, and no more. */
class ReportTest {
    private final Results results = new Results();

    private void add(Peer peer, Figure figure, double... values) {
        for (double value : values) results.add(Row.SMALL, peer, figure, value);
    }

    @Test
    void a_cell_is_the_median_and_how_many_times_undertows_that_is() {
        add(Peer.OURS, Figure.PER_SECOND, 9, 2, 3, 4, 4);
        add(Peer.UNDERTOW, Figure.PER_SECOND, 10, 10, 12, 11, 10);

        assertThat(new Report(results).tables()).contains("| 64 connections | 4 (0.40) | 10 |");
    }

    @Test
    void two_proxies_whose_rounds_overlap_cannot_be_told_apart() {
        add(Peer.OURS, Figure.PER_SECOND, 9, 8, 11);
        add(Peer.UNDERTOW, Figure.PER_SECOND, 10, 12, 14);

        assertThat(new Report(results).tables()).contains("| 9 (≈\u00a00.75) | 12 |");
    }

    @Test
    void one_slow_round_of_five_hides_no_difference() {
        add(Peer.OURS, Figure.PER_SECOND, 1, 2, 3, 4, 5);
        add(Peer.UNDERTOW, Figure.PER_SECOND, 3.5, 10, 10, 10, 10);
        assertThat(new Report(results).tables()).contains("| 3 (0.30) | 10 |");

        add(Peer.UNDERTOW, Figure.PER_SECOND, 1);
        add(Peer.OURS, Figure.PER_SECOND, 3);
        assertThat(new Report(results).tables()).contains("| 3 (≈\u00a00.30) | 10 |");
    }

    @Test
    void more_is_wanted_of_requests_and_less_of_cpu() {
        add(Peer.OURS, Figure.PER_SECOND, 95);
        add(Peer.UNDERTOW, Figure.PER_SECOND, 100);
        add(Peer.OURS, Figure.CPU, 150);
        add(Peer.UNDERTOW, Figure.CPU, 100);

        assertThat(new Report(results).tables())
                .contains("| ≥ 0.90 × Undertow | 0.95 | yes |", "| ≤ 1.11 × Undertow | 1.50 | no |");
    }

    @Test
    void what_was_not_measured_is_told_by_a_dash_and_has_no_goal() {
        add(Peer.OURS, Figure.PER_SECOND, 95);
        results.add(Row.MANY, Peer.UNDERTOW, Figure.PER_SECOND, 100);

        assertThat(new Report(results).tables())
                .contains("| 512 connections | – | 100 |")
                .doesNotContain("≥");
    }

    @Test
    void a_row_that_is_measured_anew_replaces_the_old_one_only(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("results.tsv");
        add(Peer.OURS, Figure.PER_SECOND, 1);
        results.add(Row.MANY, Peer.OURS, Figure.PER_SECOND, 2);
        results.write(file);
        var anew = new Results();
        anew.add(Row.SMALL, Peer.OURS, Figure.PER_SECOND, 3);

        Results all = Results.read(file);
        all.putAll(anew);

        assertThat(all.get(Row.SMALL, Peer.OURS, Figure.PER_SECOND).values()).containsExactly(3.0);
        assertThat(all.get(Row.MANY, Peer.OURS, Figure.PER_SECOND).values()).containsExactly(2.0);
    }

    @Test
    void the_page_says_what_the_files_do() throws Exception {
        String page = Files.readString(Bench.PAGE).replace("\r\n", "\n");

        assertThat(Report.part(page, "speed")).isEqualTo(new Report(Results.read(Bench.RESULTS)).tables());
        assertThat(Report.part(page, "code")).isEqualTo(HotCode.table());
    }
}
