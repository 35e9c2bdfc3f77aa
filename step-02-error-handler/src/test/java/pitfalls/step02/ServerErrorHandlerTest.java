package pitfalls.step02;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.ajax.JSON;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawMessage;

/** What Jetty's server refuses before it asks any handler. */
class ServerErrorHandlerTest implements LoopbackTest {
    private static final String HOST = "\r\nHost: www.example.com\r\n\r\n";
    private static final String UNREADABLE = "an unreadable request";

    @Test
    void without_it_the_client_gets_the_page_of_Jetty_and_the_log_stays_empty() throws Exception {
        var client = loopback.connect(loopback.serve(new ErrorHandlingProxy(loopback.refusing())));

        try (var log = LogLines.of("pitfalls")) {
            var response = client.send("GET / HTTP/1.1\r\n\r\n").receiveResponse();

            assertThat(response.status()).isEqualTo(400);
            assertThat(response.body()).contains("<html>", "Powered by Jetty");
            assertThat(response.field("Proxy-Status")).isEmpty();
            assertThat(log.lines()).isEmpty();
        }
    }

    @TestFactory
    Stream<DynamicTest> a_refusal_of_Jetty_is_answered_by_the_responder_and_is_one_line_in_the_log() {
        return Stream.of(
                refusal("no HTTP", "400 " + UNREADABLE, "nonsense\r\n\r\n"),
                refusal("TLS", "400 " + UNREADABLE, "\u0016\u0003\u0001"),
                refusal("a path above the root", "400 " + UNREADABLE, "GET /../x HTTP/1.1" + HOST),
                refusal("a bad percent-encoding", "400 " + UNREADABLE, "GET /%zz HTTP/1.1" + HOST),
                refusal("an encoded zero byte", "400 " + UNREADABLE, "GET /%00 HTTP/1.1" + HOST),
                refusal("an ambiguous path", "400 GET /a%2Fb", "GET /a%2Fb HTTP/1.1" + HOST),
                refusal("no Host", "400 GET /", "GET / HTTP/1.1\r\n\r\n"),
                refusal("a bad Host", "400 GET /", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
                refusal("a bad length", "400 GET /", "GET / HTTP/1.1\r\nContent-Length: " + "9".repeat(30) + HOST),
                refusal("a long path", "414 " + UNREADABLE, "GET /" + "x".repeat(9000)),
                refusal("a long field", "431 GET /", "GET / HTTP/1.1\r\nCookie: " + "x".repeat(9000)),
                refusal("an expectation", "417 GET /", "GET / HTTP/1.1\r\nExpect: a-miracle" + HOST),
                refusal("HTTP/2", "426 PRI *", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
                refusal("HTTP/3.7", "505 " + UNREADABLE, "GET / HTTP/3.7" + HOST));
    }

    private DynamicTest refusal(String what, String statusAndSubject, String request) {
        return DynamicTest.dynamicTest(what, () -> {
            int status = Integer.parseInt(statusAndSubject.substring(0, 3));
            String type = status == 505 ? "http_request_denied" : "http_request_error";
            var client = loopback.connect(serve(new ErrorHandlingProxy(loopback.refusing())));

            try (var log = LogLines.of("pitfalls")) {
                var response = client.send(request).receiveResponse();

                assertAnswer(response, status, type);
                assertThat(log.lines())
                        .singleElement()
                        .asString()
                        .startsWith("INFO answered " + status + " " + type + " for " + statusAndSubject.substring(4)
                                + " to no upstream from 127.0.0.1: refused")
                        .endsWith(" [request ID]");
            }
        });
    }

    @Test
    void a_HEAD_that_is_refused_gets_no_body() throws Exception {
        var client = loopback.connect(serve(new ErrorHandlingProxy(loopback.refusing())));

        String answer = client.send("HEAD / HTTP/1.1\r\nCookie: " + "x".repeat(9000) + "\r\n\r\n")
                .receiveToEnd();

        assertThat(answer)
                .startsWith("HTTP/1.1 431 ")
                .containsPattern("Content-Length: [1-9]")
                .endsWith("\r\n\r\n");
    }

    @Test
    void a_426_says_to_what_the_client_has_to_change() throws Exception {
        var client = loopback.connect(serve(new ErrorHandlingProxy(loopback.refusing())));

        var response = client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").receiveResponse();

        assertThat(response.head().lines()).contains("Upgrade: HTTP/1.1", "Connection: Upgrade, close");
    }

    @Test
    void a_request_that_comes_while_the_server_stops_is_answered_by_the_responder() throws Exception {
        var graceful = new GracefulHandler(new ErrorHandlingProxy(loopback.refusing()));
        var client = loopback.connect(serve(graceful));
        client.sendRequest("GET /x").receiveResponse();

        graceful.shutdown();
        var response = client.sendRequest("GET /x").receiveResponse();

        assertAnswer(response, 503, "http_request_denied");
    }

    @Test
    void an_exception_of_another_handler_is_a_500_that_does_not_name_it() throws Exception {
        var inFront = new Handler.Wrapper(new ErrorHandlingProxy(loopback.refusing())) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                throw new IllegalStateException("a bug in front");
            }
        };
        var client = loopback.connect(serve(inFront));

        try (var jetty = LogLines.of("org.eclipse.jetty.server.Response");
                var log = LogLines.of("pitfalls")) {
            var response = client.sendRequest("GET /x").receiveResponse();

            assertAnswer(response, 500, "proxy_internal_error");
            assertThat(response.body()).doesNotContain("bug");
            assertThat(log.lines()).singleElement().asString().contains("IllegalStateException: a bug in front");
            assertThat(jetty.lines()).as("what Jetty itself logs").hasSize(1);
        }
    }

