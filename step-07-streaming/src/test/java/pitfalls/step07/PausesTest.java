package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.SocketException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.AbstractConnector;
import org.junit.jupiter.api.ClassOrderer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestClassOrder;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestMethodOrder;
import pitfalls.step04.RetryPolicy;
import pitfalls.step06.DirectedProxy;
import pitfalls.support.Gate;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.ScriptedUpstream.Script;
import pitfalls.support.Slow;

/** Who waits for whom, and who is cut off and blamed when it takes too long. */
@Slow
@TestClassOrder(ClassOrderer.OrderAnnotation.class)
class PausesTest {
    private static final int MEBIBYTE = 1 << 20;

    /** More than the buffers of all sockets on the way can take. */
    private static final int LARGE = 32 * MEBIBYTE;

    private static final String LARGE_HEAD = "HTTP/1.1 200 OK\r\nContent-Length: " + LARGE + "\r\n\r\n";

    /** A limit that is not the one the test is about, and would cut the pause. */
    private static final Duration SHORT = Duration.ofMillis(500);

    /** A pause, far shorter than that. */
    private static final Duration MOMENT = Duration.ofMillis(20);

    /** A pause, longer than that limit. */
    private static final Duration PAUSE = Duration.ofMillis(900);

    private static final Duration LONG = Duration.ofMinutes(1);

    /** An upstream that sends a large response, and opens the gate when it has, or cannot any more. */
    private static Script sendsMuch(Gate sent) {
        return connection -> {
            connection.receiveRequest();
            connection.send(LARGE_HEAD);
            try {
                for (int i = 0; i < LARGE / MEBIBYTE; i++) connection.send(new byte[MEBIBYTE]);
            } catch (SocketException ended) {
                // The test asks whether it has arrived as a whole.
            }
            sent.open();
        };
    }

    /** An upstream that answers when it has received a body of two chunks. */
    private static Script receivesTwoChunks(Gate first) {
        return connection -> {
            connection.receiveHead();
            String body = connection.receiveChunk();
            first.open();
            body += connection.receiveChunk() + connection.receiveChunk();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
        };
    }

    @Nested
    @Order(1)
    @TestMethodOrder(MethodOrderer.OrderAnnotation.class)
    class Broken implements LoopbackTest {

        @Test
        @Order(1)
        void a_client_that_pauses_within_a_download_is_cut_and_the_upstream_is_blamed() throws Exception {
            var sent = new Gate("the upstream has sent all it can");
            var upstream = loopback.scripted(sendsMuch(sent));
            var proxy = new DirectedProxy(upstream.target());
            var client = loopback.connect(loopback.serve(proxy));
            proxy.getHttpClient().setIdleTimeout(PAUSE.toMillis());

            try (var log = LogLines.of("pitfalls")) {
                client.sendRequest("GET /large");

                assertThat(log.first()).startsWith("WARN aborted 504 http_response_timeout for GET /large");
            }
        }

        @Test
        @Order(2)
        void a_client_that_pauses_within_an_upload_is_cut_by_the_limit_for_responses() throws Exception {
            var first = new Gate("the first chunk has arrived");
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.receiveChunk();
                first.open();
                connection.ended();
            });
            var proxy = new DirectedProxy(upstream.target());
            var client = loopback.connect(loopback.serve(proxy));
            proxy.getHttpClient().setIdleTimeout(SHORT.toMillis());

            client.sendRequest("POST /x", "Transfer-Encoding: chunked").send("3\r\none\r\n");
            first.await();
            var response = client.receiveResponse();

