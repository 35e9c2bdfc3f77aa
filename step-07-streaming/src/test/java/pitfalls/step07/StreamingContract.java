package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.awaitIdleConnection;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Gate;
import pitfalls.support.Guard;
import pitfalls.support.Headline;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream.Script;
import pitfalls.support.Slow;
import pitfalls.support.Why;

/** A proxy through which streams flow, in both directions, for as long as they like. */
public interface StreamingContract extends LoopbackTest {
    /** Longer than the limits that these tests set, so that what is still open then is not subject to them. */
    Duration A_WHILE = Duration.ofMillis(200);

    /** The head of a response in chunks. */
    String CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";

    /** The proxy under test, not started. */
    ProxyHandler newProxy(String target, Timeouts timeouts, int maxUpstreamConnections);

    /** The proxy under test, with limits that do not matter. */
    default ProxyHandler newProxy(String target) {
        return newProxy(target, Timeouts.defaults(), 200);
    }

    /** An upstream whose stream is quiet between its two chunks. */
    private static Script quietUntil(Gate wasQuiet) {
        return connection -> {
            connection.receiveRequest();
            connection.send(CHUNKED + "\r\n3\r\none\r\n");
            wasQuiet.await();
            connection.send("3\r\ntwo\r\n0\r\n\r\n");
        };
    }

