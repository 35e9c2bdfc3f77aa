package pitfalls.minikv;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.eclipse.jetty.util.component.LifeCycle;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import pitfalls.support.Slow;

/** Three nodes, which have elected one of them. */
@Slow
class NodeTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    /** Which one it is depends on whether the node has heard by then that the others are gone. */
    private static final List<Integer> UNCERTAIN = List.of(502, 503, 504, 508);

    private static final HttpClient CLIENT =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    @TempDir
    static Path folder;

    private static final Ports PORTS = new Ports();
    private static final List<Node> NODES = new ArrayList<>();
    private static Node leader;
    private static Node follower;

    @BeforeAll
    static void start() throws Exception {
        List<Member> members = Member.parseAll(PORTS.members(3));
        for (Member member : members) NODES.add(new Node(member.id(), members, folder.resolve(member.id())));
        for (Node node : NODES) node.start();
        await(
                "a leader that all know",
                () -> NODES.stream().allMatch(node -> node.raft.leader().isPresent())
                        && NODES.stream().anyMatch(node -> node.raft.isLeader() && node.raft.isReady()));
        leader = NODES.stream().filter(node -> node.raft.isLeader()).findFirst().orElseThrow();
        follower =
                NODES.stream().filter(node -> !node.raft.isLeader()).findFirst().orElseThrow();
    }

    @AfterAll
    static void stop() throws Exception {
        NODES.forEach(node -> LifeCycle.stop(node));
        PORTS.close();
    }

    @Test
    void a_value_that_was_put_through_any_node_is_read_through_every_node_and_the_leader_answers() throws Exception {
        for (Node writer : NODES) {
            String value = "through " + writer.url();
            assertThat(put(writer, "everywhere", value).statusCode()).isEqualTo(200);
            for (Node reader : NODES) {
                var response = get(reader, "/v1/kv/everywhere");
                assertThat(response.body()).isEqualTo(value);
                assertThat(response.headers().firstValue(Api.NODE)).hasValue(leader.id());
            }
        }
    }

    @Test
    void what_was_deleted_is_gone() throws Exception {
        put(follower, "short-lived", "x");

        assertThat(send(follower, request("/v1/kv/short-lived").DELETE()).statusCode())
                .isEqualTo(200);

        assertThat(get(follower, "/v1/kv/short-lived").statusCode()).isEqualTo(404);
    }

    @Test
    void an_append_that_comes_twice_is_made_once_and_answered_alike() throws Exception {
        var first = append(follower, "list", "a,", "append 1");
        var again = append(leader, "list", "a,", "append 1");
        append(leader, "list", "b,", "append 2");

        assertThat(again.body()).isEqualTo(first.body());
        assertThat(get(leader, "/v1/kv/list").body()).isEqualTo("a,b,");
        assertThat(append(follower, "list", "c,", "append 2").statusCode()).isEqualTo(422);
    }

    @Test
    void each_node_answers_a_stale_read_itself_and_says_up_to_where_it_knows() throws Exception {
        put(leader, "stale", "value");
        long index = follower.store.applied();
        await(
                "that the follower has it",
                () -> "value".equals(follower.store.read("stale").value()));

        var response = get(follower, "/v1/kv/stale?stale=true");

        assertThat(response.body()).isEqualTo("value");
        assertThat(response.headers().firstValue(Api.NODE)).hasValue(follower.id());
        assertThat(response.headers().firstValueAsLong(Api.INDEX).orElseThrow()).isGreaterThanOrEqualTo(index);
    }

    @Test
    void each_node_tells_its_own_status() throws Exception {
        assertThat(get(leader, "/v1/status").body())
                .startsWith("{\"node\":\"" + leader.id() + "\",\"role\":\"leader\",\"term\":")
                .contains("\"leader\":\"" + leader.id() + "\"");
        assertThat(get(follower, "/v1/status").body())
                .startsWith("{\"node\":\"" + follower.id() + "\",\"role\":\"follower\",\"term\":")
                .contains("\"leader\":\"" + leader.id() + "\"");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
                    GET    | /v1/kv/                 | 400 | '' is not a key
                    GET    | /v1/kv/a%2Fb            | 400 | 'a%2Fb' is not a key
                    GET    | /v1/kv/.hidden          | 400 | '.hidden' is not a key
                    GET    | /v1/kv/unknown          | 404 | The key 'unknown' has no value.
                    GET    | /v2/kv/a                | 404 | There is nothing at '/v2/kv/a'.
                    PATCH  | /v1/kv/a                | 405 | 'PATCH' is not possible here. These are: GET, HEAD, PUT, DELETE.
                    POST   | /v1/kv/a/append         | 400 | To append needs an Idempotency-Key
                    GET    | /v1/replicate/stream?from=x | 400 | 'x' is not an index
                    """)
    void what_cannot_be_done_is_refused_in_a_sentence_by_every_node(String method, String path, int status, String why)
            throws Exception {
        for (Node node : NODES) {
            var response = send(node, request(path).method(method, BodyPublishers.noBody()));

            assertThat(response.statusCode()).isEqualTo(status);
            assertThat(response.headers().firstValue("Content-Type")).hasValue("application/problem+json");
            assertThat(response.body()).contains(why);
        }
    }

    @Test
    void a_value_of_64_KiB_passes_and_one_byte_more_does_not_whether_its_length_is_told_or_not() throws Exception {
        String largest = "x".repeat(Store.MAX_VALUE_BYTES);
        var untold = BodyPublishers.fromPublisher(BodyPublishers.ofString(largest + "x"));

        assertThat(put(follower, "large", largest).statusCode()).isEqualTo(200);
        assertThat(put(follower, "large", largest + "x").statusCode()).isEqualTo(413);
        assertThat(send(follower, request("/v1/kv/large").PUT(untold)).statusCode())
                .isEqualTo(413);

        assertThat(get(follower, "/v1/kv/large").body()).isEqualTo(largest);
    }

    @Test
    void a_value_that_is_not_text_is_refused() throws Exception {
        var bytes = BodyPublishers.ofByteArray(new byte[] {(byte) 0xff});

        assertThat(send(leader, request("/v1/kv/bytes").PUT(bytes)).body()).contains("A value must be text in UTF-8.");
    }

    @Test
    void a_forwarded_request_that_finds_no_leader_where_it_was_sent_goes_no_further() throws Exception {
        var response =
                send(follower, request("/v1/kv/a").header(Node.FORWARDED, "1").GET());

        assertThat(response.statusCode()).isEqualTo(508);
        assertThat(response.body()).contains("\"error\":\"no_agreement\"");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void the_replicate_stream_tells_each_change_as_a_line_and_ends_with_its_client(boolean forwarded) throws Exception {
        Node node = forwarded ? follower : leader;
        String key = "streamed-" + forwarded;
        put(node, key, "1");
        long from = leader.store.applied();
        int before = leader.store.listeners();
        var stream = CLIENT.send(
                request("/v1/replicate/stream?from=" + from)
                        .uri(uri(node, "/v1/replicate/stream?from=" + from))
                        .build(),
                BodyHandlers.ofInputStream());
        try (InputStream body = stream.body();
                var lines = new BufferedReader(new InputStreamReader(body, UTF_8))) {
            assertThat(stream.headers().firstValue("Content-Type")).hasValue("application/x-ndjson");
            assertThat(lines.readLine())
                    .isEqualTo("{\"index\":" + from + ",\"op\":\"put\",\"key\":\"" + key + "\",\"value\":\"1\"}");
            put(node, key, "2");
            assertThat(lines.readLine())
                    .isEqualTo("{\"index\":" + leader.store.applied() + ",\"op\":\"put\",\"key\":\"" + key
                            + "\",\"value\":\"2\"}");
            assertThat(leader.store.listeners()).isEqualTo(before + 1);
        }
        await("that nobody listens any more", () -> leader.store.listeners() == before);
    }

    @Test
    void a_node_whose_others_are_down_says_that_nobody_leads_and_answers_stale_reads() throws Exception {
        try (var ports = new Ports()) {
            List<Member> members = Member.parseAll(ports.members(3));
            var alone = new Node("1", members, folder.resolve("alone"));
            alone.start();
            try {
                var response = get(alone, "/v1/kv/a");

                assertThat(response.statusCode()).isEqualTo(503);
                assertThat(response.headers().firstValue("Retry-After")).hasValue("1");
                assertThat(response.body()).contains("\"error\":\"no_leader\"");
                assertThat(get(alone, "/v1/kv/a?stale=true").statusCode()).isEqualTo(404);
                assertThat(get(alone, "/v1/status").body()).contains("\"leader\":null");
            } finally {
                alone.stop();
            }
        }
    }

    @Test
    void a_leader_without_its_others_answers_in_time_that_nothing_is_certain() throws Exception {
        try (var cluster = new Started("cut-off")) {
            cluster.awaitLeader();
            Node last = cluster.leader();
            put(last, "key", "1");
            cluster.nodes.stream().filter(node -> node != last).forEach(node -> LifeCycle.stop(node));

            var write = put(last, "key", "2");
            var read = get(last, "/v1/kv/key");

            assertThat(write.statusCode()).isIn(UNCERTAIN);
            assertThat(read.statusCode()).isIn(UNCERTAIN);
            assertThat(read.body()).contains("\"error\":");
            assertThat(get(last, "/v1/kv/key?stale=true").body()).isEqualTo("1");
        }
    }

    @Test
    void a_node_that_has_missed_more_than_the_log_still_has_gets_a_snapshot() throws Exception {
        try (var cluster = new Started("snapshot")) {
            cluster.awaitLeader();
            Node late = cluster.nodes.stream()
                    .filter(node -> !node.raft.isLeader())
                    .findFirst()
                    .orElseThrow();
            put(cluster.leader(), "key", "before");
            late.stop();
            for (int i = 0; i < 3 * Started.SNAPSHOT_EACH; i++)
                put(cluster.leader(), "key", "value " + i + " ".repeat(1000));
            String last = get(cluster.leader(), "/v1/kv/key").body();

            Node again = cluster.startAgain(late);

            await(
                    "that it has caught up",
                    () -> last.equals(again.store.read("key").value()));
            assertThat(again.store.forgotten())
                    .as("what it has not seen as changes")
                    .isPositive();
        }
    }

    @Test
    void nodes_that_were_all_stopped_come_back_with_what_they_had() throws Exception {
        try (var cluster = new Started("restart")) {
            cluster.awaitLeader();
            put(cluster.leader(), "key", "kept");
            append(cluster.leader(), "key", "!", "once");
            for (Node node : List.copyOf(cluster.nodes)) node.stop();
            for (Node node : List.copyOf(cluster.nodes)) cluster.startAgain(node);
            cluster.awaitLeader();

            append(cluster.leader(), "key", "!", "once");

            assertThat(get(cluster.leader(), "/v1/kv/key").body()).isEqualTo("kept!");
        }
    }

    /** Another cluster, for a test that stops some of it. */
    private static final class Started implements AutoCloseable {
        private static final int SNAPSHOT_EACH = 50;
        private final Ports ports = new Ports();
        private final List<Member> members;
        private final List<Node> nodes = new ArrayList<>();
        private final Path place;

        private Started(String name) throws Exception {
            place = folder.resolve(name);
            members = Member.parseAll(ports.members(3));
            for (Member member : members) nodes.add(newNode(member.id()));
            for (Node node : nodes) node.start();
        }

        private Node newNode(String id) {
            var node = new Node(id, members, place.resolve(id));
            node.raft.setSnapshotEach(SNAPSHOT_EACH);
            return node;
        }

        private void awaitLeader() throws Exception {
            await("a leader", () -> nodes.stream().anyMatch(node -> node.raft.isLeader() && node.raft.isReady()));
        }

        private Node leader() {
            return nodes.stream()
                    .filter(node -> node.raft.isLeader())
                    .findFirst()
                    .orElseThrow();
        }

        /** A new one with the same folder, as after a restart of the process. */
        private Node startAgain(Node stopped) throws Exception {
            Node node = newNode(stopped.id());
            nodes.set(nodes.indexOf(stopped), node);
            node.start();
            return node;
        }

        @Override
        public void close() throws IOException {
            nodes.forEach(node -> LifeCycle.stop(node));
            ports.close();
        }
    }

    private static HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create("http://localhost" + path)).timeout(PATIENCE);
    }

    private static URI uri(Node node, String path) {
        return URI.create(node.url() + path);
    }

    private static HttpResponse<String> send(Node node, HttpRequest.Builder request) throws Exception {
        URI given = request.build().uri();
        String path = given.getRawPath() + (given.getRawQuery() == null ? "" : "?" + given.getRawQuery());
        return CLIENT.send(request.uri(uri(node, path)).build(), BodyHandlers.ofString());
    }

    private static HttpResponse<String> get(Node node, String path) throws Exception {
        return send(node, request(path).GET());
    }

    private static HttpResponse<String> put(Node node, String key, String value) throws Exception {
        return send(node, request("/v1/kv/" + key).PUT(BodyPublishers.ofString(value)));
    }

    private static HttpResponse<String> append(Node node, String key, String value, String id) throws Exception {
        var body = BodyPublishers.ofString(value);
        return send(
                node,
                request("/v1/kv/" + key + "/append")
                        .header(Api.IDEMPOTENCY_KEY, id)
                        .POST(body));
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
