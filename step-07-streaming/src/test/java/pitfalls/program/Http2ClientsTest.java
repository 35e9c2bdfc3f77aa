package pitfalls.program;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.http2.Http2Peer.CONTINUATION;
import static pitfalls.http2.Http2Peer.END_HEADERS;
import static pitfalls.http2.Http2Peer.END_STREAM;
import static pitfalls.http2.Http2Peer.GOAWAY;
import static pitfalls.http2.Http2Peer.HEADERS;
import static pitfalls.http2.Http2Peer.INTERNAL_ERROR;
import static pitfalls.http2.Http2Peer.NO_ERROR;
import static pitfalls.http2.Http2Peer.PING;
import static pitfalls.http2.Http2Peer.PROTOCOL_ERROR;
import static pitfalls.http2.Http2Peer.RST_STREAM;
import static pitfalls.http2.Http2Peer.SETTINGS;

import java.io.EOFException;
import java.io.IOException;
import java.net.SocketException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.eclipse.jetty.server.Server;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.http2.Http2Peer;
import pitfalls.http2.Http2Peer.Frame;
import pitfalls.support.Gate;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.Slow;

/** The program's port for clients that speak HTTP/2 without TLS. */
class Http2ClientsTest implements LoopbackTest {
    private static final String OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    private Server server;
    private ScriptedUpstream upstream;
    private final List<String> received = new ArrayList<>();

    private URI serve(String... options) throws Exception {
        upstream = loopback.scripted(connection -> {
            while (true) {
                String head;
                try {
                    head = connection.receiveHead();
                } catch (IOException ended) {
                    return;
                }
                synchronized (received) {
                    received.add(head);
                }
                connection.send(OK);
            }
        });
        return serve(upstream, options);
    }

    private URI serve(ScriptedUpstream target, String... options) throws Exception {
        var program = new ReverseProxy();
        var all = new ArrayList<>(List.of("--listen=127.0.0.1:0", "--target=" + target.target()));
        all.addAll(List.of(options));
        ReverseProxy.commandLine(program).parseArgs(all.toArray(String[]::new));
        server = loopback.started(program.newServer());
        return URI.create(server.getURI().toString().replaceAll("/$", ""));
    }

    private Http2Peer http2(URI server) throws IOException {
        return Http2Peer.client(loopback.connect(server));
    }

    private String received() {
        synchronized (received) {
            return String.join("\n", received);
        }
    }

    @Test
    void one_port_speaks_HTTP_1_1_and_HTTP_2() throws Exception {
        var server = serve();

        var one = loopback.connect(server).sendRequest("GET /one").receiveResponse();
        var client = http2(server).get(1, "/two");
        var two = client.receive(HEADERS);

        assertThat(one.status()).isEqualTo(200);
        assertThat(two.status()).isEqualTo(200);
        assertThat(client.receiveBody()).isEqualTo("ok");
        assertThat(received()).contains("GET /one HTTP/1.1", "GET /two HTTP/1.1");
    }