            assertThat(response.status()).isEqualTo(408);
        }
    }

    @Nested
    @Order(2)
    class Fixed implements LoopbackTest {
        private ProxyHandler proxy;

        private RawConnection connect(ScriptedUpstream upstream, Timeouts timeouts) throws Exception {
            return connect(upstream, timeouts, RetryPolicy.none(), SHORT);
        }

        private RawConnection connect(
                ScriptedUpstream upstream, Timeouts timeouts, RetryPolicy policy, Duration betweenRequests)
                throws Exception {
            var streaming = new StreamingProxy(upstream.target());
            streaming.setTimeouts(timeouts);
            streaming.setRetryPolicy(policy);
            proxy = streaming;
            var server = loopback.serve(proxy);
            var connector = (AbstractConnector) proxy.getServer().getConnectors()[0];
            connector.setIdleTimeout(betweenRequests.toMillis());
            return loopback.connect(server);
        }

        private static Timeouts allShortBut(String limit) {
            return new Timeouts(
                    SHORT,
                    limit.equals("response") ? LONG : SHORT,
                    SHORT,
                    limit.equals("stream") ? LONG : SHORT,
                    limit.equals("client") ? LONG : SHORT,
                    SHORT);
        }

        private static Timeouts allLong() {
            return new Timeouts(LONG, LONG, SHORT, LONG, LONG, LONG);
        }

        @Test
        void a_client_may_pause_within_a_download_for_longer_than_anything_else_may_take() throws Exception {
            var sent = new Gate("the upstream has sent everything");
            var upstream = loopback.scripted(sendsMuch(sent));
            var timeouts = allShortBut("client").withStream(LONG); // which counts again while the client reads on
            var client = connect(upstream, timeouts);

            client.sendRequest("GET /large").receiveHead();
            assertThat(sent.opensWithin(PAUSE))
                    .as("whether the buffers took it all")
                    .isFalse();
            client.skip(LARGE);

            sent.await();
        }

        @Test
        void a_client_that_pauses_within_a_download_for_too_long_is_cut_and_blamed() throws Exception {
            var sent = new Gate("the upstream has sent all it can");
            var upstream = loopback.scripted(sendsMuch(sent));
            var client = connect(upstream, allLong().withClient(SHORT));

            try (var log = LogLines.of("pitfalls")) {
                client.sendRequest("GET /large").receiveHead();

                assertThat(log.first()).startsWith("INFO aborted 408 http_request_error for GET /large");
                sent.await();
            }
        }

        @Test
        void a_client_may_pause_within_an_upload_that_is_sent_again() throws Exception {
            var again = new Gate("the first chunk has arrived again");
            var upstream = loopback.scripted(
                    connection -> {
                        connection.receiveHead();
                        connection.receiveChunk();
                    },
                    receivesTwoChunks(again));
            var client = connect(upstream, allShortBut("client"), RetryPolicy.idempotent(), SHORT);

            client.sendRequest("PUT /x", "Transfer-Encoding: chunked").send("3\r\none\r\n");
            again.await();
            assertThat(client.receivesNothingFor(PAUSE)).isTrue();
            var response = client.send("3\r\ntwo\r\n0\r\n\r\n").receiveResponse();

            assertThat(response.status()).isEqualTo(200);
            assertThat(response.body()).isEqualTo("onetwo");
        }

        @TestFactory
        Stream<DynamicTest> a_client_may_pause_within_an_upload_for_longer_than_anything_else_may_take() {
            return Stream.of(RetryPolicy.none(), RetryPolicy.idempotent())
                    .map(policy -> DynamicTest.dynamicTest(policy.attempts() + " attempts", () -> {
                        var first = new Gate("the first chunk has arrived");
                        var upstream = loopback.scripted(receivesTwoChunks(first));
                        var client = connect(upstream, allShortBut("client"), policy, SHORT);

                        client.sendRequest("PUT /x", "Transfer-Encoding: chunked")
                                .send("3\r\none\r\n");
                        first.await();
                        assertThat(client.receivesNothingFor(PAUSE)).isTrue();
                        var response = client.send("3\r\ntwo\r\n0\r\n\r\n").receiveResponse();

                        assertThat(response.status()).isEqualTo(200);
                        assertThat(response.body()).isEqualTo("onetwo");
                    }));
        }

        @Test
        void a_client_that_pauses_within_an_upload_for_too_long_is_answered_with_408() throws Exception {
            var first = new Gate("the first chunk has arrived");
            var ended = new Gate("the upstream's connection has ended");
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.receiveChunk();
                first.open();
                connection.awaitEnd();
                ended.open();
            });
            var client = connect(upstream, allLong().withClient(SHORT));

            try (var log = LogLines.of("pitfalls")) {
                client.sendRequest("POST /x", "Transfer-Encoding: chunked").send("3\r\none\r\n");
                first.await();
                var response = client.receiveResponse();

                assertThat(response.status()).isEqualTo(408);
                assertThat(client.ended()).isTrue();
                assertThat(log.first()).startsWith("INFO answered 408 http_request_error for POST /x");
                ended.await();
            }
        }

        @Test
        void an_upstream_may_be_silent_before_it_answers_for_longer_than_anything_else_may_take() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                assertThat(connection.receivesNothingFor(PAUSE)).isTrue();
                connection.send("HTTP/1.1 204 No Content\r\n\r\n");
            });
            var client = connect(upstream, allShortBut("response"));

            var response = client.sendRequest("POST /x", "Content-Length: 3")
                    .send("abc")
                    .receiveResponse();

            assertThat(response.status()).isEqualTo(204);
        }

        @Test
        void an_upstream_that_is_silent_after_a_pause_of_the_client_is_a_504() throws Exception {
            var first = new Gate("the first chunk has arrived");
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.receiveChunk();
                first.open();
                connection.receiveChunk();
                connection.awaitEnd();
            });
            var client = connect(upstream, allLong().withResponse(SHORT));

            client.sendRequest("POST /x", "Transfer-Encoding: chunked").send("3\r\none\r\n");
            first.await();
            assertThat(client.receivesNothingFor(PAUSE)).isTrue();
            var response = client.send("3\r\ntwo\r\n0\r\n\r\n").receiveResponse();

            assertThat(response.status()).isEqualTo(504);
        }

        @Test
        void an_upstream_that_does_not_take_an_upload_is_a_504() throws Exception {
            var answered = new Gate("the client was answered");
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                answered.await();
            });
            var client = connect(upstream, allLong().withResponse(SHORT));

            client.sendRequest("POST /x", "Content-Length: " + LARGE);
            var upload = CompletableFuture.runAsync(() -> {
                try {
                    for (int i = 0; i < LARGE / MEBIBYTE; i++) client.send(new byte[MEBIBYTE]);
                } catch (IOException ended) {
                    // It was told that nobody wants the rest.
                }
            });
            var response = client.receiveResponse();
            answered.open();

            assertThat(response.status()).isEqualTo(504);
            upload.get();
        }

        @Test
        void an_upstream_that_is_silent_behind_a_part_that_the_client_took_its_time_for_is_blamed() throws Exception {
            int half = LARGE / 2;
            var sent = new Gate("the upstream has sent a half");
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send(LARGE_HEAD);
                connection.send(new byte[half]);
                sent.open();
                connection.awaitEnd();
            });
            var client = connect(upstream, allLong().withStream(SHORT));

            try (var log = LogLines.of("pitfalls")) {
                client.sendRequest("GET /large").receiveHead();
                assertThat(sent.opensWithin(PAUSE)).isFalse();
                assertThat(log.lines()).isEmpty();
                client.skip(half);

                assertThat(log.first()).startsWith("WARN aborted 504 http_response_timeout for GET /large");
            }
        }

        @Test
        void an_upload_that_goes_on_behind_the_response_has_a_limit() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly");
                connection.awaitEnd();
            });
            var client = connect(upstream, allLong().withClient(SHORT));

            client.sendRequest("POST /x", "Content-Length: 1000");
            while (client.receivesNothingFor(MOMENT)) client.send("x"); // so that it pauses behind the response only
            var response = client.receiveResponse();

            assertThat(response.body()).isEqualTo("early");
            client.awaitEnd();
        }

        @Test
        void a_connection_between_two_requests_has_the_servers_limit() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
            });
            var client = connect(upstream, allLong(), RetryPolicy.none(), SHORT);

            RawMessage response = client.sendRequest("GET /x").receiveResponse();

            assertThat(response.body()).isEqualTo("one");
            assertThat(client.ended()).isTrue();
        }

        @Test
        void a_tunnel_has_a_limit_of_its_own_after_the_exchange() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n");
                connection.send(connection.receive(5));
            });
            var client = connect(upstream, new Timeouts(SHORT, SHORT, SHORT, SHORT, SHORT, LONG));

            client.sendRequest("GET /chat", "Connection: Upgrade", "Upgrade: chat")
                    .receiveResponse();
            assertThat(client.receivesNothingFor(PAUSE)).isTrue();

            assertThat(client.send("hello").receiveToEnd()).isEqualTo("hello");
        }
    }
}