    @Test
    void a_client_that_another_handler_has_waited_for_in_vain_gets_a_408() throws Exception {
        var inFront = new Handler.Wrapper(new ErrorHandlingProxy(loopback.refusing())) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                callback.failed(new TimeoutException("Idle timeout expired"));
                return true;
            }
        };
        var client = loopback.connect(serve(inFront));

        var response = client.sendRequest("POST /x", "Content-Length: 3").receiveResponse();

        assertAnswer(response, 408, "http_request_error");
    }

    @Test
    void a_refusal_of_another_handler_keeps_its_status() throws Exception {
        var inFront = new Handler.Wrapper(new ErrorHandlingProxy(loopback.refusing())) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                response.getHeaders().put("WWW-Authenticate", "Basic");
                Response.writeError(request, response, callback, 401);
                return true;
            }
        };
        var client = loopback.connect(serve(inFront));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertAnswer(response, 401, "http_request_error");
        assertThat(response.field("WWW-Authenticate")).containsExactly("Basic");
    }

    @Test
    void a_responder_of_your_own_answers_and_may_fail() throws Exception {
        var proxy = new ErrorHandlingProxy(loopback.refusing());
        var address = serve(proxy);

        proxy.setErrorResponder(
                (error, request, response) -> "sorry: " + error.kind().status());
        var own = loopback.connect(address).send("GET / HTTP/1.1\r\n\r\n").receiveResponse();
        proxy.setErrorResponder((error, request, response) -> {
            throw new IllegalStateException("a bug in the responder");
        });
        RawMessage bare;
        try (var log = LogLines.of("pitfalls")) {
            bare = loopback.connect(address).send("GET / HTTP/1.1\r\n\r\n").receiveResponse();

            assertThat(log.lines())
                    .contains("WARN the error responder failed, the client gets a bare 400 [request ID]");
        }

        assertThat(own.body()).isEqualTo("sorry: 400");
        assertThat(bare.status()).isEqualTo(400);
        assertThat(bare.body()).isEmpty();
    }

    @Test
    void an_answer_that_is_too_large_to_be_sent_is_no_empty_200() throws Exception {
        var proxy = new ErrorHandlingProxy(loopback.refusing());
        proxy.setErrorResponder((error, request, response) -> {
            response.getHeaders().put("X-Long", "x".repeat(20_000));
            return "never sent";
        });
        var client = loopback.connect(serve(proxy));

        try (var jetty = LogLines.of("org.eclipse.jetty.server.Response");
                var log = LogLines.of("pitfalls")) {
            String all = client.sendRequest("GET /x").receiveToEnd();

            assertThat(all).doesNotContain(" 200 ");
            assertThat(log.lines()).isNotEmpty();
            assertThat(jetty.lines()).isEmpty();
        }
    }

    @Test
    void HEAD_gets_no_body() throws Exception {
        var client = loopback.connect(serve(new ErrorHandlingProxy(loopback.refusing())));

        client.sendRequest("HEAD /x", "Expect: a-miracle");

        assertThat(client.receiveHead()).startsWith("HTTP/1.1 417 ").contains("Content-Length: ");
        assertThat(client.receiveToEnd()).isEmpty();
    }

    /** Serves the proxy, whose server has its errors answered by the proxy's responder. */
    private URI serve(Handler.Singleton inFront) throws Exception {
        URI address = loopback.serve(inFront);
        inFront.getServer().setErrorHandler(new ServerErrorHandler((ErrorHandlingProxy) inFront.getHandler()));
        return address;
    }

    private URI serve(ErrorHandlingProxy proxy) throws Exception {
        URI address = loopback.serve(proxy);
        proxy.getServer().setErrorHandler(new ServerErrorHandler(proxy));
        return address;
    }

    private static void assertAnswer(RawMessage response, int status, String type) {
        assertThat(response.status()).isEqualTo(status);
        assertThat(response.field("Proxy-Status")).containsExactly("reverse-proxy; error=" + type);
        assertThat(response.field("Content-Type")).containsExactly("application/problem+json");
        assertThat(response.body()).doesNotContainIgnoringCase("jetty").doesNotContain("Exception", "java");
        var problem = (Map<?, ?>) new JSON().fromJSON(response.body());
        assertThat(problem.get("status")).isEqualTo((long) status);
        assertThat((String) problem.get("detail")).endsWith(".");
    }
}
