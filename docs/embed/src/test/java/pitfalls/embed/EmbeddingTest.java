package pitfalls.embed;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.BufferedResponseHandler;
import org.eclipse.jetty.server.handler.EagerContentHandler;
import org.eclipse.jetty.util.VirtualThreads;
import org.eclipse.jetty.util.component.LifeCycle;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step07.StreamingProxy;
import pitfalls.step07.Timeouts;
import pitfalls.support.Gate;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.Slow;

/** The finished proxy in somebody's server: whatever stands in front of it or beside it, it does the same. */
class EmbeddingTest implements LoopbackTest {
    private static final String BODY = "0123456789abcdef".repeat(65_536);

    private final Everything everything = new Everything();

    /** One thing that the proxy does. */
    private interface Check {
        void of(Embedded embedded, RawConnection client) throws Exception;
    }

    @TestFactory
    Stream<DynamicContainer> in_each_wrapping_the_proxy_does_the_same() throws Exception {
        return inEachWrapping(embedded -> Stream.of(
                embedded.test("a GET passes", this::get),
                embedded.test("a path with escapes and a query pass as they are", this::pathAndQuery),
                embedded.test("an upload with a length passes", this::upload),
                embedded.test("an upload in chunks passes", this::uploadInChunks),
                embedded.test("a form passes", this::form),
                embedded.test("a response of 200 kB passes", this::download),
                embedded.test("the head of a stream comes before its body", this::stream),
                embedded.testInHttp1("an upgraded connection passes bytes", this::upgrade),
                embedded.test("an upstream that dies before it answers is a 502", this::deathBefore),
                embedded.test("an upstream that dies behind a head is a 502", this::deathBehindTheHead),
                embedded.test("a response that breaks off breaks off", this::deathWithin)));
    }

    @Slow
    @TestFactory
    Stream<DynamicContainer> in_each_wrapping_a_client_that_leaves_frees_the_upstream() throws Exception {
        return inEachWrapping(
                embedded -> Stream.of(embedded.test("a client that leaves a quiet stream frees it", this::leave)));
    }

    private Stream<DynamicContainer> inEachWrapping(Function<Late, Stream<DynamicTest>> checks) throws Exception {
        ScriptedUpstream upstream = loopback.scripted(everything);
        return Stream.of(Wrapping.values()).map(wrapping -> {
            var embedded = new Late(wrapping, upstream.target());
            return DynamicContainer.dynamicContainer(
                    wrapping.name(),
                    Stream.concat(
                            checks.apply(embedded).filter(Objects::nonNull),
                            Stream.of(DynamicTest.dynamicTest("the server stops", embedded::stop))));
        });
    }

    /** A server that starts with its first check. */
    private static final class Late {
        private final Wrapping wrapping;
        private final String target;
        private Embedded embedded;

        private Late(Wrapping wrapping, String target) {
            this.wrapping = wrapping;
            this.target = target;
        }

        private DynamicTest test(String name, Check check) {
            return DynamicTest.dynamicTest(name, () -> {
                assumeTrue(wrapping != Wrapping.VIRTUAL_THREADS || VirtualThreads.areSupported());
                if (embedded == null) embedded = new Embedded(wrapping, target);
                for (int i = 0; i < embedded.server.getConnectors().length; i++) {
                    try (RawConnection client = embedded.connect(i)) {
                        check.of(embedded, client);
                    }
                }
            });
        }

        private DynamicTest testInHttp1(String name, Check check) {
            return wrapping.isHttp2() ? null : test(name, check);
        }

        private void stop() throws IOException {
            if (embedded == null) return;
            embedded.close();
            assertThat(embedded.server.isFailed()).as("whether stopping failed").isFalse();
        }
    }

    @Test
    void a_handler_that_buffers_holds_a_stream_back_to_its_end() throws Exception {
        ScriptedUpstream upstream = loopback.scripted(everything);
        var wasSilent = everything.gate("the client has received nothing for a while");
        URI server = loopback.serve(new BufferedResponseHandler(new StreamingProxy(upstream.target())));
        var client = loopback.connect(server);

        client.sendRequest("GET /stream");
        boolean silent = loopback.isSilent(client);
        wasSilent.open();

        assertThat(silent).as("whether the stream is held back").isTrue();
        assertOk(client.receiveResponse(), Everything.EVENT);
    }