    @Why("A browser takes a stream for open when the head has come, and the first event may be "
            + "minutes away: send the head at once. When it has been written, super may go on with "
            + "the body.")
    @Headline
    @Order(1)
    @Test
    default void the_head_of_a_response_does_not_wait_for_its_body() throws Exception {
        var headSent = new Gate("the upstream has sent the head");
        var headArrived = new Gate("the client has received the head");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(CHUNKED + "Content-Type: text/event-stream\r\n\r\n");
            headSent.open();
            headArrived.await();
            connection.send("3\r\none\r\n0\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.sendRequest("GET /events");
        headSent.await();
        assertThat(loopback.isSilent(client))
                .as("whether the client waits for the head of a response that has no body yet")
                .isFalse();
        var head = new RawMessage(client.receiveHead(), "", true);
        headArrived.open();
        var response = client.receiveBodyOf(head);

        assertThat(head.field("Content-Type"))
                .as("Content-Type of the response")
                .containsExactly("text/event-stream");
        assertThat(response.body()).as("the body of the response").isEqualTo("one");
    }

    @Headline
    @Order(2)
    @Test
    @Why(
            "An event stream may say nothing for minutes, and that is no failure. Once the response has begun, its connection needs the limit for streams in place of the limit for a response.")
    default void a_stream_may_be_quiet_for_longer_than_a_response_may_take() throws Exception {
        var wasQuiet = new Gate("the stream was quiet for a while");
        var upstream = loopback.scripted(quietUntil(wasQuiet));
        var timeouts = Timeouts.defaults().withResponse(Duration.ofMillis(100));
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), timeouts, 200)));

        var head = new RawMessage(client.sendRequest("GET /events").receiveHead(), "", true);
        String first = client.receiveChunk();
        client.receivesNothingFor(A_WHILE);
        wasQuiet.open();
        var response = client.receiveBodyOf(head);

        assertThat(first).as("the first chunk").isEqualTo("one");
        assertThat(response.complete())
                .as("whether a stream that was quiet for a while came to its end")
                .isTrue();
        assertThat(response.body()).as("the body of the response").isEqualTo("two");
    }

    @Headline
    @Order(3)
    @Test
    @Why(
            "Each open stream holds a connection to the upstream. When all that the client may open are held, the next request waits until a stream ends.")
    default void open_streams_do_not_block_other_requests() throws Exception {
        var served = new Gate("the other request is served");
        var upstream = loopback.scripted(connection -> {
            if (connection.receiveRequest().target().equals("/other")) {
                connection.send("HTTP/1.1 204 No Content\r\n\r\n");
            } else {
                connection.send(CHUNKED + "\r\n3\r\none\r\n");
                served.await();
                connection.send("0\r\n\r\n");
            }
        });
        var proxy = newProxy(upstream.target());
        var address = loopback.serve(proxy);
        try {
            for (int i = 1; i <= 70; i++) {
                var stream = loopback.connect(address).sendRequest("GET /events");
                assertThat(waitsForAnother(stream, proxy.getHttpClient()))
                        .as("whether stream %d waits for another to end", i)
                        .isFalse();
            }
            var response = loopback.connect(address).sendRequest("GET /other").receiveResponse();

            assertThat(response.status()).as("the status of the response").isEqualTo(204);
        } finally {
            served.open();
        }
    }

    /** Whether nothing comes for that client because the proxy has no connection to its upstream left. */
    private static boolean waitsForAnother(RawConnection client, HttpClient proxysClient) throws IOException {
        while (client.receivesNothingFor(Duration.ofMillis(5)))
            if (Loopback.hasNoConnectionLeft(proxysClient)) return true;
        return false;
    }

    @Why("Without a limit, a slow upstream gets ever more connections, until it or the proxy gives "
            + "up on everybody.")
    @Test
    @Order(6)
    default void a_request_that_finds_no_connection_free_in_time_is_answered_with_503() throws Exception {
        var answered = new Gate("the request was answered");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(CHUNKED + "\r\n3\r\none\r\n");
            answered.await();
        });
        var timeouts = Timeouts.defaults().withConnection(Duration.ofMillis(400));
        var proxy = loopback.serve(newProxy(upstream.target(), timeouts, 2));
        for (int i = 0; i < 2; i++)
            loopback.connect(proxy).sendRequest("GET /events").receiveHead();

        var response = loopback.connect(proxy).sendRequest("GET /other").receiveResponse();
        answered.open();

        assertThat(response.status()).as("the status of the response").isEqualTo(503);
        assertThat(response.field("Proxy-Status"))
                .as("Proxy-Status of the response")
                .containsExactly("reverse-proxy; error=connection_limit_reached");
        assertThat(upstream.connections())
                .as("requests that reached the upstream")
                .isEqualTo(2);
    }

    @Test
    default void a_stream_may_be_quiet_for_longer_than_the_server_waits_for_a_request() throws Exception {
        var wasQuiet = new Gate("the stream was quiet for a while");
        var upstream = loopback.scripted(quietUntil(wasQuiet));
        var proxy = newProxy(upstream.target());
        var server = loopback.serve(proxy);
        var client = loopback.connect(server);

        var head = new RawMessage(client.sendRequest("GET /events").receiveHead(), "", true);
        client.receiveChunk();
        for (EndPoint endPoint : proxy.getServer().getConnectors()[0].getConnectedEndPoints())
            endPoint.setIdleTimeout(50);
        client.receivesNothingFor(A_WHILE);
        wasQuiet.open();

        assertThat(client.receiveBodyOf(head).body())
                .as("the rest of the response")
                .isEqualTo("two");
    }

    @Test
    default void a_proxy_that_is_started_again_is_the_same() throws Exception {
        var upstream = loopback.scripted(connection -> {
            String seen = connection.receiveRequest().head();
            connection.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: " + seen.length()
                    + "\r\n\r\n" + seen);
        });
        var proxy = newProxy(upstream.target());
        var client = loopback.connect(loopback.serve(proxy));

        proxy.stop();
        proxy.start();
        var interim = client.sendRequest("GET /x").receiveResponse();
        var response = client.receiveResponse();

        assertThat(interim.status()).as("the status of the interim response").isEqualTo(103);
        assertThat(response.body()).as("the body of the response").doesNotContain("Accept-Encoding", "User-Agent");
    }

    @TestFactory
    default Stream<DynamicTest> a_length_that_the_upstream_does_not_tell_is_not_made_up() {
        return Stream.of("HEAD 200", "GET 304")
                .map(row -> row.split(" "))
                .map(row -> DynamicTest.dynamicTest(row[0] + " " + row[1], () -> {
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 " + row[1] + " x\r\nETag: a\r\n"
                                + (row[0].equals("HEAD") ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n"));
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext");
                    });
                    var proxy = newProxy(upstream.target());
                    var client = loopback.connect(loopback.serve(proxy));

                    var head = new RawMessage(client.sendRequest(row[0] + " /x").receiveHead(), "", true);
                    awaitIdleConnection(proxy.getHttpClient());
                    var next = client.sendRequest("GET /x").receiveResponse();

                    assertThat(head.field("ETag")).as("ETag of the response").containsExactly("a");
                    assertThat(head.field("Content-Length"))
                            .as("Content-Length of the response")
                            .isEmpty();
                    assertThat(next.body()).as("the body of the next response").isEqualTo("next");
                }));
    }

    @Test
    default void a_stream_that_is_quiet_for_too_long_is_broken_off() throws Exception {
        var brokenOff = new Gate("the upstream's connection has ended");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(CHUNKED + "\r\n3\r\none\r\n");
            if (connection.ended()) brokenOff.open();
        });
        var timeouts = Timeouts.defaults().withStream(Duration.ofMillis(100));
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), timeouts, 200)));

        var response = client.sendRequest("GET /events").receiveResponse();

        assertThat(response.body()).as("the body of the response").isEqualTo("one");
        assertThat(response.complete())
                .as("whether the response looks complete")
                .isFalse();
        brokenOff.await();
    }

    @Why("A stream may be quiet, once it has begun. An upstream that has not begun to answer must "
            + "not hold its client for ever.")
    @Guard
    @Order(4)
    @Test
    default void an_upstream_that_does_not_answer_in_time_is_a_504() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.ended();
        });
        var timeouts = Timeouts.defaults().withResponse(Duration.ofMillis(50));
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), timeouts, 200)));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(504);
    }

    @Guard
    @Order(5)
    @Test
    @Why("The connection of a stream serves other requests later. For those, the limit for a response must hold again.")
    default void a_connection_that_carried_a_stream_serves_again_within_the_ordinary_limit() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(CHUNKED + "\r\n3\r\none\r\n");
            connection.send("0\r\n\r\n");
            connection.receiveRequest();
            connection.ended();
        });
        var timeouts = Timeouts.defaults().withResponse(Duration.ofMillis(100));
        var proxy = newProxy(upstream.target(), timeouts, 200);
        var client = loopback.connect(loopback.serve(proxy));

        var stream = client.sendRequest("GET /events").receiveResponse();
        awaitIdleConnection(proxy.getHttpClient());
        var silent = client.sendRequest("GET /x").receiveResponse();

        assertThat(stream.body()).as("the body of the stream").isEqualTo("one");
        assertThat(silent.status())
                .as("the status of the response of the silent upstream")
                .isEqualTo(504);
        assertThat(upstream.connections())
                .as("requests that reached the upstream")
                .isEqualTo(1);
    }

    @TestFactory
    default Stream<DynamicTest> trailers_of_a_response_arrive() {
        return Stream.of("Trailer: X-Sum\r\n", "")
                .map(announcement ->
                        DynamicTest.dynamicTest(announcement.isEmpty() ? "not announced" : "announced", () -> {
                            var upstream = loopback.scripted(connection -> {
                                connection.receiveRequest();
                                connection.send(CHUNKED + announcement + "\r\n3\r\none\r\n0\r\nX-Sum: 7\r\n\r\n");
                            });
                            var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

                            client.sendRequest("GET /x", "Connection: close");
                            String head = client.receiveHead();
                            String rest = client.receiveToEnd();

                            assertThat(rest)
                                    .as("the end of the response")
                                    .isEqualTo("3\r\none\r\n0\r\nX-Sum: 7\r\n\r\n");
                            assertThat(new RawMessage(head, "", true).field("Trailer"))
                                    .as("Trailer of the response")
                                    .isEqualTo(announcement.isEmpty() ? List.of() : List.of("X-Sum"));
                        }));
    }

    @TestFactory
    default Stream<DynamicTest> trailers_of_a_request_arrive() {
        return Stream.of("Trailer: X-Sum", "X-Other: 1")
                .map(field -> DynamicTest.dynamicTest(field, () -> {
                    var upstream = loopback.scripted(connection -> {
                        String seen = connection.receiveHead();
                        connection.receiveChunk();
                        seen += connection.receive("\r\n0\r\nX-Sum: 7\r\n\r\n".length());
                        connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + seen.length() + "\r\n\r\n" + seen);
                    });
                    var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

                    var response = client.sendRequest("POST /x", "Transfer-Encoding: chunked", field)
                            .send("3\r\none\r\n0\r\nX-Sum: 7\r\n\r\n")
                            .receiveResponse();

                    assertThat(response.body())
                            .as("the body of the response")
                            .endsWith("\r\n0\r\nX-Sum: 7\r\n\r\n")
                            .contains(field);
                }));
    }

    @TestFactory
    default Stream<DynamicTest> the_upstream_is_told_that_trailers_pass_if_the_client_asks_for_them() {
        return Stream.of(
                        "1.1\r\nTE: trailers -> trailers",
                        "1.1\r\nTE: gzip;q=0.5, Trailers\r\nConnection: TE -> trailers",
                        "1.1\r\nTE: gzip -> ",
                        "1.0\r\nTE: trailers -> ",
                        "1.1 -> ")
                .map(row -> row.split(" -> ", -1))
                .map(row -> DynamicTest.dynamicTest(row[0].replace("\r\n", ", "), () -> {
                    var seen = new LinkedBlockingQueue<RawMessage>();
                    var upstream = loopback.scripted(connection -> {
                        seen.add(connection.receiveRequest());
                        connection.send("HTTP/1.1 204 No Content\r\n\r\n");
                    });
                    var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

                    client.send("GET /x HTTP/" + row[0] + "\r\nHost: x\r\n\r\n").receiveResponse();

                    RawMessage request = seen.remove();
                    assertThat(request.field("TE"))
                            .as("TE of the request at the upstream")
                            .containsExactlyElementsOf(row[1].isEmpty() ? List.of() : List.of(row[1]));
                    assertThat(request.field("Connection"))
                            .as("Connection of the request at the upstream")
                            .isEqualTo(row[1].isEmpty() ? List.of() : List.of("TE"));
                }));
    }

    @Test
    default void a_trailer_that_Connection_names_ends_here() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            connection.receiveChunk();
            String trailers = connection.receive("\r\n0\r\nX-End: 1\r\n\r\n".length());
            connection.send(CHUNKED + "Connection: close, X-Hop\r\n\r\n" + Integer.toHexString(trailers.length())
                    + "\r\n" + trailers + "\r\n0\r\nX-Hop: 1\r\nX-End: 1\r\nContent-Length: 7\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.sendRequest("POST /x", "Transfer-Encoding: chunked", "Connection: X-Hop, close")
                .send("3\r\none\r\n0\r\nX-Hop: 1\r\nX-End: 1\r\nContent-Length: 7\r\n\r\n");
        client.receiveHead();

        assertThat(client.receiveToEnd())
                .as("the trailers that the upstream received, and those that the client does")
                .contains("\r\n0\r\nX-End: 1\r\n\r\n")
                .endsWith("\r\n0\r\nX-End: 1\r\n\r\n");
    }

    @Test
    default void a_trailer_cannot_say_what_belongs_to_a_head() throws Exception {
        var upstream = loopback.scripted(connection -> {
            String head = connection.receiveHead();
            connection.receiveChunk();
            String trailers = connection.receive("\r\n0\r\nETag: a\r\n\r\n".length());
            String seen = head + trailers;
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + seen.length() + "\r\n\r\n" + seen);
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        var response = client.sendRequest("POST /x", "Transfer-Encoding: chunked", "Trailer: Cookie, ETag")
                .send("3\r\none\r\n0\r\nX-Forwarded-For: 10.0.0.1\r\nX_Forwarded_Host: a\r\nForwarded: for=a\r\n"
                        + "Via: 1.1 a\r\nCookie: a=1\r\nAuthorization: a\r\nExpect: a\r\nETag: a\r\n\r\n")
                .receiveResponse();

        assertThat(response.body())
                .as("the body of the response")
                .endsWith("\r\n0\r\nETag: a\r\n\r\n")
                .contains("Trailer: ETag\r\n");
    }

    @Test
    default void an_HTTP_1_0_client_gets_no_trailers() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(CHUNKED + "\r\n3\r\none\r\n0\r\nX-Sum: 7\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.send("GET /x HTTP/1.0\r\n\r\n").receiveHead();

        assertThat(client.receiveToEnd()).as("what the client received then").isEqualTo("one");
    }

    @TestFactory
    default Stream<DynamicTest> an_interim_response_is_passed_on_once() {
        return Stream.of(102, 103, 104, 110, 199)
                .map(status -> DynamicTest.dynamicTest("" + status, () -> {
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        connection.send(
                                "HTTP/1.1 " + status + " Wait\r\nX-A: 1\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n");
                        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                    });
                    var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

                    var interim = client.sendRequest("GET /x").receiveResponse();
                    var response = client.receiveResponse();

                    assertThat(interim.status())
                            .as("the status of the interim response")
                            .isEqualTo(status);
                    assertThat(interim.fieldNames())
                            .as("the headers of the interim response")
                            .doesNotContain("X-Hop");
                    if (status == 103)
                        assertThat(interim.field("X-A"))
                                .as("X-A of the interim response")
                                .containsExactly("1"); // Jetty's server sends no others
                    assertThat(response.body()).as("the body of the response").isEqualTo("ok");
                }));
    }

    @Test
    default void interim_responses_are_passed_on_in_order() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 110 Wait\r\n\r\n"
                    + "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: b\r\n\r\n"
                    + "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));
        client.sendRequest("GET /x");

        List<Integer> statuses = new ArrayList<>();
        do statuses.add(client.receiveResponse().status());
        while (statuses.get(statuses.size() - 1) < 200);

        assertThat(statuses)
                .as("a 100 that the client has not asked for is left out")
                .containsExactly(103, 110, 103, 200);
    }

    @Test
    default void an_HTTP_1_0_client_gets_no_interim_response() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"
                    + "HTTP/1.1 110 Wait\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        var response = client.send("GET /x HTTP/1.0\r\n\r\n").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(200);
    }

    @Test
    default void a_body_that_the_client_holds_back_is_asked_for_by_the_upstream() throws Exception {
        var upstream = loopback.scripted(connection -> {
            var head = new RawMessage(connection.receiveHead(), "", true);
            assertThat(head.field("Expect")).as("Expect at the upstream").containsExactly("100-continue");
            assertThat(connection.receivesNothingFor(Duration.ofMillis(10)))
                    .as("whether the upstream waits for a body that nobody asked for")
                    .isTrue();
            connection.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
            String body = connection.receive(3);
            connection.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + body);
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.sendRequest("POST /x", "Content-Length: 3", "Expect: 100-continue");
        var interims = List.of(
                client.receiveResponse().status(), client.receiveResponse().status());
        var response = client.send("abc").receiveResponse();

        assertThat(interims).as("the interim responses").containsExactly(103, 100);
        assertThat(response.body()).as("the body of the response").isEqualTo("abc");
    }

    @Test
    default void a_client_that_begins_its_body_unasked_gets_the_100_all_the_same() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            connection.send("HTTP/1.1 100 Continue\r\n\r\n");
            String body = connection.receive(6);
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" + body);
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        var interim = client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\nabc")
                .receiveResponse();
        var response = client.send("def").receiveResponse();

        assertThat(interim.status()).as("what the client waits for").isEqualTo(100);
        assertThat(response.status()).as("what comes after it").isEqualTo(200);
        assertThat(response.body()).as("the body of the response").isEqualTo("abcdef");
    }

    @Test
    default void a_body_can_be_streamed_while_the_response_is_flowing() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            connection.send(CHUNKED + "\r\n");
            for (String chunk = connection.receiveChunk(); !chunk.isEmpty(); chunk = connection.receiveChunk())
                connection.send(Integer.toHexString(chunk.length()) + "\r\n" + chunk + "\r\n");
            connection.send("0\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.sendRequest("POST /echo", "Transfer-Encoding: chunked").receiveHead();
        List<String> echoes = new ArrayList<>();
        for (String word : List.of("one", "three")) {
            client.send(Integer.toHexString(word.length()) + "\r\n" + word + "\r\n");
            echoes.add(client.receiveChunk());
        }
        client.send("0\r\n\r\n");

        assertThat(echoes).as("the chunks that came back at once").containsExactly("one", "three");
        assertThat(client.receiveChunk()).as("the last chunk of the response").isEmpty();
    }

    @Slow
    @Test
    default void a_client_that_does_not_read_stops_the_upstream() throws Exception {
        int mebibyte = 1 << 20;
        int mebibytes = 128;
        var sent = new AtomicLong();
        var allSent = new Gate("the upstream has sent everything");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + (long) mebibytes * mebibyte + "\r\n\r\n");
            String block = "x".repeat(mebibyte);
            for (int i = 0; i < mebibytes; i++) {
                connection.send(block);
                sent.addAndGet(mebibyte);
            }
            allSent.open();
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.sendRequest("GET /large").receiveHead();

        assertThat(allSent.opensWithin(Duration.ofMillis(500)))
                .as("whether the upstream could send everything to a client that does not read")
                .isFalse();
        assertThat(sent).as("bytes, in the buffers of two sockets").hasValueLessThan(32L * mebibyte);
        for (int i = 0; i < mebibytes; i++) client.receive(mebibyte);
        allSent.await();
    }

    @Test
    default void a_response_that_dies_behind_its_head_is_told_apart() throws Exception {
        var headArrived = new Gate("the client has received the head");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(CHUNKED + "\r\n");
            headArrived.await();
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        var head = new RawMessage(client.sendRequest("GET /events").receiveHead(), "", true);
        headArrived.open();
        var response = client.receiveBodyOf(head);

        assertThat(response.complete())
                .as("whether the response looks complete")
                .isFalse();
    }
}
