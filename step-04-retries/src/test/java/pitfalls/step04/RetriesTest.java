package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.step04.Retrying.ANSWERS;
import static pitfalls.step04.Retrying.DIES;
import static pitfalls.support.Loopback.awaitIdleConnection;

import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import pitfalls.step03.Upstream;
import pitfalls.step03.UrlNormalizingProxy;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;

class RetriesTest {

    @Nested
    class Broken implements LoopbackTest {

        @Test
        @Order(1)
        void a_dropped_connection_costs_a_GET_a_502() throws Exception {
            var upstream = loopback.scripted(connection -> connection.receiveRequest(), connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            });
            var client = loopback.connect(loopback.serve(new UrlNormalizingProxy(upstream.target())));

            var response = client.sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).isEqualTo(502);
            assertThat(upstream.connections())
                    .as("the upstream was up again, and nobody asked")
                    .isEqualTo(1);
        }

        @Test
        void connections_that_go_stale_in_the_pool_cost_a_GET_a_502_now_and_then() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                connection.receiveRequest(); // the next request meets a connection that is just being closed
            });
            var proxy = new UrlNormalizingProxy(upstream.target());
            var client = loopback.connect(loopback.serve(proxy));

            var first = client.sendRequest("GET /x").receiveResponse();
            awaitIdleConnection(proxy.getHttpClient());
            var second = client.sendRequest("GET /x").receiveResponse();

            assertThat(List.of(first.status(), second.status())).containsExactly(200, 502);
        }

        @Test
        void a_POST_that_is_retried_blindly_is_applied_twice() throws Exception {
            var applied = new AtomicInteger();
            var upstream = loopback.scripted(
                    connection -> {
                        connection.receiveRequest();
                        applied.incrementAndGet();
                    },
                    connection -> {
                        connection.receiveRequest();
                        applied.incrementAndGet();
                        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                    });
            var client = loopback.connect(loopback.serve(new NaiveRetry(upstream.target())));

            var response = client.sendRequest("POST /pay").receiveResponse();

            assertThat(response.status()).as("all seems well").isEqualTo(200);
            assertThat(applied).as("payments").hasValue(2);
        }

        @Test
        void a_body_that_was_sent_once_is_gone_and_the_retry_hangs_for_the_idle_timeout() throws Exception {
            var sent = new Gate("the first attempt has sent everything");
            var sentAgain = new Gate("the second attempt has arrived");
            Queue<String> heads = new ConcurrentLinkedQueue<>();
            var upstream = loopback.scripted(
                    connection -> {
                        connection.receiveRequest();
                        sent.await();
                    },
                    connection -> {
                        heads.add(connection.receiveHead());
                        sentAgain.open();
                        assertThat(connection.ended()).as("no byte of the body").isTrue();
                    });
            var proxy = new NaiveRetry(upstream.target()) {
                @Override
                protected void sendProxyToServerRequest(
                        Request clientToProxyRequest,
                        org.eclipse.jetty.client.Request proxyToServerRequest,
                        Response proxyToClientResponse,
                        Callback proxyToClientCallback) {
                    proxyToServerRequest.onRequestSuccess(request -> sent.open());
                    super.sendProxyToServerRequest(
                            clientToProxyRequest, proxyToServerRequest, proxyToClientResponse, proxyToClientCallback);
                }
            };
            var client = loopback.connect(loopback.serve(proxy));
            proxy.getHttpClient().setIdleTimeout(100);

            var response = client.sendRequest("PUT /x", "Content-Length: 3")
                    .send("abc")
                    .receiveResponse();

            assertThat(response.status()).isEqualTo(504);
            sentAgain.await();
            assertThat(heads).singleElement().asString().contains("Content-Length: 3");
        }
    }

    @Nested
    class Fixed implements RetriesContract {

        @Override
        public ProxyHandler newProxy(String target, RetryPolicy policy) {
            return Retrying.newProxy(target, policy);
        }

        @Test
        void a_proxy_that_was_told_nothing_sends_every_request_once() throws Exception {
            var upstream = loopback.scripted(DIES);
            var client = loopback.connect(loopback.serve(new RetryingProxy(upstream.target())));

            assertThat(client.sendRequest("GET /x").receiveResponse().status()).isEqualTo(502);
            assertThat(upstream.connections()).isEqualTo(1);
        }

        @Test
        void each_attempt_asks_anew_where_to_go() throws Exception {
            var old = loopback.scripted(DIES);
            var elected = loopback.scripted(ANSWERS);
            var targets = new ConcurrentLinkedQueue<>(List.of(old.target(), elected.target()));
            var proxy = new RetryingProxy(old.target()) {
                @Override
                protected HttpURI rewriteHttpURI(Request clientToProxyRequest) {
                    return Upstream.parse(targets.remove()).resolve("/x");
                }
            };
            proxy.setRetryPolicy(IDEMPOTENT);
            var client = loopback.connect(loopback.serve(proxy));

            assertThat(client.sendRequest("GET /x").receiveResponse().status()).isEqualTo(204);
        }
    }
}
