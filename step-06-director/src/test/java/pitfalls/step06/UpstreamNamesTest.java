package pitfalls.step06;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.awaitIdleConnection;

import java.io.EOFException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.io.ClientConnector;
import org.eclipse.jetty.util.Promise;
import org.eclipse.jetty.util.SocketAddressResolver;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import pitfalls.step05.HopDetectingProxy;
import pitfalls.support.Gate;
import pitfalls.support.LogLines;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.ScriptedUpstream;

/** An upstream's name whose addresses change. The resolver is the test's, and tells ports too, so that one machine is enough. */
class UpstreamNamesTest {

    /** What the name server says at the moment. */
    private static final class Names implements SocketAddressResolver {
        private final AtomicInteger lookups = new AtomicInteger();
        private volatile List<InetSocketAddress> addresses = List.of(); // the name is unknown

        private void set(ScriptedUpstream... upstreams) {
            List<InetSocketAddress> all = new ArrayList<>();
            for (ScriptedUpstream upstream : upstreams)
                all.add(new InetSocketAddress(InetAddress.getLoopbackAddress(), upstream.port()));
            addresses = all;
        }

        @Override
        public void resolve(
                String host, int port, Map<String, Object> context, Promise<List<InetSocketAddress>> promise) {
            List<InetSocketAddress> answer = addresses;
            if (answer.isEmpty()) promise.failed(new UnknownHostException(host));
            else promise.succeeded(answer);
            lookups.incrementAndGet();
        }

        /** Waits for two look-ups: one of them has begun after the last change, and its answer was dealt with. */
        private void awaitLookups() {
            int before = lookups.get();
            await(() -> lookups.get() >= before + 3);
        }
    }

    private static void await(BooleanSupplier condition) {
        long patience = System.nanoTime() + Loopback.PATIENCE.toNanos();
        while (!condition.getAsBoolean() && System.nanoTime() < patience) Thread.onSpinWait();
        assertThat(condition.getAsBoolean()).as("what was waited for").isTrue();
    }

    private static ScriptedUpstream.Script answering(String name) {
        return connection -> {
            try {
                while (true) answer(connection, name);
            } catch (EOFException ended) {
                // This is how it should end.
            }
        };
    }

