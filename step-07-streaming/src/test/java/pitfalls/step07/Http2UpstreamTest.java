package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.http2.Http2Peer.DATA;
import static pitfalls.http2.Http2Peer.HEADERS;
import static pitfalls.http2.Http2Peer.RST_STREAM;

import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import okhttp3.Protocol;
import org.eclipse.jetty.http2.RetryableStreamException;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import pitfalls.http2.Http2Peer;
import pitfalls.http2.Http2Peer.Frame;
import pitfalls.step02.ProxyError;
import pitfalls.step04.RetryPolicy;
import pitfalls.step06.DirectedProxy;
import pitfalls.support.Gate;
import pitfalls.support.LogLines;
import pitfalls.support.LookingAway;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.Slow;
import pitfalls.support.TestAuthority;

/** What only an upstream that speaks HTTP/2 can do. */
class Http2UpstreamTest implements LoopbackTest {
    private static final int MAX_CONCURRENT_STREAMS = 3;
    private static final int INITIAL_WINDOW_SIZE = 4;
    private static final int MAX_HEADER_LIST_SIZE = 6;

    /** The upstream's part on one connection. */
    private interface Script {
        void play(Http2Peer upstream) throws Exception;
    }

    private static ScriptedUpstream scripted(Script... scripts) throws Exception {
        return loopback.scripted(Stream.of(scripts)
                .map(script -> (ScriptedUpstream.Script) connection -> {
                    script.play(Http2Peer.server(connection));
                    connection.awaitEnd(); // it ends with the proxy, and never while a response is read
                })
                .toArray(ScriptedUpstream.Script[]::new));
    }

    private static StreamingProxy proxy(ScriptedUpstream upstream) {
        return new StreamingProxy("h2c://127.0.0.1:" + upstream.port());
    }

    private static StreamingProxy retrying(ScriptedUpstream upstream) {
        var proxy = proxy(upstream);
        proxy.setRetryPolicy(RetryPolicy.idempotent().withAttempts(2).withBackoff(Duration.ZERO, Duration.ZERO));
        return proxy;
    }

    private static void answer(Http2Peer upstream, int stream, int status) throws IOException {
        upstream.headers(stream, true, ":status: " + status);
    }

    /** Answers all requests until the connection ends. */
    private static void answerAll(Http2Peer upstream) throws IOException {
        while (true) {
            Frame frame;
            try {
                frame = upstream.receive();
            } catch (IOException ended) {
                return;
            }
            if (frame.isLast()) answer(upstream, frame.stream(), 200);
        }
    }

