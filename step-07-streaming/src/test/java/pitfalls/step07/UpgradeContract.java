package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.awaitIdleConnection;
import static pitfalls.support.Loopback.targetOf;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import mockwebserver3.MockResponse;
import okhttp3.WebSocketListener;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.AbstractConnector;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.util.component.Graceful;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step04.RetryPolicy;
import pitfalls.support.Gate;
import pitfalls.support.Headline;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;

/** A proxy through which connections can be upgraded, to WebSockets and whatever else. */
public interface UpgradeContract extends LoopbackTest {
    /** What a client sends to upgrade to a protocol that exists in these tests only. */
    String[] OFFER = {"Connection: Upgrade", "Upgrade: chat/2"};

    /** What an upstream sends to accept it. */
    String ACCEPTED = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat/2\r\n\r\n";

    /** The proxy under test, not started. */
    ProxyHandler newProxy(String target, Timeouts timeouts, RetryPolicy policy);

    /** The proxy under test, with limits that do not matter, and without retries. */
    default ProxyHandler newProxy(String target) {
        return newProxy(target, Timeouts.defaults(), RetryPolicy.none());
    }

    @Test
    @Order(2)
    default void a_WebSocket_passes() throws Exception {
        var upstream = loopback.upstream(new MockResponse.Builder().webSocketUpgrade(new WebSocketListener() {
            @Override
            public void onMessage(okhttp3.WebSocket socket, String text) {
                socket.send("echo of " + text);
            }

            @Override
            public void onClosing(okhttp3.WebSocket socket, int code, String reason) {
                socket.close(code, reason);
            }
        }));
        var server = loopback.serve(newProxy(targetOf(upstream)));
        var received = new LinkedBlockingQueue<String>();
        String large = "x".repeat(300_000);

        var socket = HttpClient.newHttpClient()
                .newWebSocketBuilder()
                .buildAsync(URI.create("ws://127.0.0.1:" + server.getPort() + "/chat"), new Collector(received))
                .get(5, TimeUnit.SECONDS);
        socket.sendText("hello", true).get(5, TimeUnit.SECONDS);
        String small = received.poll(5, TimeUnit.SECONDS);
        socket.sendText(large, true).get(5, TimeUnit.SECONDS);
        String echo = received.poll(5, TimeUnit.SECONDS);
        socket.sendClose(1000, "bye").get(5, TimeUnit.SECONDS);

        assertThat(small).as("the echo of a small message").isEqualTo("echo of hello");
        assertThat(echo).as("the echo of a large message").isEqualTo("echo of " + large);
        assertThat(received.poll(5, TimeUnit.SECONDS))
                .as("how the WebSocket was closed")
                .isEqualTo("closed 1000");
    }

    @Headline
    @Order(1)
    @Test
    default void bytes_pass_in_both_directions() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(ACCEPTED);
            connection.send("welcome");
            assertThat(connection.receive(5)).as("what the upstream received").isEqualTo("hello");
            connection.send("bye");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        var response = client.sendRequest("GET /chat", OFFER).receiveResponse();
        assertThat(response.field("Upgrade"))
                .as("the protocol that the client is told to speak now")
                .containsExactly("chat/2");
        String welcome = client.receive(7);
        client.send("hello");

