package pitfalls.minikv;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.eclipse.jetty.util.ajax.JSON;

/** Three nodes in three processes, for proofs that kill them. */
final class Cluster implements AutoCloseable {
    /** How long a proof waits for what should be so soon; a fail-safe. */
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private static final Duration PAUSE = Duration.ofMillis(10);

    private static final HttpClient CLIENT = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(1))
            .build();

    private final Ports ports = new Ports();
    private final List<NodeProcess> processes = new ArrayList<>();
    private final List<Member> members;
    private final Queue<String> output = new ConcurrentLinkedQueue<>();

    /** Starts them; they keep their logs in that folder. */
    Cluster(Path folder) throws IOException {
        String list = ports.members(3);
        members = Member.parseAll(list);
        for (Member member : members) processes.add(new NodeProcess(member.id(), list, folder, output::add));
        for (NodeProcess process : processes) process.start();
    }

    List<Member> members() {
        return members;
    }

    NodeProcess process(Member member) {
        return processes.get(members.indexOf(member));
    }

    /** What a node says of itself; empty if it says nothing. */
    Map<?, ?> status(Member member) {
        try {
            var request = HttpRequest.newBuilder(URI.create("http://" + member.http() + "/v1/status"))
                    .timeout(Duration.ofSeconds(1))
                    .build();
            return (Map<?, ?>) new JSON()
                    .fromJSON(CLIENT.send(request, BodyHandlers.ofString()).body());
        } catch (IOException x) {
            return Map.of();
        } catch (InterruptedException x) {
            throw new IllegalStateException(x);
        }
    }

    /** Waits until all nodes follow the same leader, and have what it knows to be the majority's; returns it. */
    Member awaitLeaderOfAll() {
        await("the three nodes to follow one leader", () -> {
            List<Map<?, ?>> all = members.stream().<Map<?, ?>>map(this::status).toList();
            if (all.stream().anyMatch(Map::isEmpty)) return false;
            boolean isOne = all.stream()
                                    .map(status -> status.get("leader"))
                                    .distinct()
                                    .count()
                            == 1
                    && all.stream().map(status -> status.get("term")).distinct().count() == 1
                    && all.get(0).get("leader") != null;
            long most = all.stream().mapToLong(Cluster::committed).max().orElseThrow();
            long least = all.stream().mapToLong(Cluster::applied).min().orElseThrow();
            return isOne && least >= most - 100; // more is on its way
        });
        return leader();
    }

    private static long committed(Map<?, ?> status) {
        return (Long) status.get("committed");
    }

    private static long applied(Map<?, ?> status) {
        return (Long) status.get("applied");
    }

    private Member leader() {
        return members.stream()
                .filter(member -> Objects.equals(status(member).get("role"), "leader"))
                .findFirst()
                .orElseThrow();
    }

    /** Waits until this is so. */
    void await(String what, BooleanSupplier holds) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!holds.getAsBoolean()) {
            assertThat(System.nanoTime())
                    .as(() -> "the time for " + what + "; the nodes know:\n" + statuses() + "; they said:\n"
                            + String.join("\n", output))
                    .isLessThan(deadline);
            LockSupport.parkNanos(PAUSE.toNanos()); // the nodes need the cores more than this loop
        }
    }

    private String statuses() {
        return members.stream()
                .map(member -> "node " + member.id() + ": " + status(member))
                .collect(Collectors.joining("\n"));
    }

    @Override
    public void close() throws IOException {
        for (NodeProcess process : processes) process.end();
        ports.close();
    }
}