    @Test
    void an_upgrade_to_h2c_is_ignored() throws Exception {
        var client = loopback.connect(serve());

        var response = client.sendRequest(
                        "GET /x", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
                .receiveResponse();

        assertThat(response.status()).isEqualTo(200);
        assertThat(received()).doesNotContain("h2c", "HTTP2-Settings");
    }

    @Test
    void a_client_cannot_say_that_it_uses_TLS() throws Exception {
        var client = http2(serve());

        client.headers(1, true, ":method: GET", ":scheme: https", ":authority: www.example.com", ":path: /x");

        assertThat(client.receive(HEADERS).status()).isEqualTo(200);
        assertThat(received()).contains("X-Forwarded-Proto: http\r\n").doesNotContain("https");
    }

    @Test
    void a_client_without_authority_is_told_by_its_Host() throws Exception {
        var client = http2(serve());

        client.headers(1, true, ":method: GET", ":scheme: http", ":path: /x", "host: www.example.com");

        assertThat(client.receive(HEADERS).status()).isEqualTo(200);
        assertThat(received()).contains("X-Forwarded-Host: www.example.com\r\n");
    }

    @Test
    void a_header_that_comes_byte_by_byte_ends_the_connection_when_its_time_is_up() throws Exception {
        var client = http2(serve("--request-head-timeout=1s"));
        byte[] block = Http2Peer.block("x-slow: " + "x".repeat(10_000));
        client.send(HEADERS, 0, 1, new byte[0]);

        var sender = CompletableFuture.runAsync(() -> {
            try {
                for (int i = 0; ; i++) client.connection().send(i < 9 ? new byte[] {0} : Arrays.copyOf(block, 1));
            } catch (IOException ended) {
                // This is how it should end.
            }
        });

        client.connection().awaitEnd();
        sender.get(5, TimeUnit.SECONDS);
    }

    @Test
    void a_header_that_is_too_long_is_a_431_and_the_connection_goes_on() throws Exception {
        var client = http2(serve("--max-head-size=8k"));

        client.get(1, "/long", "x-long: " + "x".repeat(9000));
        var tooLong = client.receive(HEADERS);
        client.get(3, "/short");
        var next = client.receive(HEADERS);

        assertThat(tooLong.status()).isEqualTo(431);
        assertThat(tooLong.field("proxy-status")).containsExactly("reverse-proxy; error=http_request_error");
        assertThat(next.stream()).isEqualTo(3);
        assertThat(next.status()).isEqualTo(200);
        assertThat(received()).doesNotContain("/long");
    }

    @Slow
    @Test
    void a_client_may_cancel_all_its_requests_at_once() throws Exception {
        var silent = loopback.scripted(RawConnection::awaitEnd);
        var client = http2(serve(silent));

        for (int i = 0; i < 1000; i++) {
            client.get(2 * i + 1, "/x").reset(2 * i + 1, Http2Peer.CANCEL);
        }
        client.headers(2001, true, ":method: CONNECT", ":authority: a:1");

        assertThat(client.receive(HEADERS).status()).isEqualTo(501);
    }

    /** Attacks that cost a client next to nothing, each as what is sent again and again. */
    @Slow
    @TestFactory
    Stream<DynamicTest> a_flood_ends_its_connection_and_nobody_elses() {
        interface Flood {
            void send(Http2Peer client, int i) throws IOException;
        }
        record Attack(String name, Flood flood) {}
        return Stream.of(
                        new Attack(
                                "rapid reset",
                                (client, i) -> client.get(2 * i + 1, "/x").reset(2 * i + 1, Http2Peer.CANCEL)),
                        new Attack("pings", (client, i) -> client.send(PING, 0, 0, new byte[8])),
                        new Attack("settings", (client, i) -> client.send(SETTINGS, 0, 0, new byte[0])),
                        new Attack("priorities", (client, i) -> client.send(Http2Peer.PRIORITY, 0, 1, new byte[5])),
                        new Attack("empty pieces of a header", (client, i) -> {
                            if (i == 0) client.send(HEADERS, 0, 1, Http2Peer.block(":method: GET"));
                            client.send(CONTINUATION, 0, 1, new byte[0]);
                        }),
                        new Attack("pieces of a header", (client, i) -> {
                            if (i == 0) client.send(HEADERS, 0, 1, Http2Peer.block(":method: GET"));
                            client.send(CONTINUATION, 0, 1, Http2Peer.block("x-more: " + "x".repeat(1000)));
                        }),
                        new Attack("empty pieces of a body", (client, i) -> {
                            if (i == 0) client.post(1, "/x");
                            client.data(1, "", false);
                        }),
                        new Attack("frames that nobody knows", (client, i) -> client.send(99, 0, 0, new byte[0])))
                .map(attack -> DynamicTest.dynamicTest(attack.name(), () -> {
                    var server = serve();
                    var neighbour = http2(server);
                    var attacker = http2(server);
                    var sender = CompletableFuture.runAsync(() -> {
                        try {
                            for (int i = 0; i < 100_000; i++) attack.flood().send(attacker, i);
                        } catch (IOException ended) {
                            // This is how it should end.
                        }
                    });

                    attacker.connection().awaitEnd();
                    sender.get(5, TimeUnit.SECONDS);

                    neighbour.get(1, "/neighbour");
                    assertThat(neighbour.receive(HEADERS).status()).isEqualTo(200);
                }));
    }

    @Test
    void a_header_that_is_far_too_long_when_it_is_unpacked_ends_the_connection() throws Exception {
        var client = http2(serve("--max-head-size=8k"));
        byte[] inTable = new byte[3 + 1 + 2 + 3000];
        inTable[0] = 0x40; // a literal that is put into the table
        inTable[1] = 1;
        inTable[2] = 'a';
        inTable[3] = 127;
        inTable[4] = (byte) (3000 - 127 & 127 | 128);
        inTable[5] = (byte) (3000 - 127 >> 7);
        Arrays.fill(inTable, 6, inTable.length, (byte) 'x');
        byte[] bomb = Arrays.copyOf(inTable, inTable.length + 10_000);
        Arrays.fill(bomb, inTable.length, bomb.length, (byte)
                (0x80 | 62)); // the first entry of the table, ten thousand times

        client.send(HEADERS, END_HEADERS | END_STREAM, 1, bomb);

        assertThat(client.receive(GOAWAY).error()).isEqualTo(PROTOCOL_ERROR);
        assertThat(received()).isEmpty();
    }

    /** What would be another message, or two of them, in HTTP/1.1. */
    @TestFactory
    Stream<DynamicTest> a_malformed_request_is_refused_and_reaches_nobody() {
        return Stream.of(
                        "x-a: b\r\nx-evil: 1",
                        "x-a: b\nx-evil: 1",
                        "x-a: b\0c",
                        "x-a\r\nx-evil: 1",
                        "x a: b",
                        "X-Upper: b",
                        ":path: /x HTTP/1.1\r\nx-evil: 1\r\n\r\nGET /evil",
                        ":path: /x HTTP/1.1",
                        ":path: x",
                        ":path: ",
                        ":method: GET /evil",
                        ":method: G\r\nET",
                        ":authority: www.example.com\r\nx-evil: 1",
                        ":scheme: ht tp",
                        ":unknown: x",
                        ":status: 200",
                        "transfer-encoding: chunked",
                        "connection: keep-alive",
                        "connection: te",
                        "keep-alive: 1",
                        "proxy-connection: close",
                        "upgrade: h2c",
                        "te: gzip",
                        "content-length: +0",
                        "content-length: -1",
                        "content-length: 0, 0",
                        "content-length: x",
                        "content-length: ",
                        "host: evil.example")
                .map(field -> DynamicTest.dynamicTest(
                        field.replace("\r", "CR").replace("\n", "LF").replace("\0", "NUL"), () -> {
                            var client = http2(serve());
                            List<String> fields = new ArrayList<>(List.of(
                                    ":method: GET", ":scheme: http", ":authority: www.example.com", ":path: /x"));
                            String name = field.split(": ")[0];
                            fields.removeIf(usual -> usual.startsWith(name + ":"));
                            if (field.startsWith(":")) fields.add(0, field);
                            else fields.add(field);

                            client.headers(1, true, fields.toArray(String[]::new));
                            Frame answer = client.receive();

                            if (answer.type() == HEADERS)
                                assertThat(answer.status()).isEqualTo(400);
                            else assertThat(answer.error()).isEqualTo(PROTOCOL_ERROR);
                            assertThat(received()).isEmpty();
                        }));
    }

    @TestFactory
    Stream<DynamicTest> a_body_that_is_not_as_long_as_its_header_says_is_not_whole_for_the_upstream() {
        return Stream.of("abcd", "ab")
                .map(body -> DynamicTest.dynamicTest(body, () -> {
                    var arrived = new Gate("the request has arrived");
                    var freed = new CompletableFuture<Boolean>();
                    var target = loopback.scripted(connection -> {
                        connection.receiveHead();
                        arrived.open();
                        freed.complete(endsWithin(connection, 2));
                    });
                    var client = http2(serve(target));

                    client.post(1, "/x", "content-length: 3");
                    arrived.await();
                    client.data(1, body, true);

                    assertThat(client.receive(RST_STREAM).error()).isEqualTo(PROTOCOL_ERROR);
                    assertThat(freed.get(5, TimeUnit.SECONDS))
                            .as("whether the upstream is freed without a whole body")
                            .isTrue();
                }));
    }

    /** Whether the connection ends after that many bytes at most. */
    private static boolean endsWithin(RawConnection connection, int bytes) throws IOException {
        try {
            connection.receive(bytes + 1);
            return false;
        } catch (EOFException | SocketException ended) {
            return true;
        }
    }

    @Test
    @Slow
    void a_client_that_leaves_with_the_last_byte_has_not_left_too_early() throws Exception {
        var address = serve("--stop-timeout=1s");
        List<String> lines = Collections.synchronizedList(new ArrayList<>());
        server.setRequestLog(new AccessLog(lines::add));

        try (var log = LogLines.of("pitfalls")) {
            for (int i = 0; i < 40; i++) {
                var client = http2(address).get(1, "/x");
                client.receive(HEADERS);
                client.receiveBody();
                client.connection().close();
            }
            server.stop();

            assertThat(log.lines()).isEmpty();
        }
        assertThat(lines).hasSize(40).allSatisfy(line -> assertThat(line).contains("\" 200 2 "));
    }

    @Test
    void a_response_that_does_not_wait_for_the_upload_is_whole_and_the_upload_is_ended() throws Exception {
        var closed = new Gate("the upstream has closed its connection");
        var target = loopback.scripted(connection -> {
            connection.receiveHead();
            connection.send("HTTP/1.1 413 x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlong");
            connection.close();
            closed.open();
        });
        var client = http2(serve(target)).post(1, "/x").data(1, "one", false);

        assertThat(client.receive(HEADERS).status()).isEqualTo(413);
        assertThat(client.receiveBody()).isEqualTo("long");
        closed.await();
        client.data(1, "two", false).data(1, "three", false).data(1, "four", false);
        assertThat(client.receive(RST_STREAM).error()).isEqualTo(NO_ERROR);
    }

    /** A client of gRPC that is told to keep its connections alive sends one every few seconds at the most. */
    @Test
    void each_ping_of_a_client_is_answered_at_once_also_while_its_request_is_quiet() throws Exception {
        var pinged = new Gate("all pings are answered");
        var target = loopback.scripted(connection -> {
            connection.receiveHead();
            pinged.await();
            connection.send(OK).awaitEnd();
        });
        var client = http2(serve(target)).get(1, "/quiet");
        target.awaitConnections(1);

        List<Duration> times = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            long begin = System.nanoTime();
            String number = String.format("%08d", i);
            client.send(PING, 0, 0, number.getBytes(ISO_8859_1));
            assertThat(client.receive().payload()).isEqualTo(number);
            times.add(Duration.ofNanos(System.nanoTime() - begin));
        }
        pinged.open();

        Collections.sort(times); // a machine that has other things to do is slow now and then
        assertThat(times.get(times.size() / 2)).isLessThan(Duration.ofMillis(20));
        assertThat(client.receive(HEADERS).status()).isEqualTo(200);
        assertThat(client.receiveBody()).isEqualTo("ok");
    }

