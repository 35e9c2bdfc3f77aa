package pitfalls.minikv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.minikv.Operation.Kind;

/**
 * Kills and pauses the leader of three nodes while clients read and write through all of them, and looks at what the clients were told.
 *
 * <p>{@code -Dkills=10 -Dpauses=5} does so more often than CI does, and with {@code -Dupdate} writes the figures into the README.
 */
class ClusterProof {
    private static final int KILLS = Integer.getInteger("kills", 2);
    private static final int PAUSES = Integer.getInteger("pauses", 1);
    private static final int CHANGES_BETWEEN = 150;

    @TempDir
    Path folder;

    @Test
    @Timeout(value = 15, unit = TimeUnit.MINUTES)
    void no_acknowledged_change_is_lost_or_made_twice_and_no_read_goes_back_in_time_while_leaders_die()
            throws Exception {
        assumeTrue(Files.isDirectory(Path.of("/proc/self")), "To prove this, run it on Linux");
        List<Duration> afterKills = new ArrayList<>();
        List<Duration> afterPauses = new ArrayList<>();
        try (var cluster = new Cluster(folder)) {
            cluster.awaitLeaderOfAll();
            var clients = new Workload(cluster.members());
            clients.start();
            for (int i = 0; i < Math.max(KILLS, PAUSES); i++) {
                if (i < KILLS) afterKills.add(kill(cluster, clients));
                if (i < PAUSES) afterPauses.add(pause(cluster, clients));
            }
            cluster.awaitLeaderOfAll();
            clients.stop();
            readAll(cluster, clients);

            List<Operation> history = clients.history();
            assertThat(clients.surprises()).as("answers that nobody should get").isEmpty();
            assertThat(clients.longest()).as("the longest request").isLessThan(Workload.LIMIT);
            assertEachAppendIsThereOnce(history);
            assertThat(Linearizability.violation(history)).isEmpty();
            report(clients, history, afterKills, afterPauses);
        }
    }

    /** A node answers {@code ?stale=true} with what it has. If the search accepted that, it would prove nothing about other reads. */
    @Test
    @Timeout(value = 5, unit = TimeUnit.MINUTES)
    void a_read_that_went_back_in_time_is_found_among_reads_that_may_be_stale() throws Exception {
        try (var cluster = new Cluster(folder)) {
            Member leader = cluster.awaitLeaderOfAll();
            int leading = cluster.members().indexOf(leader);
            var client = new Workload(cluster.members());
            Supplier<Optional<String>> violation = () -> Linearizability.violation(client.history());
            for (int i = 0; i < 500 && violation.get().isEmpty(); i++) {
                client.put(leading, "register", i + ";");
                client.readStale((leading + 1) % 3, "register");
            }

            assertThat(client.surprises()).as("answers that nobody should get").isEmpty();
            assertThat(violation.get()).get(STRING).startsWith("no order explains what was read of register");
        }
    }

    private static Duration kill(Cluster cluster, Workload clients) throws Exception {
        Member leader = beforeFault(cluster, clients);
        cluster.process(leader).kill();
        Duration outage = untilServed(cluster, clients, leader);
        cluster.process(leader).start();
        return outage;
    }

    private static Duration pause(Cluster cluster, Workload clients) throws Exception {
        Member leader = beforeFault(cluster, clients);
        clients.pausing(leader);
        cluster.process(leader).signal("STOP");
        Duration outage = untilServed(cluster, clients, leader);
        cluster.process(leader).signal("CONT");
        clients.goesOn(leader);
        return outage;
    }

    /** Asks another node than the leader that was, until it acknowledges a change; returns how long that took. */
    private static Duration untilServed(Cluster cluster, Workload clients, Member gone) {
        int other = (cluster.members().indexOf(gone) + 1) % cluster.members().size();
        long begin = System.nanoTime();
        cluster.await(
                "a change to be acknowledged without the leader",
                () -> clients.put(other, "register-since-" + begin, System.nanoTime() + ";"));
        return Duration.ofNanos(System.nanoTime() - begin);
    }

    private static Member beforeFault(Cluster cluster, Workload clients) {
        cluster.awaitLeaderOfAll();
        clients.nextRound();
        int enough = clients.changes() + CHANGES_BETWEEN;
        cluster.await(CHANGES_BETWEEN + " changes", () -> clients.changes() >= enough);
        return cluster.awaitLeaderOfAll();
    }

    /** What is there in the end belongs to the history. */
    private static void readAll(Cluster cluster, Workload clients) {
        List<String> keys =
                clients.history().stream().map(Operation::key).distinct().toList();
        for (String key : keys) for (int node = 0; node < cluster.members().size(); node++) clients.read(node, key);
    }

    private static void assertEachAppendIsThereOnce(List<Operation> history) {
        history.stream()
                .filter(operation -> operation.kind() == Kind.APPEND)
                .collect(Collectors.groupingBy(Operation::key))
                .forEach((key, appends) -> {
                    String last = history.stream()
                            .filter(operation -> operation.kind() == Kind.READ
                                    && operation.key().equals(key))
                            .reduce((first, second) -> second)
                            .orElseThrow()
                            .text();
                    List<String> found = List.of(last.split("(?<=;)"));
                    assertThat(found).as("appends that were made twice").doesNotHaveDuplicates();
                    assertThat(found)
                            .as("acknowledged appends")
                            .containsAll(appends.stream()
                                    .filter(Operation::isKnown)
                                    .map(Operation::text)
                                    .toList());
                });
    }

    private static void report(
            Workload clients, List<Operation> history, List<Duration> afterKills, List<Duration> afterPauses)
            throws IOException {
        long reads = history.stream()
                .filter(operation -> operation.kind() == Kind.READ)
                .count();
        String figures = "| what | figure |\n|---|--:|\n"
                + row("requests, through all three nodes", "%,d", clients.requests())
                + row("changes that were acknowledged", "%,d", clients.changes())
                + row("reads that were answered", "%,d", reads)
                + row("`kill -9` of the leader", "%d", afterKills.size())
                + row("from the kill to the next acknowledged change, median", "%.1f s", median(afterKills))
                + row("the same, worst", "%.1f s", seconds(Collections.max(afterKills)))
                + row("`kill -STOP` of the leader", "%d", afterPauses.size())
                + row("from the stop to the next acknowledged change, median", "%.1f s", median(afterPauses))
                + row("the same, worst", "%.1f s", seconds(Collections.max(afterPauses)))
                + row("the longest request, to a node that was not paused", "%.1f s", seconds(clients.longest()))
                + row("acknowledged changes that were lost, or made twice", "%d", 0)
                + row("reads that went back in time", "%d", 0);
        System.err.println(figures);
        if (KILLS >= 10 && PAUSES >= 5) Figures.write("README.md", "figures", figures);
    }

    private static String row(String what, String format, Object figure) {
        return "| " + what + " | " + String.format(Locale.ROOT, format, figure) + " |\n";
    }

    private static double median(List<Duration> times) {
        List<Duration> sorted = times.stream().sorted().toList();
        return seconds(sorted.get(sorted.size() / 2));
    }

    private static double seconds(Duration time) {
        return time.toMillis() / 1000.0;
    }
}
