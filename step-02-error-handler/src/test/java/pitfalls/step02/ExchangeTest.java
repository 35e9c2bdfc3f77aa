package pitfalls.step02;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Gate;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;

/** The phases of an exchange, as a later step uses them. */
class ExchangeTest implements LoopbackTest {
    private static final ProxyError.Kind TEAPOT =
            new ProxyError.Kind(418, "http_request_denied", "The proxy makes tea.");

    private final Queue<String> events = new ConcurrentLinkedQueue<>();
    private final Gate uploaded = new Gate("the upload has ended");

    /** What a later step keeps for each request. */
    private final class LaterExchange extends Exchange {
        private LaterExchange(Request request, Response response, Callback callback) {
            super(request, response, callback);
            atEnd.push(() -> events.add("first in, last out"));
            atEnd.push(() -> events.add("last in, first out"));
        }

        @Override
        protected void onUploadBegin() {
            events.add("upload begins");
        }

        @Override
        protected void onUploadEnd() {
            events.add("upload ends");
            uploaded.open();
        }

        private void leave() {
            onClientLeft(new EofException("nobody is there"));
        }

        private void stop(ProxyError error) {
            stop(proxyToServerRequest, error);
        }
    }

    /** A later step: does something to the exchange once its request was sent. */
    private class LaterProxy extends ErrorHandlingProxy {
        private final Consumer<LaterExchange> sent;

        private LaterProxy(String target, Consumer<LaterExchange> sent) {
            super(target);
            this.sent = sent;
        }

        @Override
        protected Exchange newExchange(Request request, Response response, Callback callback) {
            return new LaterExchange(request, response, callback);
        }

        @Override
        protected void sendProxyToServerRequest(
                Request request,
                org.eclipse.jetty.client.Request proxyToServerRequest,
                Response response,
                Callback callback) {
            super.sendProxyToServerRequest(request, proxyToServerRequest, response, callback);
            sent.accept((LaterExchange) callback);
        }
    }

    private String silent() throws IOException {
        return loopback.scripted(connection -> {
                    connection.receiveHead();
                    connection.awaitEnd();
                })
                .target();
    }

    @TestFactory
    Stream<DynamicTest> however_it_ends_its_tasks_run_once_and_the_last_one_comes_first() {
        return Stream.of(
                ends("it is completed", exchange -> {
                    exchange.succeeded();
                    exchange.end();
                }),
                ends("it fails", exchange -> {
                    exchange.failed(new IOException("gone"));
                    exchange.end();
                }),
                ends("it is answered", exchange -> exchange.answer(BufferUtil.EMPTY_BUFFER)));
    }

    private DynamicTest ends(String how, Consumer<LaterExchange> end) {
        return DynamicTest.dynamicTest(how, () -> {
            events.clear();
            var ended = new Gate("it has ended");
            var client = loopback.connect(loopback.serve(new LaterProxy(silent(), exchange -> {
                if (!exchange.isOver()) end.accept(exchange);
                if (exchange.isOver()) ended.open();
            })));

            client.sendRequest("GET /x");
            ended.await();

            assertThat(events).containsExactly("last in, first out", "first in, last out");
        });
    }

    @Test
    void a_task_that_throws_keeps_neither_the_others_nor_the_client_waiting() throws Exception {
        var proxy = new LaterProxy(loopback.refusing(), exchange -> {}) {
            @Override
            protected Exchange newExchange(Request request, Response response, Callback callback) {
                var exchange = super.newExchange(request, response, callback);
                exchange.atEnd.push(() -> {
                    throw new IllegalStateException("a bug in a later step");
                });
                return exchange;
            }
        };
        var client = loopback.connect(loopback.serve(proxy));

        try (var log = LogLines.of("pitfalls")) {
            assertThat(client.sendRequest("GET /x").receiveResponse().status()).isEqualTo(502);
            assertThat(client.sendRequest("GET /y").receiveResponse().status()).isEqualTo(502);
            assertThat(log.lines()).contains("WARN a task at the end failed, the others go on [request ID, attempt 1]");
        }
        assertThat(events).contains("first in, last out");
    }

    @Test
    void it_ends_before_the_last_byte_of_an_answer_is_written() throws Exception {
        var server = loopback.serve(new ErrorHandlingProxy(loopback.refusing()) {
            @Override
            protected Exchange newExchange(Request request, Response response, Callback callback) {
                var recording = new Response.Wrapper(request, response) {
                    @Override
                    public void write(boolean last, ByteBuffer bytes, Callback written) {
                        events.add("write");
                        super.write(last, bytes, written);
                    }
                };
                return new LaterExchange(request, recording, callback);
            }
        });

        loopback.connect(server).sendRequest("GET /x").receiveResponse();

        assertThat(events).containsExactly("last in, first out", "first in, last out", "write");
    }