    @Test
    void an_earlier_steps_proxy_says_that_it_does_not_speak_HTTP_2() throws Exception {
        var upstream = scripted(Http2UpstreamTest::answerAll);
        var proxy = loopback.serve(new DirectedProxy("h2c://127.0.0.1:" + upstream.port()));

        var response = loopback.connect(proxy).sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).isEqualTo(500);
        assertThat(response.field("Proxy-Status")).containsExactly("reverse-proxy; error=proxy_configuration_error");
        assertThat(upstream.connections()).isZero();
    }

    /** Jetty mostly reports it as another exception, and in a race of two threads as this one. */
    @Test
    void a_stream_that_a_GOAWAY_leaves_out_is_told_apart_whichever_of_Jettys_exceptions_says_so() {
        var error = ProxyError.ofUpstream(new RetryableStreamException(), ProxyError.Progress.REQUEST_BEGUN);

        assertThat(error.kind()).isEqualTo(ProxyError.NOT_PROCESSED);
    }

    private interface Refusal {
        void run(boolean isGoAway) throws Exception;
    }

    /** How an upstream says that it did nothing with a request. */
    private static Stream<DynamicTest> refused(Refusal test) {
        return Stream.of(
                DynamicTest.dynamicTest("REFUSED_STREAM", () -> test.run(false)),
                DynamicTest.dynamicTest("GOAWAY that leaves it out", () -> test.run(true)));
    }

    /** An upstream that does nothing with so many requests, and keeps the bodies of the others. */
    private static ScriptedUpstream refusing(boolean isGoAway, int times, Queue<String> bodies) throws Exception {
        var refusals = new AtomicInteger(times);
        return scripted(upstream -> {
            Frame request = upstream.receive(HEADERS);
            while (refusals.getAndDecrement() > 0) {
                if (isGoAway) {
                    upstream.goAway(0, Http2Peer.NO_ERROR);
                    return;
                }
                upstream.reset(request.stream(), Http2Peer.REFUSED_STREAM);
                request = next(upstream);
                if (request == null) return;
            }
            bodies.add(upstream.receiveBody());
            answer(upstream, request.stream(), 200);
            answerAll(upstream);
        });
    }

    /** The next request; {@code null} if none comes. */
    private static Frame next(Http2Peer upstream) {
        try {
            return upstream.receive(HEADERS);
        } catch (IOException ended) {
            return null;
        }
    }

    @TestFactory
    Stream<DynamicTest> what_the_upstream_did_nothing_with_is_sent_again_once_whatever_its_method() {
        return refused(isGoAway -> {
            var bodies = new LinkedBlockingQueue<String>();
            var upstream = refusing(isGoAway, 1, bodies);
            var client = loopback.connect(loopback.serve(proxy(upstream)));

            var response = client.sendRequest("POST /x", "Content-Length: 4")
                    .send("body")
                    .receiveResponse();

            assertThat(response.status()).isEqualTo(200);
            assertThat(bodies).containsExactly("body");
        });
    }

    @TestFactory
    Stream<DynamicTest> what_the_upstream_did_nothing_with_twice_is_a_503() {
        return refused(isGoAway -> {
            var upstream = refusing(isGoAway, 2, new LinkedBlockingQueue<>());
            var client = loopback.connect(loopback.serve(proxy(upstream)));

            var response = client.sendRequest("POST /x", "Content-Length: 4")
                    .send("body")
                    .receiveResponse();

            assertThat(response.status()).isEqualTo(503);
            assertThat(response.field("Proxy-Status")).containsExactly("reverse-proxy; error=destination_unavailable");
        });
    }

    @TestFactory
    Stream<DynamicTest> what_the_upstream_did_nothing_with_is_not_sent_again_if_it_is_too_long_or_may_not_be() {
        return refused(isGoAway -> {
            for (boolean isTooLong : List.of(true, false)) {
                int length = isTooLong ? 70_000 : 4;
                var proxy = proxy(refusing(isGoAway, 1, new LinkedBlockingQueue<>()));
                proxy.setReplacingStaleConnections(isTooLong);
                var client = loopback.connect(loopback.serve(proxy));

                var response = client.sendRequest("POST /x", "Content-Length: " + length)
                        .send("x".repeat(length))
                        .receiveResponse();

                assertThat(response.status()).isEqualTo(503);
            }
        });
    }

    @TestFactory
    Stream<DynamicTest> a_stream_that_ends_with_an_error_is_not_sent_again_and_told_apart() {
        return Stream.of(
                        "1 502 http_protocol_error",
                        "2 502 connection_terminated",
                        "3 502 http_protocol_error",
                        "5 502 connection_terminated",
                        "8 502 connection_terminated",
                        "11 502 connection_terminated",
                        "13 502 http_protocol_error")
                .map(row -> row.split(" "))
                .map(row -> DynamicTest.dynamicTest("error code " + row[0], () -> {
                    var upstream = scripted(connection -> {
                        Frame request = connection.receive(HEADERS);
                        connection.reset(request.stream(), Integer.parseInt(row[0]));
                        answerAll(connection);
                    });
                    var client = loopback.connect(loopback.serve(retrying(upstream)));

                    var response =
                            client.sendRequest("POST /x", "Content-Length: 0").receiveResponse();

                    assertThat(response.startLine()).contains(row[1]);
                    assertThat(response.field("Proxy-Status")).containsExactly("reverse-proxy; error=" + row[2]);
                }));
    }

    @Test
    void a_GET_whose_stream_was_ended_with_an_error_is_sent_again_on_the_same_connection() throws Exception {
        var upstream = scripted(connection -> {
            connection.reset(connection.receive(HEADERS).stream(), Http2Peer.INTERNAL_ERROR);
            answerAll(connection);
        });
        var client = loopback.connect(loopback.serve(retrying(upstream)));

        assertThat(client.sendRequest("GET /x").receiveResponse().status()).isEqualTo(200);
        assertThat(upstream.connections()).isOne();
    }

    @Test
    void an_upstream_that_speaks_HTTP_1_1_only_is_a_502_that_says_so() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receive(24);
            connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            connection.awaitEnd();
        });
        var client = loopback.connect(loopback.serve(proxy(upstream)));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.field("Proxy-Status")).containsExactly("reverse-proxy; error=http_protocol_error");
    }

    /** How a connection can end below all its requests. */
    @TestFactory
    Stream<DynamicTest> a_connection_that_dies_is_the_upstreams_fault_for_each_of_its_requests() {
        record Death(String name, Script script) {}
        return Stream.of(
                        new Death("FIN", upstream -> upstream.connection().close()),
                        new Death("RST", upstream -> upstream.connection().reset()),
                        new Death("GOAWAY behind the requests", upstream -> {
                            upstream.goAway(3, Http2Peer.INTERNAL_ERROR);
                            upstream.connection().close();
                        }),
                        new Death("no HTTP/2", upstream -> upstream.connection().send("HTTP/1.1 400 x\r\n\r\n")))
                .map(death -> DynamicTest.dynamicTest(death.name(), () -> {
                    var halfArrived = new Gate("half of the response has arrived");
                    var upstream = scripted(connection -> {
                        connection.receive(HEADERS);
                        connection.headers(1, false, ":status: 200").data(1, "half", false);
                        connection.receive(HEADERS);
                        halfArrived.await();
                        death.script().play(connection);
                    });
                    var server = loopback.serve(proxy(upstream));
                    var begun = loopback.connect(server).sendRequest("GET /begun");
                    var head = new RawMessage(begun.receiveHead(), "", true);
                    assertThat(begun.receiveChunk()).isEqualTo("half");
                    var waiting = loopback.connect(server).sendRequest("POST /waiting", "Content-Length: 0");
                    halfArrived.open();

                    var half = begun.receiveBodyOf(head);
                    var error = waiting.receiveResponse();

                    assertThat(half.complete()).isFalse();
                    assertThat(error.status()).isEqualTo(502);
                    assertThat(error.field("Proxy-Status").get(0))
                            .isIn(
                                    "reverse-proxy; error=connection_terminated",
                                    "reverse-proxy; error=http_protocol_error");
                }));
    }

    @TestFactory
    Stream<DynamicTest> a_malformed_response_is_a_502() {
        return Stream.of(
                        "transfer-encoding: chunked",
                        "connection: close",
                        "keep-alive: 1",
                        "upgrade: h2c",
                        "X-Upper: 1",
                        "content-length: +0",
                        "content-length: -1",
                        "content-length: x",
                        "x-a: b\r\nx-evil: 1",
                        ":path: /x")
                .map(field -> DynamicTest.dynamicTest(field.replace("\r\n", "CRLF"), () -> {
                    var upstream = scripted(connection -> {
                        Frame request = connection.receive(HEADERS);
                        connection.headers(request.stream(), true, ":status: 200", field);
                        connection.connection().awaitEnd();
                    });
                    var client = loopback.connect(loopback.serve(proxy(upstream)));

                    var response = client.sendRequest("GET /x").receiveResponse();

                    assertThat(response.status()).isEqualTo(502);
                    assertThat(response.field("x-evil")).isEmpty();
                }));
    }

    @TestFactory
    Stream<DynamicTest> a_header_that_is_too_long_is_refused_and_the_connection_goes_on() {
        int limit = 4000;
        return Stream.of("request", "trailers", "response")
                .map(what -> DynamicTest.dynamicTest(what, () -> {
                    String tooLong = "x".repeat(what.equals("response") ? 20_000 : limit);
                    var upstream = loopback.scripted(connection -> {
                        var peer = Http2Peer.server(connection, MAX_HEADER_LIST_SIZE, limit);
                        int first = peer.receive(HEADERS).stream();
                        answer(peer, first, 200);
                        while (true) {
                            Frame frame = next(peer);
                            if (frame == null) return;
                            boolean isBad = what.equals("response")
                                    && frame.field(":path").contains("/bad");
                            if (isBad) peer.headers(frame.stream(), true, ":status: 200", "x-long: " + tooLong);
                            else if (frame.isLast()) answer(peer, frame.stream(), 200);
                        }
                    });
                    var http = new HttpConfiguration();
                    var server = loopback.serve(
                            proxy(upstream), new HttpConnectionFactory(http), new HTTP2CServerConnectionFactory(http));
                    var client = loopback.connect(server);
                    client.sendRequest("GET /first").receiveResponse(); // its settings have come

                    var bad = loopback.connect(server);
                    if (what.equals("trailers"))
                        bad.sendRequest("POST /bad", "Transfer-Encoding: chunked")
                                .send("1\r\na\r\n0\r\nX-Long: " + tooLong + "\r\n\r\n");
                    else bad.sendRequest("GET /bad", what.equals("request") ? "X-Long: " + tooLong : "X-Short: 1");
                    var error = bad.receiveResponse();

                    assertThat(error.status()).isEqualTo(what.equals("response") ? 502 : 431);
                    assertThat(client.sendRequest("GET /last").receiveResponse().status())
                            .isEqualTo(200);
                    assertThat(upstream.connections()).isOne();
                }));
    }

    @TestFactory
    Stream<DynamicTest> a_response_that_is_not_as_long_as_it_says_is_not_whole() {
        return Stream.of("ab", "abcd")
                .map(body -> DynamicTest.dynamicTest(body, () -> {
                    var upstream = scripted(connection -> {
                        int stream = connection.receive(HEADERS).stream();
                        connection
                                .headers(stream, false, ":status: 200", "content-length: 3")
                                .data(stream, body, true);
                        connection.connection().awaitEnd();
                    });
                    var client = loopback.connect(loopback.serve(proxy(upstream)));

                    var response = client.sendRequest("GET /x").receiveResponse();

                    assertThat(response.status() == 502 || !response.complete())
                            .as("told apart")
                            .isTrue();
                }));
    }

    @TestFactory
    Stream<DynamicTest> a_whole_response_is_passed_on_although_its_connection_ends_before_it_was_read() {
        return Stream.of("FIN", "GOAWAY and FIN", "RST_STREAM, GOAWAY and FIN")
                .map(end -> DynamicTest.dynamicTest(end, () -> {
                    var upstream = loopback.scripted(connection -> {
                        var peer = Http2Peer.server(connection);
                        int stream = peer.receive(HEADERS).stream();
                        peer.headers(stream, false, ":status: 200");
                        for (int i = 0; i < 3; i++) peer.data(stream, "x".repeat(10_000), i == 2);
                        if (end.startsWith("RST_STREAM")) peer.reset(stream, Http2Peer.NO_ERROR);
                        if (end.contains("GOAWAY")) peer.goAway(stream, Http2Peer.NO_ERROR);
                        connection.shutdownOutput();
                        connection.awaitEnd();
                    });
                    var proxy = proxy(upstream);
                    var client = smallWindow(proxy).get(1, "/x");
                    assertThat(client.receive(DATA).payload())
                            .as("what is read at first")
                            .hasSize(10);

                    awaitNoConnection(proxy);
                    client.giveWindow(1, 40_000, false);

                    assertThat(client.receiveBody()).hasSize(30_000 - 10);
                }));
    }

    @DisabledOnOs(OS.WINDOWS) // where a reset takes away what has arrived before
    @Test
    void a_whole_response_is_passed_on_although_its_connection_is_reset_before_it_was_read() throws Exception {
        var asked = new Gate("the upstream has the first request");
        var looksAway = new Gate("the proxy does not see what the upstream sends");
        var gone = new Gate("the upstream has answered and is gone");
        var tried = new Gate("the proxy has tried to send the second request");
        var upstream = scripted(
                connection -> {
                    int stream = connection.receive(HEADERS).stream();
                    asked.open();
                    looksAway.await();
                    connection.headers(stream, false, ":status: 200").data(stream, "first", true);
                    connection.connection().reset();
                    gone.open();
                },
                Http2UpstreamTest::answerAll);
        var proxy = retrying(upstream);
        var server = loopback.serve(new Handler.Wrapper(proxy) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                boolean handled = super.handle(request, response, callback);
                if (Request.getPathInContext(request).equals("/second")) tried.open();
                return handled;
            }
        });

        RawConnection first = loopback.connect(server).sendRequest("POST /first", "Content-Length: 0");
        asked.await();
        RawConnection second;
        try (var away = new LookingAway(proxy)) {
            away.await();
            looksAway.open();
            gone.await();
            second = loopback.connect(server).sendRequest("GET /second");
            tried.await();
        }

        assertThat(first.receiveResponse().body()).isEqualTo("first");
        assertThat(second.receiveResponse().status()).isEqualTo(200);
    }

    /** An upstream that is being stopped, or that takes so many requests on a connection and no more. */
    @TestFactory
    Stream<DynamicTest> requests_that_are_under_way_when_the_upstream_takes_no_more_are_answered() {
        return Stream.of(3, Integer.MAX_VALUE)
                .map(last -> DynamicTest.dynamicTest("GOAWAY up to " + last, () -> {
                    var asked = new Gate("the first request is under way");
                    var read = new Gate("the first response has arrived");
                    var ended = new Gate("the connection has ended");
                    var upstream = loopback.scripted(connection -> {
                        var peer = Http2Peer.server(connection);
                        int first = peer.receive(HEADERS).stream();
                        asked.open();
                        int second = peer.receive(HEADERS).stream();
                        peer.goAway(last, Http2Peer.NO_ERROR);
                        answer(peer, first, 200);
                        read.await();
                        answer(peer, second, 200);
                        if (last == Integer.MAX_VALUE) peer.goAway(3, Http2Peer.NO_ERROR);
                        connection.awaitEnd();
                        ended.open();
                    });
                    var server = loopback.serve(proxy(upstream));
                    var first = loopback.connect(server).sendRequest("POST /1", "Content-Length: 0");
                    asked.await();
                    var second = loopback.connect(server).sendRequest("POST /2", "Content-Length: 0");

                    assertThat(first.receiveResponse().status()).isEqualTo(200);
                    read.open();

                    assertThat(second.receiveResponse().status()).isEqualTo(200);
                    ended.await();
                }));
    }

    /** A client that takes ten bytes at first. */
    private static Http2Peer smallWindow(StreamingProxy proxy) throws Exception {
        var http = new HttpConfiguration();
        var server = loopback.serve(proxy, new HttpConnectionFactory(http), new HTTP2CServerConnectionFactory(http));
        byte[] tenBytes = {0, INITIAL_WINDOW_SIZE, 0, 0, 0, 10};
        return Http2Peer.client(loopback.connect(server)).keepWindows().send(Http2Peer.SETTINGS, 0, 0, tenBytes);
    }

    /** Waits until the proxy has noticed that the connection to its upstream has ended. */
    private static void awaitNoConnection(StreamingProxy proxy) {
        long deadline = System.nanoTime() + Loopback.PATIENCE.toNanos();
        while (Loopback.hasConnection(proxy.getHttpClient())) {
            assertThat(System.nanoTime()).as("when the end is noticed").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    @Test
    void a_call_whose_upstream_dies_while_a_message_is_written_ends_behind_it_with_a_sentence() throws Exception {
        var begun = new Gate("the beginning of the message has arrived");
        var upstream = scripted(connection -> {
            int stream = connection.receive(HEADERS).stream();
            connection.headers(stream, false, ":status: 200", "content-type: application/grpc");
            connection.data(stream, "a message of 24 letters.", false);
            begun.await();
            connection.reset(stream, Http2Peer.INTERNAL_ERROR);
        });
        var client = smallWindow(proxy(upstream));

        try (var log = LogLines.of("pitfalls")) {
            client.post(1, "/x", "content-type: application/grpc", "te: trailers");
            assertThat(client.receive(DATA).payload()).isEqualTo("a message ");
            begun.open();
            assertThat(log.first())
                    .as("the failure, with the rest of the message unwritten")
                    .contains("aborted 502");
            client.giveWindow(1, 40, false);
            var rest = client.receive();
            var trailers = client.receive();

            assertThat(rest.payload()).isEqualTo("of 24 letters.");
            assertThat(trailers.type()).isEqualTo(HEADERS);
            assertThat(trailers.field("grpc-status")).containsExactly("14");
            assertThat(trailers.field("grpc-message"))
                    .singleElement()
                    .asString()
                    .contains("upstream server");
        }
    }

    @TestFactory
    Stream<DynamicTest> a_call_that_its_server_cancels_when_its_time_is_over_has_exceeded_its_deadline() {
        return Stream.of(Map.entry("1n", "4"), Map.entry("1H", "14"))
                .map(timeout -> DynamicTest.dynamicTest(timeout.getKey(), () -> {
                    var upstream = scripted(
                            connection -> connection.reset(connection.receive(HEADERS).stream(), Http2Peer.CANCEL));
                    var client = smallWindow(proxy(upstream));

                    client.post(
                            1,
                            "/x",
                            "content-type: application/grpc",
                            "te: trailers",
                            "grpc-timeout: " + timeout.getKey());

                    assertThat(client.receive(HEADERS).field("grpc-status")).containsExactly(timeout.getValue());
                }));
    }

    @TestFactory
    Stream<DynamicTest> trailers_behind_a_body_with_a_length_pass_where_HTTP_2_is_certain() {
        return Stream.of("h2c", "http")
                .map(scheme -> DynamicTest.dynamicTest(scheme, () -> {
                    var trailers = new LinkedBlockingQueue<Frame>();
                    var upstream = scripted(connection -> {
                        int stream = connection.receive(HEADERS).stream();
                        trailers.add(connection.receive(HEADERS));
                        answer(connection, stream, 200);
                    });
                    var proxy = new StreamingProxy(scheme + "://127.0.0.1:" + upstream.port());
                    proxy.setUpstreamProtocol(UpstreamProtocol.HTTP_2);
                    var http = new HttpConfiguration();
                    var server = loopback.serve(
                            proxy, new HttpConnectionFactory(http), new HTTP2CServerConnectionFactory(http));
                    var client = Http2Peer.client(loopback.connect(server));

                    client.post(1, "/x", "content-length: 3").data(1, "abc", false);
                    client.headers(1, true, "x-sum: 7");

                    assertThat(client.receive(HEADERS).status()).isEqualTo(200);
                    assertThat(trailers.remove().field("x-sum")).containsExactly("7");
                }));
    }

    @Test
    void a_response_with_a_length_and_trailers_passes_to_a_client_of_HTTP_1_1_without_the_trailers() throws Exception {
        var upstream = scripted(connection -> {
            int stream = connection.receive(HEADERS).stream();
            connection.headers(stream, false, ":status: 200", "content-length: 3");
            connection.data(stream, "abc", false).headers(stream, true, "x-sum: 7");
            answerAll(connection);
        });
        var client = loopback.connect(loopback.serve(proxy(upstream)));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.body()).isEqualTo("abc");
        assertThat(client.sendRequest("GET /y").receiveResponse().status()).isEqualTo(200);
    }

    @Test
    @Slow
    void requests_share_a_connection_and_one_that_is_quiet_for_too_long_ends_alone() throws Exception {
        var upstream = scripted(connection -> {
            int stream = connection.receive(HEADERS).stream();
            connection.headers(stream, false, ":status: 200").data(stream, "one", false);
            int quiet = connection.receive(HEADERS).stream();
            assertThat(connection.receive(RST_STREAM).stream()).isEqualTo(quiet);
            connection.data(stream, "two", true);
        });
        var proxy = proxy(upstream);
        proxy.setTimeouts(Timeouts.defaults().withResponse(Duration.ofMillis(300)));
        var server = loopback.serve(proxy);
        var stream = loopback.connect(server).sendRequest("GET /stream");
        var head = new RawMessage(stream.receiveHead(), "", true);

        var quiet = loopback.connect(server).sendRequest("GET /quiet");

        assertThat(quiet.receiveResponse().status()).isEqualTo(504);
        assertThat(stream.receiveBodyOf(head).body()).isEqualTo("onetwo");
        assertThat(upstream.connections()).isOne();
    }

    @Slow
    @Test
    void clients_that_do_not_read_stop_their_own_streams_and_no_other() throws Exception {
        int unread = 280; // more than Jetty would let wait on one connection
        var stopped = new Gate("their streams have stopped");
        var upstream = scripted(connection -> {
            answer(connection, connection.receive(HEADERS).stream(), 200);
            for (int i = 0; i < unread; i++) {
                int stream = connection.receive(HEADERS).stream();
                connection.headers(stream, false, ":status: 200");
                for (int sent = 0; sent < 4; sent++) connection.data(stream, "x".repeat(15_000), false);
            }
            stopped.open();
            int stream = connection.receive(HEADERS).stream();
            connection.headers(stream, false, ":status: 200").data(stream, "y".repeat(10_000), true);
            answerAll(connection);
        });
        var http = new HttpConfiguration();
        var server = loopback.serve(
                proxy(upstream), new HttpConnectionFactory(http), new HTTP2CServerConnectionFactory(http));
        loopback.connect(server).sendRequest("GET /first").receiveResponse(); // so that there is a connection
        for (int i = 0; i < unread; i += 70) {
            var client = Http2Peer.client(loopback.connect(server)).keepWindows();
            for (int k = 0; k < 70; k++) client.get(2 * k + 1, "/unread");
        }
        stopped.await();

        var response = loopback.connect(server).sendRequest("GET /read").receiveResponse();

        assertThat(response.body()).hasSize(10_000);
        assertThat(upstream.connections()).isOne();
    }

    @Test
    void requests_beyond_what_the_upstream_permits_on_a_connection_get_another_one() throws Exception {
        var bothArrived = new Gate("the second connection is used");
        var upstream = loopback.scripted(
                connection -> {
                    var peer = Http2Peer.server(connection, MAX_CONCURRENT_STREAMS, 1);
                    int stream = peer.receive(HEADERS).stream();
                    bothArrived.await();
                    answer(peer, stream, 200);
                    answerAll(peer);
                },
                connection -> {
                    var peer = Http2Peer.server(connection, MAX_CONCURRENT_STREAMS, 1);
                    int stream = peer.receive(HEADERS).stream();
                    bothArrived.open();
                    answer(peer, stream, 200);
                    answerAll(peer);
                });
        var server = loopback.serve(proxy(upstream));

        var first = loopback.connect(server).sendRequest("GET /1");
        upstream.awaitConnections(1);
        var second = loopback.connect(server).sendRequest("GET /2");

        assertThat(List.of(
                        first.receiveResponse().status(),
                        second.receiveResponse().status()))
                .containsExactly(200, 200);
    }

    @Test
    void an_upgrade_is_not_offered_to_an_upstream_that_has_none() throws Exception {
        var upstream = scripted(Http2UpstreamTest::answerAll);
        var client = loopback.connect(loopback.serve(proxy(upstream)));

        var response = client.sendRequest("GET /x", "Connection: Upgrade", "Upgrade: websocket")
                .receiveResponse();

        assertThat(response.status()).isEqualTo(200);
    }

    @Test
    void a_Location_that_names_the_upstream_names_the_proxy() throws Exception {
        var ports = new ArrayList<Integer>();
        var upstream = scripted(connection -> {
            int stream = connection.receive(HEADERS).stream();
            connection.headers(stream, true, ":status: 302", "location: http://127.0.0.1:" + ports.get(0) + "/y");
            answerAll(connection);
        });
        ports.add(upstream.port());
        var client = loopback.connect(loopback.serve(proxy(upstream)));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.field("Location")).containsExactly("http://www.example.com/y");
    }

    /** An upstream with TLS that speaks these protocols, and what the proxy is told to speak. */
    @TestFactory
    @Slow
    Stream<DynamicTest> over_TLS_it_is_agreed_on_what_is_spoken() {
        return Stream.of(
                        "HTTP_1_1 offered h2,http/1.1 spoken http/1.1",
                        "AUTO offered h2,http/1.1 spoken h2",
                        "AUTO offered http/1.1 spoken http/1.1",
                        "HTTP_2 offered h2,http/1.1 spoken h2",
                        "HTTP_2 offered http/1.1 spoken nothing")
                .map(row -> DynamicTest.dynamicTest(row, () -> {
                    String[] words = row.split(" ");
                    var upstream = loopback.upstream(Loopback.ok().body("hello"));
                    upstream.useHttps(TestAuthority.upstream("127.0.0.1").getSocketFactory());
                    upstream.setProtocols(
                            words[2].contains("h2")
                                    ? List.of(Protocol.HTTP_2, Protocol.HTTP_1_1)
                                    : List.of(Protocol.HTTP_1_1));
                    var proxy = new StreamingProxy("https://127.0.0.1:" + upstream.getPort());
                    SslContextFactory.Client tls = TestAuthority.trusting();
                    proxy.setSslContextFactory(tls);
                    proxy.setUpstreamProtocol(UpstreamProtocol.valueOf(words[0]));
                    URI server = loopback.serve(proxy);

                    var response =
                            loopback.connect(server).sendRequest("GET /x").receiveResponse();

                    if (words[4].equals("nothing")) {
                        assertThat(response.field("Proxy-Status"))
                                .containsExactly("reverse-proxy; error=tls_protocol_error");
                    } else {
                        assertThat(response.body()).isEqualTo("hello");
                        String line = upstream.takeRequest(5, TimeUnit.SECONDS).getVersion();
                        assertThat(line).isEqualTo(words[4].equals("h2") ? "HTTP/2" : "HTTP/1.1");
                    }
                }));
    }

    @Test
    void an_upstream_that_is_not_trusted_is_told_apart_also_where_the_version_is_agreed_on() throws Exception {
        var upstream = loopback.scripted(TestAuthority.upstream("other.internal"), RawConnection::awaitEnd);
        var proxy = new StreamingProxy(upstream.target());
        proxy.setSslContextFactory(TestAuthority.trusting());
        proxy.setUpstreamProtocol(UpstreamProtocol.AUTO);

        var response =
                loopback.connect(loopback.serve(proxy)).sendRequest("GET /x").receiveResponse();

        assertThat(response.field("Proxy-Status")).containsExactly("reverse-proxy; error=tls_certificate_error");
    }

    @Test
    void an_upgrade_goes_to_an_upstream_with_a_choice_in_HTTP_1_1() throws Exception {
        var upstream = loopback.scripted(TestAuthority.upstream("127.0.0.1"), connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n");
            connection.send(connection.receive(5));
            connection.awaitEnd();
        });
        var proxy = new StreamingProxy(upstream.target());
        proxy.setSslContextFactory(TestAuthority.trusting());
        proxy.setUpstreamProtocol(UpstreamProtocol.AUTO);
        RawConnection client = loopback.connect(loopback.serve(proxy));

        client.sendRequest("GET /x", "Connection: Upgrade", "Upgrade: chat").receiveHead();

        assertThat(client.send("hello").receive(5)).isEqualTo("hello");
    }
}
