package pitfalls.step07;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.awaitIdleConnection;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;
import javax.net.ssl.SSLSocket;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.http2.Http2Peer;
import pitfalls.step04.RetryPolicy;
import pitfalls.step06.DirectedProxy;
import pitfalls.support.Gate;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;
import pitfalls.support.Slow;

class ClientLeavesTest {

    @Nested
    class Broken implements LoopbackTest {

        @Test
        void a_client_that_leaves_before_the_response_goes_unnoticed() throws Exception {
            var arrived = new Gate("the request has arrived");
            var freed = new Gate("the upstream's connection has ended");
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                arrived.open();
                if (connection.ended()) freed.open();
            });
            var client = loopback.connect(loopback.serve(new DirectedProxy(upstream.target())));

            client.sendRequest("GET /x");
            arrived.await();
            client.close();

            assertThat(freed.opensWithin(StreamingContract.A_WHILE)).isFalse();
        }

        @Test
        void a_client_that_leaves_a_quiet_stream_goes_unnoticed() throws Exception {
            var freed = new Gate("the upstream's connection has ended");
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send(StreamingContract.CHUNKED + "\r\n3\r\none\r\n");
                if (connection.ended()) freed.open();
            });
            var client = loopback.connect(loopback.serve(new DirectedProxy(upstream.target())));

            client.sendRequest("GET /x").receiveHead();
            client.close();

            assertThat(freed.opensWithin(StreamingContract.A_WHILE)).isFalse();
        }
    }

    @Nested
    class Fixed implements ClientLeavesContract {
        @Override
        public StreamingProxy newProxy(String target, RetryPolicy policy) {
            var proxy = new StreamingProxy(target);
            proxy.setRetryPolicy(policy);
            proxy.setWatchDelay(Duration.ofMillis(50));
            return proxy;
        }

        @Test
        void without_any_setting_it_is_noticed() throws Exception {
            var arrived = new Gate("the request has arrived");
            var freed = new Gate("the upstream's connection has ended");
            var upstream = loopback.scripted(ClientLeavesContract.silent(arrived, freed));
            var proxy = new StreamingProxy(upstream.target());
            assertThat(proxy.watchDelay).hasMillis(200);
            var client = loopback.connect(loopback.serve(proxy));

            client.sendRequest("GET /x");
            arrived.await();
            client.close();

            freed.await();
        }

        @TestFactory
        Stream<DynamicTest> a_client_that_leaves_with_the_last_byte_has_not_left_too_early() {
            return Stream.of(
                            "Content-Length: 5\r\n\r\nhello",
                            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
                    .map(response -> DynamicTest.dynamicTest(
                            response.substring(0, response.indexOf(':')), () -> leavesWithTheLastByte(response)));
        }

        private void leavesWithTheLastByte(String rest) throws Exception {
            var upstream = loopback.scripted(connection -> {
                for (int i = 0; i < 2; i++) {
                    connection.receiveRequest();
                    connection.send("HTTP/1.1 200 OK\r\n" + rest);
                }
            });
            var left = new Gate("the client has left");
            var over = new Gate("the exchange is over");
            var proxy = newProxy(upstream.target(), RetryPolicy.none());
            proxy.setWatchDelay(Duration.ZERO);
            var server = loopback.serve(new LastBytesHeldBack(proxy, left, over, rest.startsWith("Transfer")));

            try (var log = LogLines.of("pitfalls")) {
                var client = loopback.connect(server);
                assertThat(client.sendRequest("GET /x").receiveResponse().body())
                        .isEqualTo("hello");
                client.close();
                left.open();
                over.await();
                awaitIdleConnection(proxy.getHttpClient());
                client = loopback.connect(server);
                assertThat(client.sendRequest("GET /y").receiveResponse().body())
                        .isEqualTo("hello");

                assertThat(log.lines()).isEmpty();
                assertThat(upstream.connections())
                        .as("connections to the upstream")
                        .isEqualTo(1);
            }
        }

        @Test
        void a_client_that_leaves_after_an_empty_body_frees_the_upstream() throws Exception {
            var arrived = new Gate("the request has arrived");
            var freed = new Gate("the upstream's connection has ended");
            var upstream = loopback.scripted(ClientLeavesContract.silent(arrived, freed));
            var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

            client.sendRequest("POST /x", "Content-Length: 0");
            arrived.await();
            client.close();

            freed.await();
        }

        @Test
        void a_connection_that_the_server_ends_frees_the_upstream() throws Exception {
            var freed = new Gate("the upstream's connection has ended");
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.awaitEnd();
                freed.open();
            });
            var proxy = newProxy(upstream.target());
            var client = loopback.connect(loopback.serve(proxy));

            client.sendRequest("GET /x");
            assertThat(client.receivesNothingFor(StreamingContract.A_WHILE))
                    .as("the watch has begun by now")
                    .isTrue();
            proxy.getServer().getConnectors()[0].getConnectedEndPoints().forEach(EndPoint::close);

            freed.await();
        }

        /** As when Jetty ends the connection of a client that floods it with frames. */
        @Test
        void an_upload_whose_response_is_complete_ends_with_the_connection_also_where_Jetty_tells_nobody()
                throws Exception {
            var freed = new Gate("the upstream's connection has ended");
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                connection.awaitEnd();
                freed.open();
            });
            var untold = new Handler.Wrapper(newProxy(upstream.target())) {
                @Override
                public boolean handle(Request request, Response response, Callback callback) throws Exception {
                    return super.handle(new Untold(request), response, callback);
                }
            };
            var client = Http2Peer.client(loopback.connect(
                    loopback.serve(untold, new HTTP2CServerConnectionFactory(new HttpConfiguration()))));

            client.post(1, "/x");
            assertThat(client.receive(Http2Peer.HEADERS).status()).isEqualTo(200);
            assertThat(client.receive(Http2Peer.DATA).payload()).isEqualTo("ok");
            client.connection().close();

            freed.await();
        }

        /** Whoever reads it waits for ever. */
        private static final class Untold extends Request.Wrapper {
            private Untold(Request request) {
                super(request);
            }

            @Override
            public void demand(Runnable task) {}

            @Override
            public void addFailureListener(Consumer<Throwable> listener) {}
        }

        /** Jetty tells the watch while it goes on with a write, and would wait for itself if that write were cancelled there. */
        @Test
        void an_exchange_whose_client_is_found_to_have_left_while_a_write_over_TLS_goes_on_ends() throws Exception {
            var next = new Gate("the next piece is asked for");
            var over = new Gate("the exchange is over");
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send(StreamingContract.CHUNKED + "\r\n3\r\none\r\n");
                next.await();
                connection.send("10000\r\n" + "x".repeat(0x10000) + "\r\n");
                connection.awaitEnd();
            });
            var server = new Server();
            var proxy = newProxy(upstream.target());
            server.setHandler(new Handler.Wrapper(proxy) {
                @Override
                public boolean handle(Request request, Response response, Callback callback) throws Exception {
                    Request.addCompletionListener(request, failure -> over.open());
                    return super.handle(request, response, callback);
                }
            });
            var connector = new BreakableConnector(server);
            server.addConnector(connector);
            loopback.started(server);
            proxy.getHttpClient().setResponseBufferSize(0x10000); // more than one record of TLS
            var client = loopback.connect(server.getURI(), Tls.sockets());

            client.sendRequest("GET /x").receiveHead();
            client.receiveChunk();
            assertThat(client.receivesNothingFor(StreamingContract.A_WHILE))
                    .as("the watch has begun by now")
                    .isTrue();
            connector.breaks.set(true);
            next.open();

            over.await();
        }

        @Slow
        @Test
        void a_client_that_renews_its_keys_has_not_left_and_may_leave_later() throws Exception {
            var arrived = new Gate("the request has arrived");
            var freed = new Gate("the upstream's connection has ended");
            var upstream = loopback.scripted(ClientLeavesContract.silent(arrived, freed));
            var http = new HttpConnectionFactory(new HttpConfiguration());
            var server = loopback.serve(newProxy(upstream.target()), Tls.before("HTTP/1.1"), http);
            try (var client = (SSLSocket) Tls.sockets().createSocket(server.getHost(), server.getPort())) {
                client.getOutputStream().write("GET /x HTTP/1.1\r\nHost: www.example.com\r\n\r\n".getBytes(US_ASCII));
                arrived.await();
                assertThat(freed.opensWithin(StreamingContract.A_WHILE)).isFalse();
                client.startHandshake(); // bytes for the server's TLS, and none for its HTTP
                assertThat(freed.opensWithin(StreamingContract.A_WHILE)).isFalse();
            }

            freed.await();
        }
    }

    /** Serves over TLS. Once it breaks, the client takes nothing for a moment, then a piece, and then its connection is gone. */
    private static final class BreakableConnector extends ServerConnector {
        private static final int TIMES = 3; // by when another thread than the one that began to write goes on

        private final AtomicBoolean breaks = new AtomicBoolean();

        private BreakableConnector(Server server) {
            super(server, Tls.before("HTTP/1.1"), new HttpConnectionFactory(new HttpConfiguration()));
            setHost("127.0.0.1");
        }

        @Override
        protected SocketChannelEndPoint newEndPoint(SocketChannel channel, ManagedSelector selector, SelectionKey key) {
            var flushes = new AtomicInteger();
            return new SocketChannelEndPoint(channel, selector, key, getScheduler()) {
                @Override
                public boolean flush(ByteBuffer... buffers) throws IOException {
                    int flush = breaks.get() ? flushes.incrementAndGet() : 0;
                    if (flush > TIMES + 1) throw new EofException("broken");
                    boolean takesNothing = flush > 0 && flush <= TIMES;
                    return !takesNothing && super.flush(buffers);
                }
            };
        }
    }

    /** Tells the proxy only a while after the client has left that its last bytes were written. */
    private static final class LastBytesHeldBack extends Handler.Wrapper {
        private final Gate left;
        private final Gate over;
        private final boolean chunked;

        private LastBytesHeldBack(Handler proxy, Gate left, Gate over, boolean chunked) {
            super(proxy);
            this.left = left;
            this.over = over;
            this.chunked = chunked;
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            if (request.getHttpURI().getPath().equals("/y")) return super.handle(request, response, callback);
            var wrapper = new Response.Wrapper(request, response) {
                @Override
                public void write(boolean last, ByteBuffer bytes, Callback written) {
                    boolean isEnd = chunked ? last : bytes.hasRemaining();
                    super.write(
                            last, bytes, isEnd ? Callback.from(LastBytesHeldBack.this::awaitLeft, written) : written);
                }
            };
            return super.handle(request, wrapper, Callback.from(over::open, callback));
        }

        private void awaitLeft() {
            try {
                left.await();
                new Gate("nothing")
                        .opensWithin(StreamingContract.A_WHILE); // in which the end of its connection arrives
            } catch (InterruptedException x) {
                throw new IllegalStateException(x);
            }
        }
    }
}