    @Test
    void an_attempt_that_is_stopped_fails_with_the_reason_and_not_with_what_Jetty_makes_of_it() throws Exception {
        var proxy = new LaterProxy(silent(), exchange -> exchange.stop(new ProxyError(TEAPOT, null)));
        var client = loopback.connect(loopback.serve(proxy));

        try (var log = LogLines.of("pitfalls")) {
            assertThat(client.sendRequest("GET /x").receiveResponse().status()).isEqualTo(418);
            assertThat(log.lines()).singleElement().asString().endsWith(": refused [request ID, attempt 1]");
        }
    }

    @Test
    void an_attempt_that_is_over_cannot_be_stopped() throws Exception {
        var stale = new HttpClient().newRequest("http://127.0.0.1:1");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        });
        var proxy = new LaterProxy(upstream.target(), exchange -> exchange.stop(stale, new ProxyError(TEAPOT, null)));
        var client = loopback.connect(loopback.serve(proxy));

        assertThat(client.sendRequest("GET /x").receiveResponse().status()).isEqualTo(200);
        assertThat(stale.getAbortCause()).isNull();
    }

    @Test
    void a_client_that_has_left_is_to_blame_whatever_fails_after_that() throws Exception {
        var errors = new ConcurrentLinkedQueue<Optional<ProxyError>>();
        var asked = new Gate("the exchange was asked twice");
        var proxy = new LaterProxy(silent(), exchange -> {
            errors.add(Optional.ofNullable(exchange.clientError()));
            exchange.leave();
            errors.add(Optional.ofNullable(exchange.clientError()));
            asked.open();
        });
        var client = loopback.connect(loopback.serve(proxy));

        try (var log = LogLines.of("pitfalls")) {
            client.sendRequest("GET /x").receiveResponse();
            asked.await();

            assertThat(errors.remove()).isEmpty();
            assertThat(errors.remove())
                    .hasValueSatisfying(error -> assertThat(error.kind()).isEqualTo(ProxyError.CLIENT_LEFT));
            assertThat(log.lines()).singleElement().asString().contains("nobody is there");
        }
    }

    @Test
    void an_upload_begins_once_and_ends_once() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(new LaterProxy(upstream.target(), exchange -> {})));

        client.sendRequest("PUT /x", "Content-Length: 3").send("abc").receiveResponse();
        uploaded.await();

        assertThat(List.copyOf(events)).startsWith("upload begins", "upload ends");
        assertThat(events).containsOnlyOnce("upload begins", "upload ends");
    }

    @Test
    void a_failure_that_a_later_step_cannot_handle_is_a_500_through_the_responder() throws Exception {
        var proxy = new ErrorHandlingProxy(loopback.refusing()) {
            @Override
            protected void onFailure(Exchange exchange, ProxyError error) {
                throw new IllegalStateException("attempt " + exchange.attempt());
            }
        };
        var client = loopback.connect(loopback.serve(proxy));

        try (var log = LogLines.of("pitfalls")) {
            var response = client.sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).isEqualTo(500);
            assertThat(response.field("Content-Type")).containsExactly("application/problem+json");
            assertThat(log.lines()).singleElement().asString().contains("IllegalStateException: attempt 1");
        }
    }

    @TestFactory
    Stream<DynamicTest> the_log_calls_a_request_by_the_name_that_its_client_gave_it() {
        String trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        return Stream.of(
                        "traceparent: 00-" + trace + "-00f067aa0ba902b7-01 >> " + trace,
                        "X-Request-Id: order-17 >> order-17",
                        "X-Request-Id: two words >> ID",
                        "traceparent: ghost >> ID")
                .map(row -> row.split(" >> "))
                .map(row -> DynamicTest.dynamicTest(row[0], () -> {
                    var client = loopback.connect(loopback.serve(new ErrorHandlingProxy(loopback.refusing())));

                    try (var log = LogLines.of("pitfalls")) {
                        client.sendRequest("GET /x", row[0]).receiveResponse();

                        assertThat(log.lines())
                                .singleElement()
                                .asString()
                                .endsWith("[request " + row[1] + ", attempt 1]");
                    }
                }));
    }
}