    @Test
    void a_WebSocket_is_refused_over_HTTP_2_and_passes_on_another_connection_over_HTTP_1_1() throws Exception {
        var target = loopback.scripted(connection -> {
            connection.receiveHead();
            connection.send("HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
            connection.send(connection.receive(5));
            connection.awaitEnd();
        });
        var address = serve(target);

        var refusal = http2(address)
                .headers(
                        1,
                        false,
                        ":method: CONNECT",
                        ":protocol: websocket",
                        ":scheme: http",
                        ":authority: www.example.com",
                        ":path: /chat")
                .receive();
        var second = loopback.connect(address).sendRequest("GET /chat", "Connection: Upgrade", "Upgrade: websocket");

        if (refusal.type() == HEADERS) assertThat(refusal.status()).isGreaterThanOrEqualTo(400);
        else assertThat(refusal.error()).isEqualTo(PROTOCOL_ERROR);
        assertThat(second.receiveHead()).startsWith("HTTP/1.1 101 ");
        assertThat(second.send("hello").receive(5)).isEqualTo("hello");
        assertThat(target.connections()).as("what reached the upstream").isOne();
    }

    @Test
    void half_a_response_ends_with_an_error_that_says_so() throws Exception {
        var target = loopback.scripted(connection -> {
            connection.receiveHead();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
        });
        var client = http2(serve(target)).get(1, "/x");

        assertThat(client.receive(RST_STREAM).error()).isEqualTo(INTERNAL_ERROR);
    }

    @Test
    void an_idle_connection_is_closed_at_once_when_the_program_stops() throws Exception {
        var client = http2(serve());
        client.get(1, "/x").receive(HEADERS);
        client.receiveBody();

        server.stop();

        var last = client.receive(GOAWAY);
        assertThat(last.error()).isZero();
        client.connection().awaitEnd();
    }

    @Test
    @Slow
    void a_request_that_is_in_flight_when_the_program_stops_is_answered() throws Exception {
        var arrived = new Gate("the request has arrived");
        var stopping = new Gate("the program is stopping");
        var target = loopback.scripted(connection -> {
            connection.receiveHead();
            arrived.open();
            stopping.await();
            connection.send(OK);
        });
        var client = http2(serve(target)).get(1, "/x");
        arrived.await();

        var stop = CompletableFuture.runAsync(() -> {
            try {
                server.stop();
            } catch (Exception x) {
                throw new IllegalStateException(x);
            }
        });
        assertThat(client.receive().type()).as("what the client is told").isEqualTo(GOAWAY);
        stopping.open();
        var response = client.receive(HEADERS);

        assertThat(response.status()).isEqualTo(200);
        assertThat(client.receiveBody()).isEqualTo("ok");
        stop.get(5, TimeUnit.SECONDS);
    }

    @Test
    @Slow
    void an_idle_client_makes_room_for_another_although_it_pings() throws Exception {
        var address = serve();
        ((LimitedConnector) server.getConnectors()[0]).setMaxConnections(1);
        var idle = http2(address);
        idle.get(1, "/x").receive(HEADERS);
        idle.receiveBody();
        idle.send(PING, 0, 0, new byte[8]);

        loopback.connect(address); // one more, with which the limit is noticed
        var another = loopback.connect(address).sendRequest("GET /another");

        assertThat(idle.receive(GOAWAY).error()).isZero();
        idle.connection().awaitEnd();
        assertThat(another.receiveResponse().status()).isEqualTo(200);
    }

    @Slow
    @Test
    void a_thousand_requests_at_once_on_one_connection_are_answered() throws Exception {
        var client = http2(serve("--max-upstream-connections=10", "--connection-timeout=15s"));

        for (int i = 0; i < 1000; i++) client.get(2 * i + 1, "/" + i);
        int answered = 0;
        for (int i = 0; i < 1000; i++) answered += client.receive(HEADERS).status() == 200 ? 1 : 0;

        assertThat(answered).isEqualTo(1000);
    }

    @Test
    void the_access_log_has_a_line_for_a_request_over_HTTP_2() throws Exception {
        var address = serve();
        List<String> lines = new ArrayList<>();
        var written = new Gate("the line is written");
        server.setRequestLog(new AccessLog(line -> {
            lines.add(line);
            written.open();
        }));

        http2(address).get(1, "/x", "user-agent: test").receive(HEADERS);
        written.await();

        assertThat(lines).singleElement().asString().contains("\"GET /x HTTP/2.0\" 200 2 \"-\" \"test\"", "attempts=1");
    }
}
