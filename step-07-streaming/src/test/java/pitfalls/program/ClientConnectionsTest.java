package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.net.SocketFactory;
import org.eclipse.jetty.server.Server;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import pitfalls.support.Gate;
import pitfalls.support.LogLines;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.Slow;

/** One client with more connections than it may have. */
class ClientConnectionsTest implements LoopbackTest {
    private final Gate answer = new Gate("the upstream may answer");
    private LimitedConnector connector;

    @Test
    @EnabledOnOs(OS.LINUX) // where any address of 127.0.0.0/8 is loopback
    void one_client_cannot_take_the_connections_of_all() throws Exception {
        var upstream = slowUpstream();
        URI server = serve(upstream, "--max-connections=10", "--max-connections-per-client=2");
        List<RawConnection> served = new ArrayList<>();

        try (var log = LogLines.of(LimitedConnector.class.getName())) {
            for (int i = 0; i < 2; i++) served.add(loopback.connect(server).sendRequest("GET /" + i));
            upstream.awaitConnections(2);
            var refused = loopback.connect(server);
            var alsoRefused = loopback.connect(server);
            boolean bothEnd = refused.ended() && alsoRefused.ended();
            var another = loopback.connect(server, from("127.0.0.2")).sendRequest("GET /another");
            upstream.awaitConnections(3);
            answer.open();

            assertThat(bothEnd).isTrue();
            assertThat(another.receiveResponse().status()).isEqualTo(204);
            for (RawConnection client : served)
                assertThat(client.receiveResponse().status()).isEqualTo(204);
            assertThat(log.lines())
                    .containsExactly(
                            "WARN 127.0.0.1 has all 2 connections that one client may have, and more are refused;"
                                    + " raise --max-connections-per-client if that is too few, or name a proxy in front in"
                                    + " --trust-forwarded-from");
        }
    }

    @Slow
    @Test
    void as_soon_as_one_ends_the_client_may_have_another() throws Exception {
        var upstream = slowUpstream();
        URI server = serve(upstream, "--max-connections-per-client=1");
        var first = loopback.connect(server).sendRequest("GET /first");
        upstream.awaitConnections(1);
        boolean refused = loopback.connect(server).ended();

        first.close();
        awaitConnections(0);
        answer.open();
        var next = loopback.connect(server).sendRequest("GET /next").receiveResponse();

        assertThat(refused).isTrue();
        assertThat(next.status()).isEqualTo(204);
    }

    @Test
    void an_idle_connection_makes_room_for_another_of_the_same_client() throws Exception {
        answer.open();
        URI server = serve(slowUpstream(), "--max-connections-per-client=1");
        var idle = loopback.connect(server);
        idle.sendRequest("GET /first").receiveResponse();
        IdleConnections.await(connector);

        var next = loopback.connect(server).sendRequest("GET /next").receiveResponse();

        assertThat(next.status()).isEqualTo(204);
        assertThat(idle.ended()).isTrue();
    }

    @Test
    void a_trusted_proxy_in_front_is_not_taken_for_one_client() throws Exception {
        var upstream = slowUpstream();
        URI server = serve(upstream, "--max-connections-per-client=1", "--trust-forwarded-from=127.0.0.0/8");
        List<RawConnection> clients = new ArrayList<>();

        for (int i = 0; i < 3; i++) clients.add(loopback.connect(server).sendRequest("GET /" + i));
        upstream.awaitConnections(3);
        answer.open();

        for (RawConnection client : clients)
            assertThat(client.receiveResponse().status()).isEqualTo(204);
    }

    @Test
    void of_IPv6_a_network_of_64_bits_is_one_client() throws Exception {
        var names = Stream.of("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1", "192.0.2.7")
                .map(ClientConnectionsTest::addressOf)
                .map(ClientConnections::nameOf);

        assertThat(names)
                .containsExactly(
                        "2001:db8:1:2:0:0:0:0/64", "2001:db8:1:2:0:0:0:0/64", "2001:db8:1:3:0:0:0:0/64", "192.0.2.7");
    }

    @Test
    void unless_told_otherwise_one_client_may_have_half_of_all_and_a_thousand_in_any_case() throws Exception {
        serve(slowUpstream(), "--max-connections=100");

        assertThat(connector.clientConnections().limit()).isEqualTo(100);
        assertThat(IntStream.of(100, 1_500, 10_000).map(ClientConnections::defaultLimit))
                .containsExactly(100, 1_000, 5_000);
    }

    private static InetAddress addressOf(String literal) {
        return new InetSocketAddress(literal, 1).getAddress();
    }

    private ScriptedUpstream slowUpstream() throws IOException {
        return loopback.scripted(connection -> {
            connection.receiveRequest();
            answer.await();
            connection.send("HTTP/1.1 204 Done\r\nConnection: close\r\n\r\n");
        });
    }

    /** Waits until the connector has so many, and remembers no other. */
    private void awaitConnections(int count) {
        await(() -> connector.getConnectedEndPoints().size() == count
                && connector.clientConnections().size() == count);
    }

    private static void await(BooleanSupplier condition) {
        long deadline = System.nanoTime() + Loopback.PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("it takes too long").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    private URI serve(ScriptedUpstream upstream, String... options) throws Exception {
        var program = new ReverseProxy();
        List<String> all =
                new ArrayList<>(List.of("--listen=127.0.0.1:0", "--stop-timeout=0s", "--target=" + upstream.target()));
        all.addAll(List.of(options));
        ReverseProxy.commandLine(program).parseArgs(all.toArray(String[]::new));
        Server server = program.newServer();
        connector = (LimitedConnector) server.getConnectors()[0];
        return loopback.started(server).getURI();
    }

    /** Connects from another address. */
    private static SocketFactory from(String address) {
        return new SocketFactory() {
            @Override
            public Socket createSocket(String host, int port) throws IOException {
                return new Socket(host, port, InetAddress.getByName(address), 0);
            }

            @Override
            public Socket createSocket(String host, int port, InetAddress local, int localPort) throws IOException {
                return new Socket(host, port, local, localPort);
            }

            @Override
            public Socket createSocket(InetAddress host, int port) throws IOException {
                return createSocket(host.getHostAddress(), port);
            }

            @Override
            public Socket createSocket(InetAddress host, int port, InetAddress local, int localPort)
                    throws IOException {
                return new Socket(host, port, local, localPort);
            }
        };
    }
}
