package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.awaitIdleConnection;

import java.net.URI;
import java.util.stream.Stream;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.ScriptedUpstream.Script;

/** What becomes of a request whose connection the upstream was just closing, if nothing is said about retries. */
public interface StaleConnectionsContract extends LoopbackTest {
    /** The upstream answers the first request, and ends the connection when the second one arrives. */
    Script GOES_STALE = goesStale("");

    /** The proxy under test, not started, without a retry policy. */
    ProxyHandler newProxy(String target);

    @TestFactory
    default Stream<DynamicTest> an_idempotent_request_without_a_body_is_sent_again() {
        return Stream.of("GET", "HEAD", "OPTIONS", "TRACE", "DELETE", "PUT")
                .map(method -> DynamicTest.dynamicTest(method, () -> {
                    String length = method.equals("PUT") ? "Content-Length: 0" : "X: y";
                    assertSecondAnswer(200, 2, "", client -> client.sendRequest(method + " /second", length));
                }));
    }

    @TestFactory
    default Stream<DynamicTest> what_may_have_been_applied_or_has_a_body_is_not_sent_again() {
        String key = "Idempotency-Key: \"8e03978e\"";
        return Stream.of(
                sentOnce("POST", client -> client.sendRequest("POST /second", "Content-Length: 0")),
                sentOnce("POST with a key", client -> client.sendRequest("POST /second", "Content-Length: 0", key)),
                sentOnce("PATCH", client -> client.sendRequest("PATCH /second", "Content-Length: 0")),
                sentOnce(
                        "PUT with a body",
                        client -> client.sendRequest("PUT /second", "Content-Length: 3")
                                .send("abc")),
                sentOnce(
                        "GET with a body",
                        client -> client.sendRequest("GET /second", "Transfer-Encoding: chunked")
                                .send("0\r\n\r\n")));
    }

    private DynamicTest sentOnce(String name, Sending request) {
        return DynamicTest.dynamicTest(name, () -> assertSecondAnswer(502, 1, "", request));
    }

    @TestFactory
    default Stream<DynamicTest> once_a_byte_of_a_response_has_come_it_is_not_sent_again() {
        return Stream.of("H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n")
                .map(bytes -> DynamicTest.dynamicTest(
                        bytes.strip(),
                        () -> assertSecondAnswer(502, 1, bytes, client -> client.sendRequest("GET /second"))));
    }

    /** What a client sends. */
    interface Sending {
        RawConnection on(RawConnection client) throws Exception;
    }

    private void assertSecondAnswer(int status, int connections, String bytes, Sending request) throws Exception {
        var upstream = loopback.scripted(goesStale(bytes), connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        });
        var proxy = newProxy(upstream.target());
        var client = loopback.connect(withKeptConnection(proxy));

        String head = request.on(client).receiveHead();
        while (head.startsWith("HTTP/1.1 103")) head = client.receiveHead();

        assertThat(head).as("the answer to the second request").startsWith("HTTP/1.1 " + status + " ");
        assertThat(upstream.connections())
                .as("connections that brought a request")
                .isEqualTo(connections);
    }

    @Test
    default void it_is_sent_again_once() throws Exception {
        ScriptedUpstream upstream = loopback.scripted(GOES_STALE, RawConnection::receiveRequest);
        var client = loopback.connect(withKeptConnection(newProxy(upstream.target())));

        var response = client.sendRequest("GET /second").receiveResponse();

        assertThat(response.status())
                .as("the status, where the fresh connection dies as well")
                .isEqualTo(502);
        assertThat(upstream.connections())
                .as("connections that brought a request")
                .isEqualTo(2);
    }

    /** The address of the proxy, started, which has a connection to its upstream that has served a request. */
    default URI withKeptConnection(ProxyHandler proxy) throws Exception {
        URI address = loopback.serve(proxy);
        assertThat(loopback.connect(address)
                        .sendRequest("GET /first")
                        .receiveResponse()
                        .status())
                .as("the status of the first response")
                .isEqualTo(204);
        awaitIdleConnection(proxy.getHttpClient());
        return address;
    }

    private static Script goesStale(String bytes) {
        return connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 204 No Content\r\n\r\n");
            connection.receiveRequest();
            connection.send(bytes);
        };
    }
}