    @TestFactory
    Stream<DynamicTest> a_handler_that_buffers_lets_a_stream_pass_that_its_rules_leave_out() {
        return Stream.<Map.Entry<String, Consumer<BufferedResponseHandler>>>of(
                        Map.entry("by its type", handler -> handler.excludeMimeType("text/event-stream")),
                        Map.entry("by its path", handler -> handler.excludePath("/events/*")))
                .map(rule -> DynamicTest.dynamicTest(rule.getKey(), () -> {
                    ScriptedUpstream upstream = loopback.scripted(everything);
                    var headArrived = everything.gate("the client has received the head of the stream");
                    var buffered = new BufferedResponseHandler(new StreamingProxy(upstream.target()));
                    rule.getValue().accept(buffered);
                    var client = loopback.connect(loopback.serve(buffered));

                    client.sendRequest("GET /events/stream");
                    var head = new RawMessage(client.receiveHead(), "", true);
                    headArrived.open();

                    assertOk(client.receiveBodyOf(head), Everything.EVENT);
                }));
    }

    @Test
    void a_client_that_leaves_a_stream_that_is_held_back_frees_the_upstream() throws Exception {
        var asked = new Gate("the upstream has begun its answer");
        var freed = new Gate("the upstream's connection has ended");
        ScriptedUpstream upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
            asked.open();
            connection.awaitEnd();
            freed.open();
        });
        var client =
                loopback.connect(loopback.serve(new BufferedResponseHandler(new StreamingProxy(upstream.target()))));

        client.sendRequest("GET /quiet");
        asked.await();
        client.close();

        freed.await();
    }

    @Test
    void a_handler_that_parses_forms_leaves_no_body_for_the_upstream() throws Exception {
        ScriptedUpstream upstream = loopback.scripted(everything);
        var proxy = new StreamingProxy(upstream.target());
        proxy.setTimeouts(Timeouts.defaults().withResponse(Duration.ofMillis(300)));
        var client = loopback.connect(loopback.serve(new EagerContentHandler(proxy)));

        var response = client.sendRequest(
                        "POST /upload", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 3")
                .send("a=1")
                .receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(504);
    }

    @Test
    void a_handler_that_tries_paths_decodes_what_need_not_be_encoded() throws Exception {
        ScriptedUpstream upstream = loopback.scripted(everything);
        try (var embedded = new Embedded(Wrapping.TRY_PATHS, upstream.target());
                var client = embedded.connect()) {
            var response = client.sendRequest("GET /caf%C3%A9").receiveResponse();

            assertThat(response.body().getBytes(ISO_8859_1))
                    .as("the path, as the upstream gets it")
                    .isEqualTo("/café".getBytes(UTF_8));
        }
    }

    @Slow
    @Test
    void a_server_with_a_GracefulHandler_answers_what_is_in_flight_before_it_stops() throws Exception {
        var asked = new Gate("the upstream has the request");
        var stopping = new Gate("the server accepts no more connections");
        ScriptedUpstream upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            asked.open();
            stopping.await();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast");
        });
        var embedded = new Embedded(Wrapping.GRACEFUL, upstream.target());
        embedded.server.setStopTimeout(Loopback.PATIENCE.toMillis());
        try (var client = embedded.connect()) {
            client.sendRequest("GET /x");
            asked.await();
            var stopped = CompletableFuture.runAsync(() -> LifeCycle.stop(embedded.server));
            while (embedded.isListening()) Thread.onSpinWait();
            stopping.open();

            assertThat(client.receiveResponse().body()).isEqualTo("last");
            stopped.get(Loopback.PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    @Test
    void more_requests_wait_for_the_upstream_than_the_server_has_threads() throws Exception {
        int requests = 40;
        var allThere = new CountDownLatch(requests);
        ScriptedUpstream upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            allThere.countDown();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-All-There: "
                    + allThere.await(Loopback.PATIENCE.toMillis(), TimeUnit.MILLISECONDS) + "\r\n\r\n");
        });
        var server = new Server(new QueuedThreadPool(6, 2));
        var connector = new ServerConnector(server, 1, 1);
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        server.setHandler(new StreamingProxy(upstream.target()));
        loopback.started(server);
        var address = URI.create("http://127.0.0.1:" + connector.getLocalPort());
        List<RawConnection> clients = new ArrayList<>();
        for (int i = 0; i < requests; i++) clients.add(loopback.connect(address).sendRequest("GET /x"));

        for (RawConnection client : clients)
            assertThat(client.receiveResponse().field("X-All-There"))
                    .as("whether all requests were at the upstream at once")
                    .containsExactly("true");
    }

    private void get(Embedded embedded, RawConnection client) throws Exception {
        var response = embedded.send(client, "GET", "/x").receiveResponse();

        assertOk(response, embedded.wrapping.upstreamPrefix() + "/x");
    }

    private void pathAndQuery(Embedded embedded, RawConnection client) throws Exception {
        String path = embedded.wrapping.path();

        var response = embedded.send(client, "GET", path).receiveResponse();

        assertOk(response, embedded.wrapping.upstreamPrefix() + path);
    }

    private void upload(Embedded embedded, RawConnection client) throws Exception {
        var response = embedded.send(client, "POST", "/upload", "Content-Length: " + BODY.length())
                .send(BODY)
                .receiveResponse();

        assertOk(response, Everything.sum(BODY));
    }

    private void uploadInChunks(Embedded embedded, RawConnection client) throws Exception {
        var response = embedded.send(client, "PUT", "/upload", "Transfer-Encoding: chunked")
                .send("10000\r\n" + BODY.substring(0, 0x10000) + "\r\n")
                .send("F0000\r\n" + BODY.substring(0x10000) + "\r\n0\r\n\r\n")
                .receiveResponse();

        assertOk(response, Everything.sum(BODY));
    }

    private void form(Embedded embedded, RawConnection client) throws Exception {
        String form = "a=1&b=%C3%A9&c=" + "x".repeat(10_000);

        var response = embedded.send(
                        client,
                        "POST",
                        "/upload",
                        "Content-Type: application/x-www-form-urlencoded",
                        "Content-Length: " + form.length())
                .send(form)
                .receiveResponse();

        assertOk(response, Everything.sum(form));
    }

    private void download(Embedded embedded, RawConnection client) throws Exception {
        var response = embedded.send(client, "GET", "/large").receiveResponse();

        assertOk(response, "x".repeat(Everything.LARGE));
    }

    private void stream(Embedded embedded, RawConnection client) throws Exception {
        var headArrived = everything.gate("the client has received the head of the stream");

        embedded.send(client, "GET", "/stream");
        var head = new RawMessage(client.receiveHead(), "", true);
        headArrived.open();

        assertOk(client.receiveBodyOf(head), Everything.EVENT);
    }

    private void leave(Embedded embedded, RawConnection client) throws Exception {
        var freed = everything.gate("the upstream's connection has ended");

        embedded.send(client, "GET", "/quiet");
        client.receiveHead();
        client.receiveChunk();
        client.close();

        freed.await();
    }

    private void upgrade(Embedded embedded, RawConnection client) throws Exception {
        var head = embedded.send(client, "GET", "/chat", "Connection: Upgrade", "Upgrade: chat/2")
                .receiveHead();

        assertThat(head).startsWith("HTTP/1.1 101 ");
        assertThat(client.send("hello").receiveToEnd()).isEqualTo("echo of hello");
    }

    private void deathBefore(Embedded embedded, RawConnection client) throws Exception {
        death(embedded, client, "before");
    }

    private void deathBehindTheHead(Embedded embedded, RawConnection client) throws Exception {
        embedded.proxy.setTimeouts(Timeouts.defaults().withHead(Loopback.PATIENCE)); // for a machine that stalls
        try {
            death(embedded, client, "behind-the-head");
        } finally {
            embedded.proxy.setTimeouts(Timeouts.defaults());
        }
    }

    private static void death(Embedded embedded, RawConnection client, String when) throws Exception {
        var response = embedded.send(client, "POST", "/dies-" + when, "Content-Length: 2")
                .send("ab")
                .receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(502);
        assertThat(response.field("Content-Type"))
                .as("Content-Type of the response")
                .containsExactly("application/problem+json");
    }

    private void deathWithin(Embedded embedded, RawConnection client) throws Exception {
        var arrived = everything.gate("the client has received the first bytes");

        embedded.send(client, "POST", "/dies-within", "Content-Length: 2").send("ab");
        var head = new RawMessage(client.receiveHead(), "", true);
        arrived.open();

        assertThat(head.status()).as("the status of the response").isEqualTo(200);
        assertThat(client.receiveBodyOf(head).complete())
                .as("whether the client takes half a response for a whole one")
                .isFalse();
    }

    private static void assertOk(RawMessage response, String body) throws IOException {
        assertThat(response.status()).as("the status of the response").isEqualTo(200);
        assertThat(response.complete()).as("whether the response is whole").isTrue();
        assertThat(content(response)).as("the body of the response").isEqualTo(body);
    }

    private static String content(RawMessage response) throws IOException {
        if (!response.field("Content-Encoding").contains("gzip")) return response.body();
        var gzip = new GZIPInputStream(new ByteArrayInputStream(response.body().getBytes(ISO_8859_1)));
        return new String(gzip.readAllBytes(), ISO_8859_1);
    }
}
