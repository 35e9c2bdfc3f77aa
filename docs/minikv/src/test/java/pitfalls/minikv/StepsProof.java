package pitfalls.minikv;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.component.LifeCycle;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.step01.MinimalProxy;
import pitfalls.step02.ErrorHandlingProxy;
import pitfalls.step03.UrlNormalizingProxy;
import pitfalls.step04.RetryPolicy;
import pitfalls.step04.RetryingProxy;
import pitfalls.step05.HopDetectingProxy;
import pitfalls.step06.DirectedProxy;
import pitfalls.step06.Director;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;

/** What each step's proxy is for: all seven, one after the other, in the place of the one that a node has, while the same things happen. */
class StepsProof implements LoopbackTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private static final Duration AT_ONCE = Duration.ofSeconds(1);
    private static final int LOOP_ENDS = 40;
    private static final int STEPS = 7;

    private static final HttpClient CLIENT =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    @TempDir
    Path folder;

    private final Map<String, List<String>> seen = new TreeMap<>();
    private final List<Node> nodes = new ArrayList<>();

    /** The rows of the table: the step, what happens, and what a client sees without its fix and with it. */
    private record Row(int step, String scene, String before, String after) {
        private String line() {
            return "| " + step + " | " + scene + " | " + before + " | " + after + " |\n";
        }
    }

    private static final String NOTHING_YET = "not even a header, until something changes";
    private static final List<Row> ROWS = List.of(
            new Row(1, "You put a value through a follower.", "–", "200: the leader has stored it"),
            new Row(2, "The leader dies, and you read.", "502, a page of Jetty's", "502, JSON that says what to do"),
            new Row(3, "The leader's address is configured as `:8081`.", "every answer is a 500", "200"),
            new Row(4, "The leader's server restarts, and you read meanwhile.", "502", "200, as soon as it is back"),
            new Row(
                    5,
                    "Each of two nodes thinks that the other is the leader.",
                    "one request becomes " + LOOP_ENDS + ", and does not end there",
                    "508, after one hop"),
            new Row(6, "The leader looks at `Host`.", "the follower's", "the leader's own"),
            new Row(
                    6,
                    "Another node is elected, and you read.",
                    "502, because it still asks the dead one",
                    "200, from the new leader"),
            new Row(
                    7,
                    "You open the replicate stream, and nothing changes.",
                    NOTHING_YET,
                    "the header at once, and each change as it comes"));

    @Test
    @Timeout(60)
    void each_step_fixes_what_a_client_of_the_cluster_sees() throws Exception {
        try (var ports = new Ports()) {
            List<Member> members = Member.parseAll(ports.members(3));
            Queue<String> hosts = new ConcurrentLinkedQueue<>();
            for (Member member : members) {
                var node = new Node(member.id(), members, folder.resolve(member.id()));
                node.server.setRequestLog(
                        (request, response) -> hosts.add(request.getHeaders().get(HttpHeader.HOST)));
                nodes.add(node);
                node.start();
            }
            await(
                    "a leader that all know",
                    () -> nodes.stream().allMatch(node -> node.raft.leader().isPresent())
                            && nodes.stream().anyMatch(node -> node.raft.isReady()));
            Node leader = nodes.stream()
                    .filter(node -> node.raft.isLeader())
                    .findFirst()
                    .orElseThrow();
            List<Node> followers = nodes.stream().filter(node -> node != leader).toList();
            Node follower = followers.get(0);
            String address = "http://127.0.0.1:" + leader.connector.getLocalPort();

            for (int step = 1; step <= STEPS; step++) {
                URI front = serve(follower, newProxy(step, address, () -> address));
                note(0, put(front, "key", "step " + step) == 200 ? ROWS.get(0).after() : "no");
                hosts.clear();
                get(front);
                await("the leader's log", () -> !hosts.isEmpty());
                note(5, hosts.contains(address.substring(7)) ? "the leader's own" : "the follower's");
                note(2, withPortAlone(step, follower, leader.connector.getLocalPort()));
                note(4, loop(step, follower));
                note(7, quietStream(front));
            }
            restart(leader, address, follower);
            killAndElect(leader, address, followers);
        } finally {
            nodes.forEach(node -> LifeCycle.stop(node));
        }

        for (int i = 0; i < ROWS.size(); i++) {
            Row row = ROWS.get(i);
            List<String> cells = seen.get(name(i));
            for (int step = 1; step <= STEPS; step++)
                assertThat(cells.get(step - 1))
                        .as(row.scene() + " With the proxy of step " + step)
                        .isEqualTo(step < row.step() ? row.before() : row.after());
        }
        Figures.assertEqual("README.md", "steps", table());
        Figures.assertEqual("../../README.md", "minikv steps", table());
    }

    private static String table() {
        var table = new StringBuilder(
                "| step | what happens | a client sees, before this step | and from this step on |\n|---|---|---|---|\n");
        ROWS.forEach(row -> table.append(row.line()));
        return table.toString();
    }

    private static String name(int row) {
        return "row " + row;
    }

    private void note(int row, String cell) {
        seen.computeIfAbsent(name(row), name -> new ArrayList<>()).add(cell);
    }

    /** The proxy of that step, as good as it can be made. The first five know one address, and the others ask for it. */
    private static ProxyHandler newProxy(int step, String target, Supplier<String> leader) {
        RetryPolicy retries = RetryPolicy.idempotent().withConnectFor(PATIENCE).withDeadline(PATIENCE);
        ProxyHandler proxy = switch (step) {
            case 1 -> new MinimalProxy(target);
            case 2 -> new ErrorHandlingProxy(target);
            case 3 -> new UrlNormalizingProxy(target);
            case 4 -> new RetryingProxy(target);
            case 5 -> new HopDetectingProxy(target);
            case 6 -> new DirectedProxy(Director.leader(leader));
            default -> new StreamingProxy(Director.leader(leader));
        };
        if (proxy instanceof RetryingProxy retrying) retrying.setRetryPolicy(retries);
        if (proxy instanceof HopDetectingProxy detecting) detecting.setHopMark(Node.FORWARDED);
        return proxy;
    }

    /** What a node serves whose proxy is that one. */
    private static URI serve(Node node, ProxyHandler proxy) throws Exception {
        var late = loopback.serveLater();
        late.serve(entrance(node, proxy));
        return late.address();
    }

    private static Entrance entrance(Node node, ProxyHandler proxy) {
        var api = new Handler.Abstract.NonBlocking() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                return node.api.handle(request, response, callback);
            }
        };
        return new Entrance(node.raft, api, proxy);
    }

    private static String withPortAlone(int step, Node follower, int port) {
        try {
            String target = ":" + port;
            URI front = serve(follower, newProxy(step, target, () -> target));
            int status = get(front).statusCode();
            return status == 200 ? "200" : status == 500 ? "every answer is a 500" : String.valueOf(status);
        } catch (Exception x) {
            return "it does not start: " + x;
        }
    }

    private static String loop(int step, Node follower) throws Exception {
        Loopback.LateServer one = loopback.serveLater(LOOP_ENDS);
        Loopback.LateServer two = loopback.serveLater(LOOP_ENDS);
        String toOne = one.address().toString();
        String toTwo = two.address().toString();
        one.serve(entrance(follower, newProxy(step, toTwo, () -> toTwo)));
        two.serve(entrance(follower, newProxy(step, toOne, () -> toOne)));
        int status = get(one.address()).statusCode();
        int requests = one.requests().count() + two.requests().count();
        if (requests >= LOOP_ENDS) return "one request becomes " + LOOP_ENDS + ", and does not end there";
        return status == 508 && requests == 2 ? "508, after one hop" : status + " after " + requests + " requests";
    }

    private static String quietStream(URI front) throws Exception {
        var head = CLIENT.sendAsync(
                HttpRequest.newBuilder(front.resolve("/v1/replicate/stream")).build(), BodyHandlers.ofInputStream());
        try {
            HttpResponse<InputStream> response = head.get(AT_ONCE.toMillis(), TimeUnit.MILLISECONDS);
            put(front, "streamed", "1");
            byte[] begin = new byte[9];
            try (var body = response.body()) {
                body.readNBytes(begin, 0, begin.length);
            }
            return new String(begin, UTF_8).equals("{\"index\":")
                    ? "the header at once, and each change as it comes"
                    : "something else";
        } catch (TimeoutException x) {
            put(front, "streamed", "1"); // now it comes
            head.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS).body().close();
            return NOTHING_YET;
        }
    }

    /** The leader's server is down for a moment. Raft does not notice, so it still leads. */
    private void restart(Node leader, String address, Node follower) throws Exception {
        List<CompletableFuture<HttpResponse<String>>> reads = new ArrayList<>();
        List<URI> fronts = new ArrayList<>();
        for (int step = 1; step <= STEPS; step++) fronts.add(serve(follower, newProxy(step, address, () -> address)));
        for (URI front : fronts) get(front);
        leader.connector.stop();
        for (URI front : fronts) reads.add(CLIENT.sendAsync(read(front), BodyHandlers.ofString()));
        for (int step = 1; step < 4; step++) reads.get(step - 1).get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        leader.connector.start();
        for (CompletableFuture<HttpResponse<String>> read : reads) {
            int status = read.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS).statusCode();
            note(3, status == 200 ? "200, as soon as it is back" : String.valueOf(status));
        }
    }

    /** One of the followers becomes the leader, and the other one stays what it is. So both have all seven proxies. */
    private void killAndElect(Node leader, String address, List<Node> followers) throws Exception {
        Map<Node, List<URI>> fronts = new HashMap<>();
        for (Node node : followers) {
            List<URI> each = new ArrayList<>();
            for (int step = 1; step <= STEPS; step++) {
                ProxyHandler proxy = newProxy(
                        step,
                        address,
                        () -> node.raft
                                .leader()
                                .map(member -> member.http().toString())
                                .orElse(null));
                if (proxy instanceof RetryingProxy retrying) retrying.setRetryPolicy(RetryPolicy.none());
                each.add(serve(node, proxy));
            }
            fronts.put(node, each);
        }
        leader.connector.stop(); // so that nobody is elected before it is asked
        for (URI front : fronts.get(followers.get(0))) {
            var response = get(front);
            String type = response.headers().firstValue("Content-Type").orElse("");
            boolean isPage = type.startsWith("text/html") && response.body().contains("Jetty");
            note(1, response.statusCode() + (isPage ? ", a page of Jetty's" : ", JSON that says what to do"));
        }
        leader.stop();
        await(
                "another leader",
                () -> followers.stream().anyMatch(node -> node.raft.isReady())
                        && followers.stream()
                                .allMatch(node -> node.raft
                                        .leader()
                                        .filter(member -> !member.id().equals(leader.id()))
                                        .isPresent()));
        Node still = followers.stream()
                .filter(node -> !node.raft.isLeader())
                .findFirst()
                .orElseThrow();
        for (URI front : fronts.get(still)) {
            int status = get(front).statusCode();
            note(6, status == 200 ? "200, from the new leader" : status + ", because it still asks the dead one");
        }
    }

    private static HttpRequest read(URI front) {
        return HttpRequest.newBuilder(front.resolve("/v1/kv/key"))
                .timeout(PATIENCE)
                .build();
    }

    private static HttpResponse<String> get(URI front) throws IOException, InterruptedException, ExecutionException {
        return CLIENT.send(read(front), BodyHandlers.ofString());
    }

    private static int put(URI front, String key, String value) throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(front.resolve("/v1/kv/" + key))
                .timeout(PATIENCE)
                .PUT(BodyPublishers.ofString(value))
                .build();
        return CLIENT.send(request, BodyHandlers.ofString()).statusCode();
    }

    private static void await(String what, BooleanSupplier holds) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!holds.getAsBoolean()) {
            assertThat(System.nanoTime())
                    .as("the time by which this should be so: " + what)
                    .isLessThan(deadline);
            Thread.onSpinWait();
        }
    }
}
