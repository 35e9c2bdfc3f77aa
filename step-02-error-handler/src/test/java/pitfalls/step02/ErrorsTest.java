package pitfalls.step02;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.transport.HttpDestination;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import pitfalls.step01.MinimalProxy;
import pitfalls.support.FullBacklog;
import pitfalls.support.Gate;
import pitfalls.support.LogLines;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.ScriptedUpstream.Script;
import pitfalls.support.TestAuthority;

class ErrorsTest {

    @Nested
    class Broken implements LoopbackTest {

        @Order(1)
        @Test
        void a_refused_connection_becomes_a_page_that_advertises_Jetty_and_no_log_line() throws Exception {
            var client = loopback.connect(loopback.serve(new MinimalProxy(loopback.refusing())));

            try (var log = LogLines.of("org.eclipse.jetty")) {
                var response = client.sendRequest("GET /x").receiveResponse();

                assertThat(response.status()).isEqualTo(502);
                assertThat(response.body()).contains("<html>", "Powered by Jetty");
                assertThat(log.lines()).as("what the operator can learn").isEmpty();
            }
        }

        @Order(2)
        @Test
        void a_response_that_dies_before_its_body_becomes_a_500_with_the_text_of_a_Java_exception() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
            });
            var client = loopback.connect(loopback.serve(new MinimalProxy(upstream.target())));

            try (var log = LogLines.of("org.eclipse.jetty")) {
                var response = client.sendRequest("GET /x").receiveResponse();

                assertThat(response.status()).isEqualTo(500);
                assertThat(response.body()).containsPattern("written \\d+ &gt; 10 content-length");
                assertThat(log.lines()).hasSize(1);
            }
        }

        @Test
        void a_response_that_dies_before_its_first_chunk_leaves_its_fields_on_the_error_page() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nSet-Cookie: sid=alice\r\n"
                        + "Transfer-Encoding: chunked\r\n\r\n");
            });
            var client = loopback.connect(loopback.serve(new MinimalProxy(upstream.target())));

            var response = client.sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).isEqualTo(502);
            assertThat(response.field("Set-Cookie")).containsExactly("sid=alice");
            assertThat(response.field("Content-Encoding"))
                    .as("how the plain HTML page claims to be compressed")
                    .containsExactly("gzip");
        }

        @Test
        @EnabledOnOs({OS.LINUX, OS.MAC})
        void a_connect_timeout_becomes_a_502() throws Exception {
            try (var upstream = new FullBacklog()) {
                var proxy = new MinimalProxy(upstream.target());
                var client = loopback.connect(loopback.serve(proxy));
                FullBacklog.setConnectTimeout(proxy, Duration.ofMillis(100));

                var response = client.sendRequest("GET /x").receiveResponse();

                assertThat(response.status()).as("504 is for timeouts").isEqualTo(502);
            }
        }

        @Test
        void a_broken_upload_is_blamed_on_the_upstream() throws Exception {
            var uploadBegan = new Gate("the upstream has received the first chunk");
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.receiveChunk();
                uploadBegan.open();
                connection.ended();
            });
            var client = loopback.connect(loopback.serve(new MinimalProxy(upstream.target())));

            client.sendRequest("POST /x", "Transfer-Encoding: chunked").send("3\r\nabc\r\n");
            uploadBegan.await();
            var response = client.send("not a length\r\n").receiveResponse();

            assertThat(response.status())
                    .as("400 is for the client's own mistakes")
                    .isEqualTo(502);
        }

        @Test
        void a_truncated_response_looks_complete_to_a_client_that_sent_Connection_close() throws Exception {
            var firstChunkArrived = new Gate("the client has received the first chunk");
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
                firstChunkArrived.await();
            });
            var client = loopback.connect(loopback.serve(new MinimalProxy(upstream.target())));

            client.sendRequest("GET /x", "Connection: close").receiveHead();
            String body = client.receive(3);
            firstChunkArrived.open();

            assertThat(body + client.receiveToEnd())
                    .as("everything, and no sign of an error")
                    .isEqualTo("abc");
        }
    }

    @Nested
    class Fixed implements ErrorsContract, HandlersInFrontContract, LostResponsesContract {

        @Override
        public ProxyHandler newProxy(String target) {
            return new ErrorHandlingProxy(target);
        }

        /** Over TLS a goodbye is needed too: anybody on the way could send a FIN (RFC 9112, section 9.8). */
        @TestFactory
        Stream<DynamicTest> a_response_that_ends_with_its_TLS_connection_is_whole_only_after_a_goodbye() {
            return Stream.of("by close_notify", "by FIN alone", "by RST")
                    .map(how -> DynamicTest.dynamicTest(how, () -> {
                        var firstBytesArrived = new Gate("the client has received the first bytes");
                        var upstream = loopback.scripted(TestAuthority.upstream("127.0.0.1"), connection -> {
                            connection.receiveRequest();
                            connection.send("HTTP/1.1 200 OK\r\n\r\nabc");
                            firstBytesArrived.await();
                            if (how.equals("by close_notify")) connection.shutdownOutput();
                            if (how.equals("by RST")) connection.reset();
                        });
                        var client = loopback.connect(loopback.serve(trusting(upstream)));

                        var head = new RawMessage(client.sendRequest("GET /x").receiveHead(), "", false);
                        firstBytesArrived.open();
                        var response = client.receiveBodyOf(head);

                        assertThat(response.body()).isEqualTo("abc");
                        assertThat(response.complete()).isEqualTo(how.equals("by close_notify"));
                    }));
        }

        @TestFactory
        Stream<DynamicTest> a_TLS_connection_that_ends_before_the_response_is_told_apart_from_a_TLS_error() {
            return Stream.of("by close_notify", "by FIN alone", "by RST")
                    .map(how -> DynamicTest.dynamicTest(how, () -> {
                        var upstream = loopback.scripted(TestAuthority.upstream("127.0.0.1"), connection -> {
                            connection.receiveRequest();
                            if (how.equals("by close_notify")) connection.shutdownOutput();
                            if (how.equals("by RST")) connection.reset();
                        });
                        var client = loopback.connect(loopback.serve(trusting(upstream)));

                        var response = client.sendRequest("GET /x").receiveResponse();

                        assertThat(response.status()).isEqualTo(502);
                        assertThat(response.field("Proxy-Status"))
                                .containsExactly("reverse-proxy; error=connection_terminated");
                    }));
        }

        @TestFactory
        Stream<DynamicTest> an_idle_connection_that_ends_in_whatever_way_is_not_used_again() {
            return Stream.of("by FIN", "by RST", "over TLS by close_notify", "over TLS by FIN alone", "over TLS by RST")
                    .map(how -> DynamicTest.dynamicTest(how, () -> {
                        var idle = new Gate("the connection is idle");
                        Script script = connection -> {
                            connection.receiveRequest();
                            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                            idle.await();
                            if (how.endsWith("by close_notify")) connection.shutdownOutput();
                            if (how.endsWith("by RST")) connection.reset();
                        };
                        boolean isTls = how.startsWith("over TLS");
                        Script next = connection -> {
                            connection.receiveRequest();
                            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                            connection.ended();
                        };
                        var upstream = isTls
                                ? loopback.scripted(TestAuthority.upstream("127.0.0.1"), script, next)
                                : loopback.scripted(script, next);
                        var proxy = trusting(upstream);
                        var client = loopback.connect(loopback.serve(proxy));

                        client.sendRequest("GET /x").receiveResponse();
                        idle.open();
                        awaitNoConnection(proxy);
                        var response = client.sendRequest("POST /x", "Content-Length: 0")
                                .receiveResponse();

                        assertThat(response.status()).isEqualTo(200);
                    }));
        }

        private static void awaitNoConnection(ProxyHandler proxy) {
            var destination =
                    (HttpDestination) proxy.getHttpClient().getDestinations().get(0);
            long patience = System.nanoTime() + Loopback.PATIENCE.toNanos();
            while (!destination.getConnectionPool().isEmpty() && System.nanoTime() < patience) Thread.onSpinWait();
            assertThat(destination.getConnectionPool().isEmpty())
                    .as("whether the pool has let go of it")
                    .isTrue();
        }

        private static ProxyHandler trusting(ScriptedUpstream upstream) {
            return new ErrorHandlingProxy(upstream.target()) {
                @Override
                protected void configureHttpClient(HttpClient httpClient) {
                    super.configureHttpClient(httpClient);
                    httpClient.setSslContextFactory(TestAuthority.trusting());
                }
            };
        }

        @Test
        void the_responder_is_the_operators_to_choose() throws Exception {
            var proxy = new ErrorHandlingProxy(loopback.refusing());
            proxy.setErrorResponder((error, request, response) -> {
                response.setStatus(503);
                response.getHeaders().put("Retry-After", 1);
                return "no leader for " + request.getHttpURI().getPath();
            });
            var client = loopback.connect(loopback.serve(proxy));

            var response = client.sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).isEqualTo(503);
            assertThat(response.field("Retry-After")).containsExactly("1");
            assertThat(response.body()).isEqualTo("no leader for /x");
        }

        @Test
        void plain_text_is_ready_to_use() throws Exception {
            var proxy = new ErrorHandlingProxy(loopback.refusing());
            proxy.setErrorResponder(ErrorResponder.plainText());
            var client = loopback.connect(loopback.serve(proxy));

            var response = client.sendRequest("GET /x").receiveResponse();

            assertThat(response.field("Content-Type")).containsExactly("text/plain;charset=utf-8");
            assertThat(response.body()).isEqualTo("upstream failed: connection refused\n");
        }

        @Test
        void a_responder_that_throws_still_gives_a_plain_502() throws Exception {
            var proxy = new ErrorHandlingProxy(loopback.refusing());
            proxy.setErrorResponder((error, request, response) -> {
                response.setStatus(200);
                response.getHeaders().put("X-Half", "done");
                throw new IllegalStateException("a bug in the responder");
            });
            var client = loopback.connect(loopback.serve(proxy));

            try (var log = LogLines.of("pitfalls")) {
                var response = client.sendRequest("GET /x").receiveResponse();

                assertThat(response.status()).isEqualTo(502);
                assertThat(response.body()).isEmpty();
                assertThat(response.fieldNames()).doesNotContain("X-Half");
                assertThat(log.lines())
                        .contains(
                                "WARN the error responder failed, the client gets a bare 502 [request ID, attempt 1]");
            }
        }

        @Test
        void a_responder_that_throws_an_Error_does_too() throws Exception {
            var proxy = new ErrorHandlingProxy(loopback.refusing());
            proxy.setErrorResponder((error, request, response) -> {
                throw new NoClassDefFoundError("a/Missing");
            });
            var client = loopback.connect(loopback.serve(proxy));

            assertThat(client.sendRequest("GET /x").receiveResponse().status()).isEqualTo(502);
        }

        @Test
        void a_responder_that_throws_when_it_has_sent_something_ends_the_connection() throws Exception {
            var proxy = new ErrorHandlingProxy(loopback.refusing());
            proxy.setErrorResponder((error, request, response) -> {
                Content.Sink.write(response, false, BufferUtil.toBuffer("half of it"));
                throw new IllegalStateException("a bug in the responder");
            });
            var client = loopback.connect(loopback.serve(proxy));

            var response = client.sendRequest("GET /x").receiveResponse();

            assertThat(response.body()).isEqualTo("half of it");
            assertThat(response.complete())
                    .as("whether the client takes it for a whole answer")
                    .isFalse();
        }

        @Test
        void an_answer_to_an_upload_that_stopped_says_that_the_connection_ends() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.receiveChunk();
                connection.ended();
            });
            var proxy = new ErrorHandlingProxy(upstream.target());
            var client = loopback.connect(loopback.serve(proxy));
            proxy.getHttpClient().setIdleTimeout(100);

            var response = client.sendRequest("POST /x", "Transfer-Encoding: chunked")
                    .send("3\r\nabc\r\n")
                    .receiveResponse();

            assertThat(response.status()).isEqualTo(408);
            assertThat(response.field("Connection")).containsExactly("close");
            assertThat(client.ended()).isTrue();
        }

        @Test
        void a_refusal_that_comes_before_everything_else_is_answered_and_logged_like_an_error() throws Exception {
            var closed = new ProxyError.Kind(403, "http_request_denied", "The shop is closed on Sundays.");
            var proxy = new ErrorHandlingProxy("http://127.0.0.1:1") {
                @Override
                protected void forward(Exchange exchange) {
                    throw new Refused(closed);
                }
            };
            var client = loopback.connect(loopback.serve(proxy));

            try (var log = LogLines.of("pitfalls")) {
                var response = client.sendRequest("GET /x").receiveResponse();

                assertThat(response.status()).isEqualTo(403);
                assertThat(response.body()).contains("The shop is closed on Sundays.");
                assertThat(log.lines())
                        .containsExactly(
                                "INFO answered 403 http_request_denied for GET /x to no upstream from 127.0.0.1:"
                                        + " refused [request ID]");
            }
        }

        @Test
        void an_exchange_that_cannot_be_made_is_a_500_through_the_responder() throws Exception {
            var proxy = new ErrorHandlingProxy("http://127.0.0.1:1") {
                @Override
                protected Exchange newExchange(Request request, Response response, Callback callback) {
                    throw new IllegalStateException("a bug in a later step");
                }
            };
            var client = loopback.connect(loopback.serve(proxy));

            var response = client.sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).isEqualTo(500);
            assertThat(response.field("Proxy-Status")).containsExactly("reverse-proxy; error=proxy_internal_error");
            assertThat(response.body()).doesNotContain("bug");
        }

        @Test
        void what_the_proxy_has_answered_is_not_handled_a_second_time() throws Exception {
            var handledAgain = new AtomicInteger();
            var behind = new Handler.Abstract() {
                @Override
                public boolean handle(Request request, Response response, Callback callback) {
                    handledAgain.incrementAndGet();
                    return false;
                }
            };
            var sequence = new Handler.Sequence(new ErrorHandlingProxy("localhost:8081"), behind);
            var client = loopback.connect(loopback.serve(sequence));

            client.sendRequest("GET /x").receiveResponse();
            client.sendRequest("GET /y").receiveResponse(); // by now the first one is over

            assertThat(handledAgain).hasValue(0);
        }

        @Test
        void whoever_chooses_the_upstream_may_choose_the_status_of_a_refusal() throws Exception {
            var proxy = new ErrorHandlingProxy("http://127.0.0.1:1") {
                @Override
                protected HttpURI rewriteHttpURI(Request clientToProxyRequest) {
                    throw new HttpException.RuntimeException(404, "no such service");
                }
            };
            var client = loopback.connect(loopback.serve(proxy));

            var response = client.sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).isEqualTo(404);
            assertThat(response.body()).contains("no such service");
        }

        @Test
        void a_fault_of_the_proxy_itself_is_a_500_through_the_responder() throws Exception {
            var proxy = new ErrorHandlingProxy("localhost:8081");
            var client = loopback.connect(loopback.serve(proxy));

            try (var log = LogLines.of("pitfalls")) {
                var response = client.sendRequest("GET /x").receiveResponse();

                assertThat(response.status()).isEqualTo(500);
                assertThat(response.field("Proxy-Status"))
                        .isEqualTo(List.of("reverse-proxy; error=proxy_internal_error"));
                assertThat(log.lines()).singleElement().asString().contains("Invalid URI host");
            }
        }
    }
}
