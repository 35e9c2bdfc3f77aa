package pitfalls.step02;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.BufferedResponseHandler;
import org.eclipse.jetty.server.handler.EagerContentHandler;
import org.eclipse.jetty.server.handler.SizeLimitHandler;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Gate;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;

/** A proxy that alone decides how an exchange ends, whatever a handler in front of it does with the request, response or callback. */
public interface HandlersInFrontContract extends LoopbackTest {
    /** More than Jetty's {@code BufferedResponseHandler} holds back. */
    int MORE_THAN_A_BUFFER = 64 * 1024;

    /** The proxy under test, not started. */
    ProxyHandler newProxy(String target);

    @Test
    default void a_handler_in_front_that_reads_the_body_does_not_answer_in_the_place_of_the_proxy() throws Exception {
        var inFront = new EagerContentHandler(newProxy(loopback.refusing()));
        var client = loopback.connect(loopback.serve(inFront));

        var response =
                client.sendRequest("POST /x", "Content-Length: 2").send("ab").receiveResponse();

        assertIsOurs(response, 502);
    }

    @Test
    default void the_failure_of_an_attempt_does_not_fail_the_request_of_the_client() throws Exception {
        var failed = new AtomicInteger();
        var inFront = new Handler.Wrapper(newProxy(loopback.refusing())) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                var observed = new Request.Wrapper(request) {
                    @Override
                    public void fail(Throwable failure) {
                        failed.incrementAndGet();
                        callback.failed(failure); // as that of Jetty's EagerContentHandler
                    }
                };
                return super.handle(observed, response, callback);
            }
        };
        var client = loopback.connect(loopback.serve(inFront));

        var response = client.sendRequest("POST /x", "Content-Length: 1000")
                .send("abc")
                .receiveResponse();

        assertIsOurs(response, 502);
        assertThat(failed).as("how often the client's request was failed").hasValue(0);
    }

    /** The callback of Jetty's {@code EagerContentHandler} does nothing when it is failed. */
    @Test
    default void a_response_behind_a_handler_that_reads_the_body_breaks_off_with_that_of_the_upstream()
            throws Exception {
        var firstBytesArrived = new Gate("the client has received the first bytes");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
            firstBytesArrived.await();
        });
        var client = loopback.connect(loopback.serve(new EagerContentHandler(newProxy(upstream.target()))));

        client.sendRequest("POST /x", "Content-Length: 2").send("ab");
        var head = new RawMessage(client.receiveHead(), "", false);
        firstBytesArrived.open();

        assertBreaksOff(client, head);
    }

    @Test
    default void a_failure_is_answered_also_if_a_handler_in_front_holds_back_a_part_of_the_response() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nX-Origin: upstream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
        });
        var client = loopback.connect(loopback.serve(new BufferedResponseHandler(newProxy(upstream.target()))));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertIsOurs(response, 502);
        assertThat(response.fieldNames()).as("the headers of the response").doesNotContain("X-Origin");
        assertThat(response.field("Connection"))
                .as("Connection of the response, behind which something is held back")
                .containsExactly("close");
        assertThat(client.ended()).as("whether nothing follows the response").isTrue();
    }

    @Test
    default void a_handler_in_front_does_not_finish_the_half_of_a_response_that_it_has() throws Exception {
        var firstBytesArrived = new Gate("the client has received the first bytes");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + Integer.toHexString(MORE_THAN_A_BUFFER) + "\r\n" + "x".repeat(MORE_THAN_A_BUFFER) + "\r\n");
            firstBytesArrived.await();
        });
        var client = loopback.connect(loopback.serve(new BufferedResponseHandler(newProxy(upstream.target()))));

        client.sendRequest("GET /x");
        var head = new RawMessage(client.receiveHead(), "", false);
        firstBytesArrived.open();

        assertBreaksOff(client, head);
    }

    @TestFactory
    default Stream<DynamicTest> a_response_that_a_handler_in_front_refuses_is_answered_by_the_proxy() {
        return Stream.of("Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
                .map(body -> DynamicTest.dynamicTest(body.substring(0, body.indexOf(':')), () -> {
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n" + body);
                    });
                    var inFront = new SizeLimitHandler(-1, 2);
                    inFront.setHandler(newProxy(upstream.target()));
                    var client = loopback.connect(loopback.serve(inFront));

                    assertIsOurs(client.sendRequest("GET /x").receiveResponse(), 500);
                }));
    }

    @Test
    default void an_error_is_answered_also_if_a_handler_in_front_would_refuse_its_length() throws Exception {
        var inFront = new SizeLimitHandler(-1, 2);
        inFront.setHandler(newProxy(loopback.refusing()));
        var client = loopback.connect(loopback.serve(inFront));

        assertIsOurs(client.sendRequest("GET /x").receiveResponse(), 502);
    }

    /** If even the proxy's own answer cannot be written, the connection ends, and Jetty writes no page. */
    @Test
    default void where_nothing_can_be_written_the_client_gets_nothing() throws Exception {
        var inFront = new Handler.Wrapper(newProxy(loopback.refusing())) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                return super.handle(request, new Unwritable(request, response), callback);
            }
        };
        var client = loopback.connect(loopback.serve(inFront));

        try (var log = LogLines.of("org.eclipse.jetty")) {
            client.sendRequest("GET /x");

            assertThat(client.receiveToEnd()).as("what the client gets").isEmpty();
            assertThat(log.lines()).as("what Jetty logs").isEmpty();
        }
    }

    /** A response whose handler lets nothing pass. */
    final class Unwritable extends Response.Wrapper {
        private Unwritable(Request request, Response response) {
            super(request, response);
        }

        @Override
        public void write(boolean last, ByteBuffer content, Callback callback) {
            callback.failed(new IllegalStateException("nothing passes"));
        }
    }

    private static void assertIsOurs(RawMessage response, int status) {
        assertThat(response.status()).as("the status of the response").isEqualTo(status);
        assertThat(response.field("Content-Type"))
                .as("Content-Type of the response")
                .containsExactly("application/problem+json");
        assertThat(response.complete()).as("whether the response is whole").isTrue();
        assertThat(response.body())
                .as("the body of the response")
                .startsWith("{")
                .doesNotContain("127.0.0.1", "Exception", "java", "Jetty");
    }

    private static void assertBreaksOff(RawConnection client, RawMessage head) throws Exception {
        assertThat(head.status()).as("the status of the response").isEqualTo(200);
        assertThat(client.receiveBodyOf(head).complete())
                .as("whether the client takes half a response for a whole one")
                .isFalse();
        assertThat(client.ended()).as("whether the connection has ended").isTrue();
    }
}
