package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import javax.management.ObjectName;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.jmx.MBeanContainer;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import pitfalls.step03.Upstream;
import pitfalls.step03.UrlNormalizingProxy;
import pitfalls.support.FullBacklog;
import pitfalls.support.Gate;
import pitfalls.support.LogLines;
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
            var client = loopback.connect(loopback.serve(new UrlNormalizingProxy(upstream.target())));

            var first = client.sendRequest("GET /x").receiveResponse();
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
            proxy.getHttpClient().setIdleTimeout(500);

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
            return newRetryingProxy(target, policy);
        }

        private RetryingProxy newRetryingProxy(String target, RetryPolicy policy) {
            var proxy = new RetryingProxy(target);
            proxy.setRetryPolicy(policy);
            return proxy;
        }

        @Test
        void the_pauses_are_random_up_to_a_limit_that_doubles() throws Exception {
            var time = new ManualTime();
            var upstream = loopback.scripted(connection -> connection.receiveRequest());
            var policy =
                    RetryPolicy.idempotent().withAttempts(4).withBackoff(Duration.ofMillis(25), Duration.ofMillis(60));
            var client = loopback.connect(loopback.serve(time.in(newRetryingProxy(upstream.target(), policy))));

            client.sendRequest("GET /x");
            var pauses = List.of(endOf(time.nextPause()), endOf(time.nextPause()), endOf(time.nextPause()));

            assertThat(pauses).containsExactly(Duration.ofMillis(25), Duration.ofMillis(50), Duration.ofMillis(60));
            assertThat(client.receiveResponse().status()).isEqualTo(502);
        }

        private Duration endOf(ManualTime.Pause pause) {
            pause.end();
            return pause.length();
        }

        @Test
        void no_attempt_begins_after_the_deadline() throws Exception {
            var time = new ManualTime();
            var upstream = loopback.scripted(connection -> connection.receiveRequest());
            var policy = IDEMPOTENT.withAttempts(9).withDeadline(Duration.ofSeconds(1));
            var client = loopback.connect(loopback.serve(time.in(newRetryingProxy(upstream.target(), policy))));

            client.sendRequest("GET /x");
            var pause = time.nextPause();
            time.pass(Duration.ofSeconds(1));
            pause.end();
            pause = time.nextPause(); // exactly at the deadline is in time
            time.pass(Duration.ofNanos(1));
            pause.end();

            assertThat(client.receiveResponse().status()).isEqualTo(502);
            assertThat(upstream.connections()).isEqualTo(3);
        }

        @Test
        void a_proxy_that_was_told_nothing_sends_every_request_once() throws Exception {
            var upstream = loopback.scripted(connection -> connection.receiveRequest());
            var client = loopback.connect(loopback.serve(new RetryingProxy(upstream.target())));

            assertThat(client.sendRequest("GET /x").receiveResponse().status()).isEqualTo(502);
            assertThat(upstream.connections()).isEqualTo(1);
        }

        @Test
        void a_pause_ends_with_the_proxy_and_the_client_gets_an_answer() throws Exception {
            var time = new ManualTime();
            var upstream = loopback.scripted(connection -> connection.receiveRequest());
            var proxy = time.in(newRetryingProxy(upstream.target(), IDEMPOTENT));
            var client = loopback.connect(loopback.serve(proxy));

            client.sendRequest("GET /x");
            var pause = time.nextPause();
            proxy.stop();
            var response = client.receiveResponse();
            pause.task().run();

            assertThat(response.status()).isEqualTo(502);
            assertThat(upstream.connections()).isEqualTo(1);
        }

        @Test
        void a_proxy_that_is_stopped_has_stopped_its_client() throws Exception {
            var proxy = newRetryingProxy("http://127.0.0.1:1", IDEMPOTENT);
            loopback.serve(proxy);
            var httpClient = proxy.getHttpClient();

            proxy.stop();

            assertThat(httpClient.isStopped()).isTrue();
        }

        @Test
        void where_no_thread_is_left_for_another_attempt_the_client_gets_an_answer() throws Exception {
            var time = new ManualTime();
            var busy = new AtomicBoolean();
            var upstream = loopback.scripted(connection -> connection.receiveRequest());
            var proxy = new RetryingProxy(upstream.target()) {
                @Override
                protected void configureHttpClient(HttpClient httpClient) {
                    super.configureHttpClient(httpClient);
                    httpClient.setExecutor(new QueuedThreadPool(8) {
                        @Override
                        public void execute(Runnable task) {
                            if (busy.get()) throw new RejectedExecutionException("all threads are busy");
                            super.execute(task);
                        }
                    });
                }
            };
            proxy.setRetryPolicy(IDEMPOTENT);
            var client = loopback.connect(loopback.serve(time.in(proxy)));

            client.sendRequest("GET /x");
            var pause = time.nextPause();
            busy.set(true);
            pause.end();
            busy.set(false);

            assertThat(client.receiveResponse().status()).isEqualTo(502);
            assertThat(upstream.connections()).isEqualTo(1);
        }

        @Test
        void the_policy_can_be_asked_for() {
            assertThat(newRetryingProxy("http://127.0.0.1:1", IDEMPOTENT).getRetryPolicy())
                    .isEqualTo(IDEMPOTENT);
        }

        @Test
        void a_status_behind_Expect_100_continue_is_passed_on() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy");
            });
            var proxy = newRetryingProxy(upstream.target(), IDEMPOTENT.withStatuses(503));
            var client = loopback.connect(loopback.serve(proxy));

            try (var log = LogLines.of("pitfalls")) {
                var response = client.sendRequest("PUT /x", "Content-Length: 3", "Expect: 100-continue")
                        .receiveResponse();

                assertThat(response.body()).isEqualTo("busy");
                assertThat(log.lines())
                        .as("the announcement of another attempt")
                        .isEmpty();
            }
            assertThat(proxy.getAttempts()).isEqualTo(1);
        }

        @Test
        @EnabledOnOs({OS.LINUX, OS.MAC})
        void a_connect_timeout_is_tried_again_for_a_POST_too() throws Exception {
            try (var upstream = new FullBacklog()) {
                var proxy = newRetryingProxy(upstream.target(), IDEMPOTENT.withAttempts(2));
                var client = loopback.connect(loopback.serve(proxy));
                FullBacklog.setConnectTimeout(proxy, Duration.ofMillis(50));

                var response = client.sendRequest("POST /x").receiveResponse();

                assertThat(response.status()).isEqualTo(504);
                assertThat(proxy.getAttempts()).isEqualTo(2);
            }
        }

        @Test
        void a_Retry_After_in_seconds_is_waited_for() throws Exception {
            assertThat(pauseAfter503("2")).isEqualTo(Duration.ofSeconds(2));
        }

        @Test
        void a_Retry_After_with_a_date_is_waited_for() throws Exception {
            assertThat(pauseAfter503("Thu, 01 Jan 2026 00:00:03 GMT")).isEqualTo(Duration.ofSeconds(3));
        }

        @Test
        void the_longer_of_pause_and_Retry_After_counts() throws Exception {
            var patient = IDEMPOTENT.withBackoff(Duration.ofSeconds(5), Duration.ofSeconds(5));

            assertThat(pauseAfter503("2", patient)).isEqualTo(Duration.ofSeconds(5));
            assertThat(pauseAfter503("6", patient)).isEqualTo(Duration.ofSeconds(6));
        }

        @Test
        void a_Retry_After_that_is_past_or_unreadable_is_no_pause() throws Exception {
            assertThat(pauseAfter503("Thu, 01 Jan 2015 00:00:03 GMT")).isZero();
            assertThat(pauseAfter503("soon")).isZero();
            assertThat(pauseAfter503("-1")).isZero();
        }

        private Duration pauseAfter503(String retryAfter) throws Exception {
            return pauseAfter503(retryAfter, IDEMPOTENT);
        }

        private Duration pauseAfter503(String retryAfter, RetryPolicy base) throws Exception {
            var time = new ManualTime();
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 503 Busy\r\nRetry-After: " + retryAfter + "\r\nContent-Length: 0\r\n\r\n");
            });
            var policy = base.withStatuses(503);
            var client = loopback.connect(loopback.serve(time.in(newRetryingProxy(upstream.target(), policy))));

            client.sendRequest("GET /x");
            return time.nextPause().length();
        }

        @Test
        void a_Retry_After_beyond_the_deadline_is_passed_on() throws Exception {
            var time = new ManualTime();
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 503 Busy\r\nRetry-After: 99999999999\r\nContent-Length: 4\r\n\r\nbusy");
            });
            var policy = IDEMPOTENT.withStatuses(503);
            var client = loopback.connect(loopback.serve(time.in(newRetryingProxy(upstream.target(), policy))));

            var response = client.sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).isEqualTo(503);
            assertThat(response.field("Retry-After")).containsExactly("99999999999");
            assertThat(response.body()).isEqualTo("busy");
        }

        @Test
        void a_client_that_has_left_stops_the_attempts() throws Exception {
            var time = new ManualTime();
            var clientLeft = new Gate("the proxy has read the end of the client");
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.receiveChunk();
            });
            var proxy = time.in(newRetryingProxy(upstream.target(), RetryPolicy.idempotent()));
            var client = loopback.connect(loopback.serve(new EndOfClient(proxy, clientLeft)));

            client.sendRequest("PUT /x", "Transfer-Encoding: chunked").send("3\r\nabc\r\n");
            var pause = time.nextPause();
            client.close();
            clientLeft.await();
            try (var log = LogLines.of("pitfalls")) {
                pause.end();

                assertThat(log.first()).startsWith("INFO answered 400 http_request_error for PUT /x");
            }
            assertThat(upstream.connections()).isEqualTo(1);
            assertThat(proxy.getRetries()).isZero();
        }

        @Test
        void retries_beyond_the_budget_are_refused_and_counted() throws Exception {
            var time = new ManualTime();
            var upstream = loopback.scripted(connection -> connection.receiveRequest());
            var proxy = time.in(
                    newRetryingProxy(upstream.target(), RetryPolicy.idempotent().withBudget(20, 1)));
            var server = loopback.serve(proxy);
            var first = loopback.connect(server);
            var second = loopback.connect(server);

            first.sendRequest("GET /1");
            var pause = time.nextPause();
            var refused = second.sendRequest("GET /2").receiveResponse();
            pause.end();
            time.nextPause().end();
            first.receiveResponse();
            first.sendRequest("GET /3");

            assertThat(refused.status()).isEqualTo(502);
            assertThat(time.nextPause()).as("the budget is free again").isNotNull();
            assertThat(proxy.getBudgetRefusals()).isEqualTo(1);
        }

        @Test
        void a_request_that_waits_because_of_a_status_weighs_on_the_budget() throws Exception {
            var time = new ManualTime();
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            });
            var policy = IDEMPOTENT.withStatuses(503).withBudget(0, 1);
            var proxy = time.in(newRetryingProxy(upstream.target(), policy));
            var server = loopback.serve(proxy);
            loopback.connect(server).sendRequest("GET /1");
            time.nextPause();

            var refused = loopback.connect(server).sendRequest("GET /2").receiveResponse();

            assertThat(refused.status()).isEqualTo(503);
            assertThat(proxy.getBudgetRefusals()).isEqualTo(1);
        }

        @Test
        void a_status_that_is_passed_on_weighs_on_the_budget_no_more() throws Exception {
            var upstream = loopback.scripted(
                    connection -> connection.receiveRequest(),
                    connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
                        connection.ended(); // a stream without end
                    },
                    connection -> connection.receiveRequest(),
                    connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 204 No Content\r\n\r\n");
                    });
            var policy = IDEMPOTENT.withAttempts(2).withStatuses(503).withBudget(0, 1);
            var server = loopback.serve(newProxy(upstream.target(), policy));
            loopback.connect(server).sendRequest("GET /stream").receiveHead();

            var response = loopback.connect(server).sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).isEqualTo(204);
        }

        @Test
        void the_budget_is_a_share_of_the_requests_in_flight() throws Exception {
            var upstream = loopback.scripted(
                    connection -> {
                        connection.receiveRequest();
                        connection.ended(); // in flight until the test ends
                    },
                    connection -> connection.receiveRequest(),
                    connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 204 No Content\r\n\r\n");
                    });
            var proxy = newRetryingProxy(upstream.target(), IDEMPOTENT.withBudget(50, 0));
            var server = loopback.serve(proxy);
            var inFlight = loopback.connect(server).sendRequest("GET /slow");
            upstream.awaitConnections(1);

            var response = loopback.connect(server).sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).as("one of two may").isEqualTo(204);
            inFlight.close();
        }

        @Test
        void a_request_that_is_being_answered_weighs_on_the_budget_no_more() throws Exception {
            var upstream = loopback.scripted(
                    connection -> connection.receiveRequest(),
                    connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
                        connection.ended(); // a stream without end
                    },
                    connection -> connection.receiveRequest(),
                    connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 204 No Content\r\n\r\n");
                    });
            var server = loopback.serve(newProxy(upstream.target(), IDEMPOTENT.withBudget(0, 1)));
            loopback.connect(server).sendRequest("GET /stream").receiveHead();

            var response = loopback.connect(server).sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).isEqualTo(204);
        }

        @Test
        void each_attempt_asks_anew_where_to_go() throws Exception {
            var old = loopback.scripted(connection -> connection.receiveRequest());
            var elected = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 204 No Content\r\n\r\n");
            });
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

        @Test
        void each_failed_attempt_is_one_line_in_the_log_with_its_number() throws Exception {
            var upstream = loopback.scripted(connection -> connection.receiveRequest());
            var proxy = newProxy(upstream.target(), IDEMPOTENT.withAttempts(2));
            var client = loopback.connect(loopback.serve(proxy));

            try (var log = LogLines.of("pitfalls")) {
                client.sendRequest("GET /x").receiveResponse();

                assertThat(log.lines().subList(0, 2))
                        .containsExactly(
                                "INFO attempt 1 of 2 failed, connection_terminated for GET to " + upstream.target()
                                        + ": the next one in 0 ms",
                                "INFO attempt 2 of 2 failed, connection_terminated for GET to " + upstream.target()
                                        + ": it was the last one");
                assertThat(log.lines()).hasSize(3);
            }
        }

        @Test
        void why_there_is_no_other_attempt_stands_in_the_log() throws Exception {
            var upstream = loopback.scripted(connection -> connection.receiveRequest());
            var policy = IDEMPOTENT.withBackoff(Duration.ofSeconds(2), Duration.ofSeconds(2));
            var proxy = new ManualTime().in(newRetryingProxy(upstream.target(), policy.withDeadline(Duration.ZERO)));
            var client = loopback.connect(loopback.serve(proxy));

            try (var log = LogLines.of(RetryingProxy.class.getName())) {
                client.sendRequest("POST /x").receiveResponse();
                client.sendRequest("GET /x").receiveResponse();

                assertThat(log.lines())
                        .containsExactly(
                                "INFO attempt 1 of 3 failed, connection_terminated for POST to " + upstream.target()
                                        + ": POST is not idempotent, and has no Idempotency-Key",
                                "INFO attempt 1 of 3 failed, connection_terminated for GET to " + upstream.target()
                                        + ": the next one would begin after the deadline");
            }
        }

        @Test
        void an_unknown_host_is_tried_again_too() throws Exception {
            var proxy = newRetryingProxy("http://" + "x".repeat(64) + ".internal", IDEMPOTENT);
            var client = loopback.connect(loopback.serve(proxy));

            assertThat(client.sendRequest("POST /x").receiveResponse().status()).isEqualTo(502);
            assertThat(proxy.getAttempts()).isEqualTo(3);
        }

        @Test
        void the_figures_are_there_for_the_operator_by_JMX() throws Exception {
            var upstream = loopback.scripted(connection -> connection.receiveRequest());
            var proxy = newRetryingProxy(upstream.target(), IDEMPOTENT);
            var client = loopback.connect(loopback.serve(proxy));
            var mbeans = new MBeanContainer(ManagementFactory.getPlatformMBeanServer());
            mbeans.beanAdded(null, proxy);

            client.sendRequest("GET /x").receiveResponse();

            ObjectName name = mbeans.findMBean(proxy);
            var server = mbeans.getMBeanServer();
            assertThat(List.of(
                            server.getAttribute(name, "attempts"),
                            server.getAttribute(name, "retries"),
                            server.getAttribute(name, "budgetRefusals")))
                    .containsExactly(3L, 2L, 0L);
            mbeans.destroy();
        }
    }

    /** Opens a gate when the proxy has read that its client has ended the connection in the middle of a body. */
    private static final class EndOfClient extends Handler.Wrapper {
        private final Gate gate;

        EndOfClient(Handler proxy, Gate gate) {
            super(proxy);
            this.gate = gate;
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            var watched = new Request.Wrapper(request) {
                private boolean ended;

                @Override
                public Content.Chunk read() {
                    Content.Chunk chunk = super.read();
                    ended = Content.Chunk.isFailure(chunk);
                    return chunk;
                }

                @Override
                public void demand(Runnable task) {
                    super.demand(() -> {
                        task.run();
                        if (ended) gate.open();
                    });
                }
            };
            return super.handle(watched, response, callback);
        }
    }
}