        assertThat(response.status()).as("the status of the response").isEqualTo(101);
        assertThat(response.field("Connection"))
                .as("Connection of the response")
                .containsExactly("Upgrade");
        assertThat(List.of(welcome, client.receiveToEnd()))
                .as("what came through the tunnel")
                .containsExactly("welcome", "bye");
    }

    @TestFactory
    @Order(3)
    default Stream<DynamicTest> a_101_that_nobody_asked_for_is_a_502_and_ends_the_connection() {
        return Stream.of(
                        "GET /x HTTP/1.1\r\n",
                        "GET /x HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: chat/2\r\n",
                        "POST /x HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n")
                .map(head -> DynamicTest.dynamicTest(head.split("\r\n")[0], () -> {
                    var ended = new Gate("the upstream's connection has ended");
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveHead();
                        connection.send(ACCEPTED + "bytes of a protocol that nobody understands");
                        connection.awaitEnd();
                        ended.open();
                    });
                    var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

                    var response =
                            client.send(head + "Host: www.example.com\r\n\r\n").receiveResponse();

                    assertThat(response.status())
                            .as("the status of the response")
                            .isEqualTo(502);
                    ended.await();
                }));
    }

    @TestFactory
    default Stream<DynamicTest> a_101_with_another_protocol_is_a_502_and_ends_the_connection() {
        return Stream.of("Upgrade: chat/3\r\n", "Upgrade: chat/2, chat/3\r\n", "")
                .map(field -> DynamicTest.dynamicTest("'" + field.strip() + "'", () -> {
                    var ended = new Gate("the upstream's connection has ended");
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\n" + field + "\r\nbytes");
                        connection.awaitEnd();
                        ended.open();
                    });
                    var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

                    var response = client.sendRequest("GET /x", OFFER).receiveResponse();

                    assertThat(response.status())
                            .as("the status of the response")
                            .isEqualTo(502);
                    ended.await();
                }));
    }

    @Test
    default void bytes_glued_to_the_101_and_to_the_request_arrive() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(ACCEPTED + "glued to the 101");
            assertThat(connection.receive(20)).as("what the upstream received").isEqualTo("glued to the request");
            connection.send(", and then?");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.send("GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: chat/2\r\n\r\n"
                        + "glued to the request")
                .receiveResponse();

        assertThat(client.receiveToEnd()).as("what the client received then").isEqualTo("glued to the 101, and then?");
    }

    @Test
    default void bytes_that_arrive_while_the_upstream_thinks_arrive_there() throws Exception {
        var sent = new Gate("the client has sent its first bytes");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            sent.await();
            connection.send(ACCEPTED);
            connection.send(connection.receive(5));
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.sendRequest("GET /chat", OFFER);
        client.receivesNothingFor(StreamingContract.A_WHILE);
        client.send("early");
        sent.open();
        client.receiveResponse();

        assertThat(client.receiveToEnd()).as("what the client received then").isEqualTo("early");
    }

    @Test
    default void the_end_of_the_clients_bytes_passes_alone() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(ACCEPTED);
            String all = connection.receiveToEnd();
            connection.send("you said " + all);
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.sendRequest("GET /chat", OFFER).receiveResponse();
        client.send("all that I have to say").shutdownOutput();

        assertThat(client.receiveToEnd())
                .as("what the client received then")
                .isEqualTo("you said all that I have to say");
    }

    @Test
    default void the_end_of_the_upstreams_bytes_passes_alone() throws Exception {
        var seen = new LinkedBlockingQueue<String>();
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(ACCEPTED + "all that I have to say");
            connection.shutdownOutput();
            seen.add(connection.receiveToEnd());
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.sendRequest("GET /chat", OFFER).receiveResponse();
        String all = client.receiveToEnd();
        client.send("you said " + all).shutdownOutput();

        assertThat(seen.poll(5, TimeUnit.SECONDS))
                .as("what the upstream received last")
                .isEqualTo("you said all that I have to say");
    }

    @TestFactory
    default Stream<DynamicTest> a_client_that_leaves_the_tunnel_frees_the_upstream() {
        return Stream.of("by FIN", "by RST")
                .map(how -> DynamicTest.dynamicTest(how, () -> {
                    var ended = new Gate("the upstream's connection has ended");
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        connection.send(ACCEPTED);
                        connection.awaitEnd();
                        ended.open();
                    });
                    var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

                    client.sendRequest("GET /chat", OFFER).receiveResponse();
                    if (how.equals("by FIN")) client.close();
                    else client.reset();

                    ended.await();
                }));
    }

    @TestFactory
    default Stream<DynamicTest> a_refusal_passes_as_it_is() {
        return Stream.of("403 Forbidden", "426 Upgrade Required")
                .map(status -> DynamicTest.dynamicTest(status, () -> {
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 " + status + "\r\nX-Why: no\r\nContent-Length: 2\r\n\r\nno");
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 204 No Content\r\n\r\n");
                    });
                    var proxy = newProxy(upstream.target());
                    var client = loopback.connect(loopback.serve(proxy));

                    var refusal = client.sendRequest("GET /chat", OFFER).receiveResponse();
                    awaitIdleConnection(proxy.getHttpClient());
                    var next = client.sendRequest("GET /x").receiveResponse();

                    assertThat(refusal.startLine())
                            .as("the status line of the refusal")
                            .contains(status.substring(0, 3));
                    assertThat(refusal.field("X-Why"))
                            .as("X-Why of the refusal")
                            .containsExactly("no");
                    assertThat(refusal.body()).as("the body of the refusal").isEqualTo("no");
                    assertThat(next.status())
                            .as("the status of the next response")
                            .isEqualTo(204);
                }));
    }

    @TestFactory
    default Stream<DynamicTest> h2c_is_never_offered_to_the_upstream() {
        return Stream.of("h2c > ", "H2C, chat/2 > chat/2", "HTTP/2.0, chat/2, h2c > chat/2", "websocket > websocket")
                .map(row -> row.split(" > ", 2))
                .map(row -> DynamicTest.dynamicTest(row[0], () -> {
                    var upstream = loopback.scripted(connection -> {
                        String seen = connection.receiveRequest().head();
                        connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + seen.length() + "\r\n\r\n" + seen);
                    });
                    var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

                    String seen = client.sendRequest(
                                    "GET /x",
                                    "Connection: Upgrade, HTTP2-Settings",
                                    "Upgrade: " + row[0],
                                    "HTTP2-Settings: AAMAAABkAAQAAP__")
                            .receiveResponse()
                            .body();

                    var request = new RawMessage(seen, "", true);
                    assertThat(request.field("Upgrade"))
                            .as("Upgrade of the request at the upstream")
                            .isEqualTo(row[1].isEmpty() ? List.of() : List.of(row[1]));
                    assertThat(request.fieldNames())
                            .as("the headers of the request at the upstream")
                            .doesNotContain("HTTP2-Settings");
                }));
    }

    @Test
    default void fields_of_the_101_that_end_at_this_hop_end_here() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade, X-Hop\r\nUpgrade: chat/2\r\n"
                    + "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\nX-Hop: for the proxy only\r\nKeep-Alive: timeout=5\r\nSec-WebSocket-Accept: a\r\n"
                    + "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\nx");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        var response = client.sendRequest("GET /chat", OFFER).receiveResponse();

        assertThat(response.fieldNames())
                .as("the headers of the response")
                .contains("Sec-WebSocket-Accept")
                .doesNotContain("X-Hop", "Keep-Alive", "Content-Length", "Transfer-Encoding");
        assertThat(response.field("Set-Cookie"))
                .as("Set-Cookie of the response")
                .containsExactly("a=1", "b=2");
        assertThat(response.field("Date")).as("Date of the response").containsExactly("Tue, 15 Nov 1994 08:12:31 GMT");
        assertThat(response.field("Connection"))
                .as("Connection of the response")
                .containsExactly("Upgrade");
        assertThat(client.receiveToEnd()).as("what the client received then").isEqualTo("x");
    }

    @Test
    default void a_request_with_a_body_can_be_upgraded() throws Exception {
        var upstream = loopback.scripted(connection -> {
            assertThat(connection.receiveRequest().body())
                    .as("what the upstream received")
                    .isEqualTo("{}");
            connection.send(ACCEPTED);
            connection.send(connection.receive(5));
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        var response = client.sendRequest("POST /exec", "Connection: Upgrade", "Upgrade: chat/2", "Content-Length: 2")
                .send("{}")
                .receiveResponse();
        client.send("hello");

        assertThat(response.status()).as("the status of the response").isEqualTo(101);
        assertThat(client.receiveToEnd()).as("what the client received then").isEqualTo("hello");
    }

    @Test
    default void a_second_attempt_offers_the_same() throws Exception {
        var upstream = loopback.scripted(RawConnection::receiveRequest, connection -> {
            assertThat(connection.receiveRequest().field("Upgrade"))
                    .as("what the upstream received")
                    .containsExactly("chat/2");
            connection.send(ACCEPTED + "x");
        });
        var proxy = newProxy(upstream.target(), Timeouts.defaults(), RetryPolicy.idempotent());
        var client = loopback.connect(loopback.serve(proxy));

        var response = client.sendRequest("GET /chat", OFFER).receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(101);
        assertThat(client.receiveToEnd()).as("what the client received then").isEqualTo("x");
    }

    @Test
    default void a_tunnel_may_be_quiet_for_longer_than_a_response_may_take() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(ACCEPTED);
            connection.send(connection.receive(5));
        });
        var timeouts = new Timeouts(
                Duration.ofSeconds(5),
                Duration.ofMillis(100),
                Duration.ofMillis(100),
                Duration.ofMillis(100),
                Duration.ofMillis(100),
                Duration.ofHours(1));
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), timeouts, RetryPolicy.none())));

        client.sendRequest("GET /chat", OFFER).receiveResponse();
        client.receivesNothingFor(StreamingContract.A_WHILE);
        client.send("hello");

        assertThat(client.receiveToEnd()).as("what the client received then").isEqualTo("hello");
    }

    @Test
    default void a_tunnel_that_is_quiet_for_too_long_ends_on_both_sides() throws Exception {
        var ended = new Gate("the upstream's connection has ended");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(ACCEPTED);
            connection.awaitEnd();
            ended.open();
        });
        var timeouts = Timeouts.defaults().withUpgraded(Duration.ofMillis(100));
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), timeouts, RetryPolicy.none())));

        client.sendRequest("GET /chat", OFFER).receiveResponse();

        client.awaitEnd();
        ended.await();
    }

    @Test
    default void a_tunnel_ends_at_once_when_the_proxy_stops() throws Exception {
        var ended = new Gate("the upstream's connection has ended");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(ACCEPTED);
            connection.awaitEnd();
            ended.open();
        });
        var proxy = newProxy(upstream.target());
        var client = loopback.connect(loopback.serve(proxy));

        client.sendRequest("GET /chat", OFFER).receiveResponse();
        proxy.stop();

        client.awaitEnd();
        ended.await();
    }

    @Test
    default void a_tunnel_goes_on_while_the_server_shuts_down() throws Exception {
        var ended = new Gate("the upstream's connection has ended");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(ACCEPTED);
            connection.send(connection.receive(5));
            connection.awaitEnd();
            ended.open();
        });
        var proxy = newProxy(upstream.target());
        var client = loopback.connect(loopback.serve(proxy));
        ((AbstractConnector) proxy.getServer().getConnectors()[0]).setShutdownIdleTimeout(-1);

        client.sendRequest("GET /chat", OFFER).receiveResponse();
        var shutdown = Graceful.shutdown(proxy.getServer());
        String echo = client.send("hello").receive(5);
        boolean isOver = shutdown.isDone();
        proxy.stop();

        assertThat(echo).as("what came back through the tunnel").isEqualTo("hello");
        assertThat(isOver).as("whether the server takes the tunnel for ended").isFalse();
        client.awaitEnd();
        ended.await();
        shutdown.get(5, TimeUnit.SECONDS);
    }

    @Test
    default void a_tunnel_works_over_TLS() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(ACCEPTED + "welcome");
            connection.send(connection.receiveToEnd());
        });
        var server = loopback.serve(
                newProxy(upstream.target()),
                Tls.before("HTTP/1.1"),
                new HttpConnectionFactory(new HttpConfiguration()));
        var client = loopback.connect(server, Tls.sockets());

        client.sendRequest("GET /chat", OFFER).receiveResponse();
        client.send("hello").shutdownOutput();

        assertThat(client.receiveToEnd()).as("what the client received then").isEqualTo("welcomehello");
    }

    /** Collects what arrives on a WebSocket. */
    final class Collector implements WebSocket.Listener {
        private final LinkedBlockingQueue<String> received;
        private final StringBuilder message = new StringBuilder();

        Collector(LinkedBlockingQueue<String> received) {
            this.received = received;
        }

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
            message.append(part);
            if (last) {
                received.add(message.toString());
                message.setLength(0);
            }
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
            received.add("closed " + code);
            return null;
        }
    }
}
