package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http2.HTTP2Connection;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import pitfalls.step06.DirectedProxy;
import pitfalls.support.FullBacklog;
import pitfalls.support.Gate;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawMessage;
import pitfalls.support.Slow;

class StreamingTest {

    @Nested
    class Broken implements LoopbackTest {

        @Test
        @Order(1)
        void the_head_of_a_response_waits_for_its_body() throws Exception {
            var wasSilent = new Gate("the client has received nothing for a while");
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send(StreamingContract.CHUNKED + "\r\n");
                wasSilent.await();
            });
            var client = loopback.connect(loopback.serve(new DirectedProxy(upstream.target())));

            client.sendRequest("GET /events");

            assertThat(client.receivesNothingFor(StreamingContract.A_WHILE)).isTrue();
            wasSilent.open();
        }

        @Test
        @Order(2)
        void a_quiet_stream_is_cut_after_the_time_that_a_response_may_take() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send(StreamingContract.CHUNKED + "\r\n3\r\none\r\n");
                connection.ended();
            });
            var proxy = new DirectedProxy(upstream.target());
            var client = loopback.connect(loopback.serve(proxy));
            assertThat(proxy.getHttpClient().getIdleTimeout()).isEqualTo(30_000);
            proxy.getHttpClient().setIdleTimeout(100);

            var response = client.sendRequest("GET /events").receiveResponse();

            assertThat(response.body()).isEqualTo("one");
            assertThat(response.complete()).isFalse();
        }

        @Test
        @Order(3)
        void sixty_four_open_streams_block_every_other_request() throws Exception {
            var wasSilent = new Gate("the client has received nothing for a while");
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send(StreamingContract.CHUNKED + "\r\n3\r\none\r\n");
                wasSilent.await();
            });
            var proxy = loopback.serve(new DirectedProxy(upstream.target()));
            for (int i = 0; i < 64; i++)
                loopback.connect(proxy).sendRequest("GET /events").receiveHead();

            var client = loopback.connect(proxy).sendRequest("GET /other");

            assertThat(client.receivesNothingFor(StreamingContract.A_WHILE)).isTrue();
            wasSilent.open();
        }

        @Test
        void trailers_are_lost() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send(StreamingContract.CHUNKED + "\r\n3\r\none\r\n0\r\nX-Sum: 7\r\n\r\n");
            });
            var client = loopback.connect(loopback.serve(new DirectedProxy(upstream.target())));

            client.sendRequest("GET /x", "Connection: close").receiveHead();

            assertThat(client.receiveToEnd()).isEqualTo("3\r\none\r\n0\r\n\r\n");
        }

        @Test
        void an_unknown_interim_response_hangs_the_exchange() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 110 Wait\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
                connection.ended();
            });
            var client = loopback.connect(loopback.serve(new DirectedProxy(upstream.target())));

            client.sendRequest("GET /x");
            String head = client.receiveHead();

            assertThat(new RawMessage(head, "", true).status()).isEqualTo(110);
            assertThat(client.receivesNothingFor(StreamingContract.A_WHILE)).isTrue();
        }

        @Test
        void an_HTTP_1_0_client_takes_an_interim_response_for_the_final_one() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
            });
            var client = loopback.connect(loopback.serve(new DirectedProxy(upstream.target())));

            var head = client.send("GET /x HTTP/1.0\r\n\r\n").receiveHead();

            assertThat(new RawMessage(head, "", true).status()).isEqualTo(103);
        }
    }

    @Nested
    class Fixed implements StreamingContract {

        @Override
        public ProxyHandler newProxy(String target, Timeouts timeouts, int maxUpstreamConnections) {
            var proxy = new StreamingProxy(target);
            proxy.setTimeouts(timeouts);
            proxy.setMaxUpstreamConnections(maxUpstreamConnections);
            return proxy;
        }

        @Test
        void a_proxy_that_is_stopped_has_stopped_the_client_that_it_made() throws Exception {
            var proxy = new StreamingProxy(":8081");
            loopback.serve(proxy);
            var httpClient = proxy.getHttpClient();

            proxy.stop();

            assertThat(httpClient.isStopped()).isTrue();
            assertThat(proxy.getHttpClient()).isNull();
        }

        @Test
        void a_client_that_the_proxy_was_given_is_stopped_with_it_and_stays() throws Exception {
            var given = new HttpClient();
            var proxy = new StreamingProxy(":8081");
            proxy.setHttpClient(given);
            loopback.serve(proxy);

            proxy.stop();

            assertThat(given.isStopped()).isTrue();
            assertThat(proxy.getHttpClient()).isSameAs(given);
        }

        @Slow
        @Test
        @EnabledOnOs({OS.LINUX, OS.MAC})
        void a_connection_that_is_on_its_way_has_a_timeout_of_its_own() throws Exception {
            try (var upstream = new FullBacklog()) {
                var timeouts = Timeouts.defaults().withConnection(Duration.ofMillis(50));
                var proxy = newProxy(upstream.target(), timeouts, 200);
                var client = loopback.connect(loopback.serve(proxy));
                FullBacklog.setConnectTimeout(proxy, Duration.ofMillis(300));

                var response = client.sendRequest("GET /x").receiveResponse();

                assertThat(response.status()).isEqualTo(504);
            }
        }

        @Test
        void a_cookie_that_an_HTTP_2_client_splits_arrives_in_one_piece() throws Exception {
            var upstream = loopback.upstream(ok());
            var fields = HttpFields.build()
                    .add("Cookie", "sid=abc")
                    .add("Cookie", "lang=DE")
                    .add("Content-Type", "application/json;charset=UTF-8");

            new Http2Request(serveHttp2(newProxy(targetOf(upstream))), fields).send("abc", true);

            var received = received(upstream).getHeaders();
            assertThat(received.values("Cookie")).containsExactly("sid=abc; lang=DE");
            assertThat(received.values("Content-Type")).containsExactly("application/json;charset=UTF-8");
        }

        @Test
        void a_body_over_HTTP_2_may_come_when_the_head_is_long_gone() throws Exception {
            var headArrived = new Gate("the upstream has received the head");
            var seen = new LinkedBlockingQueue<String>();
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                headArrived.open();
                seen.add(connection.receiveChunk());
                seen.add(connection.receiveChunk());
                connection.send("HTTP/1.1 204 No Content\r\n\r\n");
            });
            var client = new Http2Request(serveHttp2(newProxy(upstream.target())), HttpFields.EMPTY);

            headArrived.await();
            client.send("abc", false).send("", true);

            assertThat(client.status()).isEqualTo(204);
            assertThat(seen).containsExactly("abc", "");
        }

        @Test
        void a_user_who_is_known_by_the_connection_may_have_several_requests_over_HTTP_2() throws Exception {
            var bothArrived = new CountDownLatch(2);
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                bothArrived.countDown();
                assertThat(bothArrived.await(5, TimeUnit.SECONDS)).isTrue();
                connection.send("HTTP/1.1 204 No Content\r\n\r\n");
            });
            var server = serveHttp2(newProxy(upstream.target()));
            var session = Http2Request.connect(server);
            var credentials = HttpFields.build().put(HttpHeader.AUTHORIZATION, "Negotiate ticket");

            var first = new Http2Request(session, server, credentials).send("", true);
            var second = new Http2Request(session, server, credentials).send("", true);

            assertThat(List.of(first.status(), second.status())).containsExactly(204, 204);
        }

        @Test
        void a_response_over_HTTP_2_may_take_longer_than_a_client_may_be_quiet() throws Exception {
            var arrived = new Gate("the request has arrived");
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                arrived.open();
                assertThat(connection.receivesNothingFor(A_WHILE)).isTrue();
                connection.send("HTTP/1.1 204 No Content\r\n\r\n");
            });
            var proxy = newProxy(upstream.target());
            var client = new Http2Request(serveHttp2(proxy), HttpFields.EMPTY).send("abc", true);

            arrived.await();
            for (EndPoint endPoint : proxy.getServer().getConnectors()[0].getConnectedEndPoints())
                ((HTTP2Connection) endPoint.getConnection())
                        .getSession()
                        .getStreams()
                        .forEach(stream -> stream.setIdleTimeout(50));

            assertThat(client.status()).isEqualTo(204);
        }

        @Test
        void a_body_of_which_nothing_was_sent_is_let_go_of() throws Exception {
            var released = new Gate("the part of the body that was read is let go of");
            var proxy = newProxy(loopback.refusing());
            var server = serveHttp2(new Handler.Wrapper(proxy) {
                @Override
                public boolean handle(Request request, Response response, Callback callback) {
                    request.demand(
                            () -> { // so that the body is there
                                try {
                                    super.handle(telling(released, request), response, callback);
                                } catch (Exception x) {
                                    callback.failed(x);
                                }
                            });
                    return true;
                }
            });

            var client = new Http2Request(server, HttpFields.EMPTY).send("abc", true);

            assertThat(client.status()).isEqualTo(502);
            released.await();
        }

        /** A request that opens the gate when a part of its body is let go of. */
        private static Request telling(Gate released, Request request) {
            return new Request.Wrapper(request) {
                @Override
                public Content.Chunk read() {
                    Content.Chunk chunk = super.read();
                    if (chunk == null || !chunk.hasRemaining()) return chunk;
                    return Content.Chunk.from(chunk.getByteBuffer(), chunk.isLast(), () -> {
                        chunk.release();
                        released.open();
                    });
                }
            };
        }

        private static URI serveHttp2(Handler handler) throws Exception {
            return loopback.serve(handler, new HTTP2CServerConnectionFactory(new HttpConfiguration()));
        }

        @Test
        void a_limit_at_the_end_of_its_range_is_accepted() {
            var millisecond = Duration.ofMillis(1);
            var proxy = new StreamingProxy(":8081");
            var shortest = Timeouts.defaults()
                    .withConnection(millisecond)
                    .withResponse(millisecond)
                    .withHead(Duration.ZERO)
                    .withStream(Duration.ZERO)
                    .withClient(Duration.ZERO)
                    .withUpgraded(Duration.ZERO);

            proxy.setTimeouts(shortest);
            proxy.setMaxUpstreamConnections(1);

            assertThat(proxy.getTimeouts())
                    .isEqualTo(new Timeouts(
                            millisecond, millisecond, Duration.ZERO, Duration.ZERO, Duration.ZERO, Duration.ZERO));
            assertThat(proxy.getMaxUpstreamConnections()).isEqualTo(1);
        }

        @Test
        void a_connection_that_is_on_its_way_is_waited_for() throws Exception {
            try (var upstream = new FullBacklog()) {
                var proxy = newProxy(upstream.target(), Timeouts.defaults().withConnection(Duration.ofMillis(10)), 64);
                var client = loopback.connect(loopback.serve(proxy));
                FullBacklog.setConnectTimeout(proxy, Duration.ofMillis(100));

                var response = client.sendRequest("GET /x").receiveResponse();

                assertThat(response.status())
                        .as("whether the limit of the connect counts, and not that of the wait")
                        .isEqualTo(504);
                var deadlines = ((StreamingProxy) proxy).deadlines;
                long patience = System.nanoTime() + Loopback.PATIENCE.toNanos();
                while (deadlines.iterator().hasNext() && System.nanoTime() < patience) Thread.onSpinWait();
                assertThat(deadlines.iterator()).as("tasks left behind").isExhausted();
            }
        }

        /** Jetty lets 1,024 requests wait while connections are opened; 2,000 clients at once would be refused. */
        @Test
        void as_many_requests_may_wait_for_connections_as_there_may_be() throws Exception {
            var proxy = newProxy("127.0.0.1:9", Timeouts.defaults(), 2000);
            loopback.serve(proxy);

            assertThat(proxy.getHttpClient().getMaxRequestsQueuedPerDestination())
                    .isEqualTo(2000);
        }

        @Test
        void a_limit_too_short_to_be_told_from_none_is_refused() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Timeouts.defaults().withResponse(Duration.ofNanos(999_999)))
                    .withMessage("response must be zero, or 1 ms or more, not PT0.000999999S");
        }

        @TestFactory
        Stream<DynamicTest> a_limit_that_is_none_is_refused_in_one_sentence() {
            var timeouts = Timeouts.defaults();
            var negative = Duration.ofSeconds(-1);
            return Stream.<Runnable>of(
                            () -> timeouts.withConnection(Duration.ZERO),
                            () -> timeouts.withResponse(negative),
                            () -> timeouts.withHead(negative),
                            () -> timeouts.withStream(negative),
                            () -> timeouts.withClient(negative),
                            () -> timeouts.withUpgraded(negative),
                            () -> new StreamingProxy(":8081").setMaxUpstreamConnections(0))
                    .map(limit -> DynamicTest.dynamicTest(
                            "limit",
                            () -> assertThatIllegalArgumentException()
                                    .isThrownBy(limit::run)
                                    .withMessageContaining(" must be ")));
        }
    }
}