    private static void answer(RawConnection connection, String name) throws Exception {
        connection.receiveHead();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + name.length() + "\r\n\r\n" + name);
    }

    @Nested
    class Broken implements LoopbackTest {

        private HopDetectingProxy newProxy(Names names) {
            return new HopDetectingProxy("leader.internal:8081") {
                @Override
                protected void configureHttpClient(HttpClient httpClient) {
                    super.configureHttpClient(httpClient);
                    httpClient.setSocketAddressResolver(names);
                }
            };
        }

        @Test
        void a_name_that_moves_is_not_followed() throws Exception {
            var old = loopback.scripted(answering("old"));
            var next = loopback.scripted(answering("next"));
            var names = new Names();
            names.set(old);
            var proxy = newProxy(names);
            URI server = loopback.serve(proxy);
            var client = loopback.connect(server);

            String before = client.sendRequest("GET /x").receiveResponse().body();
            names.set(next);
            List<String> after = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                awaitIdleConnection(proxy.getHttpClient());
                after.add(client.sendRequest("GET /x").receiveResponse().body());
            }

            assertThat(before).isEqualTo("old");
            assertThat(after).as("who answers").containsOnly("old");
            assertThat(names.lookups).as("how often the name was looked up").hasValue(1);
        }

        @Test
        void all_connections_go_to_the_first_address() throws Exception {
            var first = loopback.scripted(RawConnection::receiveHead);
            var second = loopback.scripted(RawConnection::receiveHead);
            var names = new Names();
            names.set(first, second);
            var proxy = newProxy(names);
            URI server = loopback.serve(proxy);

            for (int i = 0; i < 4; i++)
                loopback.connect(server).sendRequest("GET /x").receiveResponse();

            assertThat(first.connections()).isPositive();
            assertThat(second.connections()).isZero();
        }
    }

    @Nested
    class Fixed implements LoopbackTest {
        private static final int REQUESTS = 200;

        private final Names names = new Names();
        private DirectedProxy proxy;

        private URI serve() throws Exception {
            return serve(Duration.ofMillis(5));
        }

        private URI serve(Duration interval) throws Exception {
            proxy = new DirectedProxy("leader.internal:8081") {
                @Override
                protected void configureHttpClient(HttpClient httpClient) {
                    httpClient.setSocketAddressResolver(names);
                    super.configureHttpClient(httpClient);
                }
            };
            proxy.setNameInterval(interval);
            return loopback.serve(proxy);
        }

        private String get(RawConnection client) throws Exception {
            return client.sendRequest("GET /x").receiveResponse().body();
        }

        @Test
        void a_name_that_moves_is_followed_while_there_is_traffic() throws Exception {
            var oldEnds = new Gate("the old connection ends");
            var old = loopback.scripted(connection -> {
                answer(connection, "old");
                connection.awaitEnd();
                oldEnds.open();
            });
            var next = loopback.scripted(answering("next"));
            names.set(old);
            var client = loopback.connect(serve());
            String before = get(client);

            try (var log = LogLines.of(UpstreamNames.class.getName())) {
                names.set(next);
                names.awaitLookups();
                String after = get(client);
                oldEnds.await();

                assertThat(before).isEqualTo("old");
                assertThat(after).isEqualTo("next");
                assertThat(log.first())
                        .startsWith("INFO leader.internal:8081 has moved from [")
                        .contains(":" + next.port());
            }
        }

        @Test
        void a_request_that_is_under_way_to_the_old_address_is_answered_and_its_connection_closed() throws Exception {
            var arrived = new Gate("the request has arrived");
            var mayAnswer = new Gate("the old server may answer");
            var oldEnds = new Gate("the old connection ends");
            var old = loopback.scripted(connection -> {
                connection.receiveHead();
                arrived.open();
                mayAnswer.await();
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold");
                connection.awaitEnd();
                oldEnds.open();
            });
            names.set(old);
            URI server = serve();
            var client = loopback.connect(server).sendRequest("GET /x");
            arrived.await();

            names.set(loopback.scripted(answering("next")));
            names.awaitLookups();
            String other = get(loopback.connect(server));
            mayAnswer.open();
            String inFlight = client.receiveResponse().body();
            oldEnds.await();

            assertThat(other).isEqualTo("next");
            assertThat(inFlight).isEqualTo("old");
            assertThat(get(client)).isEqualTo("next");
        }

        @Test
        void after_a_move_a_new_connection_is_kept_as_usual() throws Exception {
            names.set(loopback.scripted(answering("old")));
            var next = loopback.scripted(answering("next"));
            var client = loopback.connect(serve());
            get(client);

            names.set(next);
            names.awaitLookups();
            for (int i = 0; i < REQUESTS; i++) assertThat(get(client)).isEqualTo("next");

            assertThat(next.connections())
                    .as("connections for " + REQUESTS + " requests")
                    .isLessThan(REQUESTS / 4);
        }

        @Test
        void a_look_up_that_fails_keeps_what_is_known() throws Exception {
            var upstream = loopback.scripted(answering("known"));
            names.set(upstream);
            var client = loopback.connect(serve());
            get(client);

            try (var log = LogLines.of(UpstreamNames.class.getName())) {
                names.set();
                names.awaitLookups();

                assertThat(get(client)).isEqualTo("known");
                assertThat(log.lines()).singleElement().asString().startsWith("WARN ");
            }
        }

        @Test
        void a_new_connection_does_not_wait_for_a_look_up() throws Exception {
            var upstream = loopback.scripted(connection -> answer(connection, "known"));
            names.set(upstream);
            URI server = serve(Duration.ofHours(1));

            for (int i = 0; i < 3; i++) get(loopback.connect(server));

            assertThat(upstream.connections()).isEqualTo(3);
            assertThat(names.lookups).as("how often the name was looked up").hasValue(1);
        }

        @Test
        void connections_are_spread_over_the_addresses() throws Exception {
            var first = loopback.scripted(connection -> answer(connection, "first"));
            var second = loopback.scripted(connection -> answer(connection, "second"));
            names.set(first, second);
            URI server = serve(Duration.ofHours(1));

            for (int i = 0; i < 10; i++) get(loopback.connect(server));

            assertThat(List.of(first.connections(), second.connections())).containsExactly(5, 5);
        }

        @Test
        void an_address_that_refuses_is_tried_last_for_a_while() throws Exception {
            var refusing = new InetSocketAddress(
                    InetAddress.getLoopbackAddress(),
                    URI.create(loopback.refusing()).getPort());
            var upstream = loopback.scripted(connection -> answer(connection, "serves"));
            names.addresses =
                    List.of(refusing, new InetSocketAddress(InetAddress.getLoopbackAddress(), upstream.port()));
            URI server = serve(Duration.ofHours(1));
            var attempts = new AtomicInteger();
            proxy.getHttpClient().getClientConnector().addEventListener(new ClientConnector.ConnectListener() {
                @Override
                public void onConnectFailure(SocketChannel channel, SocketAddress address, Throwable failure) {
                    attempts.incrementAndGet();
                }
            });

            for (int i = 0; i < 6; i++)
                assertThat(get(loopback.connect(server))).isEqualTo("serves");

            assertThat(attempts).as("connections to it that were tried").hasValue(1);
        }

        @Test
        void a_name_that_is_unknown_at_first_is_looked_up_by_the_next_request() throws Exception {
            var client = loopback.connect(serve());

            int before = client.sendRequest("GET /x").receiveResponse().status();
            names.set(loopback.scripted(answering("known")));

            assertThat(before).isEqualTo(502);
            assertThat(get(client)).isEqualTo("known");
        }

        @Test
        void a_proxy_that_is_stopped_looks_nothing_up() throws Exception {
            names.set(loopback.scripted(answering("known")));
            get(loopback.connect(serve()));
            names.awaitLookups();

            proxy.stop();
            await(() -> Thread.getAllStackTraces().keySet().stream()
                    .noneMatch(thread -> thread.getName().equals("upstream-names")));
        }
    }
}
