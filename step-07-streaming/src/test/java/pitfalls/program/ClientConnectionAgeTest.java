package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.http2.Http2Peer.GOAWAY;
import static pitfalls.http2.Http2Peer.HEADERS;

import java.io.EOFException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.eclipse.jetty.server.ServerConnector;
import org.junit.jupiter.api.Test;
import pitfalls.http2.Http2Peer;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.Slow;

/** Clients keep their connections, and with them the instance that they have once met. */
@Slow
class ClientConnectionAgeTest implements LoopbackTest {
    private static final int CLIENTS = 16;

    private ScriptedUpstream upstream(AtomicInteger requests) throws Exception {
        return loopback.scripted(connection -> {
            try {
                while (true) {
                    connection.receiveHead();
                    requests.incrementAndGet();
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                }
            } catch (EOFException ended) {
                // This is how it should end.
            }
        });
    }

    private URI serve(AtomicInteger requests, String... options) throws Exception {
        var all = new ArrayList<>(
                List.of("--listen=127.0.0.1:0", "--target=" + upstream(requests).target()));
        all.addAll(List.of(options));
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program).parseArgs(all.toArray(String[]::new));
        var server = loopback.started(program.newServer());
        return URI.create("http://127.0.0.1:" + ((ServerConnector) server.getConnectors()[0]).getLocalPort());
    }

    @Test
    void an_old_connection_ends_with_its_next_answer() throws Exception {
        URI server = serve(new AtomicInteger(), "--client-connection-age=0.2s");
        long begin = System.nanoTime();
        var client = loopback.connect(server);

        var response = client.sendRequest("GET /x").receiveResponse();
        while (response.field("Connection").isEmpty() && System.nanoTime() - begin < Loopback.PATIENCE.toNanos()) {
            response = client.sendRequest("GET /x").receiveResponse();
        }
        long age = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);

        assertThat(response.status()).isEqualTo(200);
        assertThat(response.field("Connection")).containsExactly("close");
        assertThat(client.ended()).isTrue();
        assertThat(age).as("its age in milliseconds, of which a tenth is luck").isGreaterThanOrEqualTo(180);
    }

    @Test
    void an_old_connection_of_HTTP_2_gets_GOAWAY() throws Exception {
        URI server = serve(new AtomicInteger(), "--client-connection-age=0.1s");
        RawConnection connection = loopback.connect(server);
        var client = Http2Peer.client(connection);

        int answered = 0;
        Http2Peer.Frame last = null;
        for (int stream = 1; last == null || last.type() != GOAWAY; stream += 2) {
            client.get(stream, "/x");
            do {
                last = client.receive();
                if (last.type() == HEADERS && last.status() == 200) answered++;
            } while (last.type() == HEADERS);
        }

        assertThat(answered).as("requests that were answered").isPositive();
        assertThat(last.error()).isZero();
        connection.awaitEnd();
    }

    @Test
    void unless_it_is_set_a_connection_has_no_age() throws Exception {
        var client = loopback.connect(serve(new AtomicInteger()));

        for (int i = 0; i < 100; i++)
            assertThat(client.sendRequest("GET /x").receiveResponse().field("Connection"))
                    .isEmpty();
    }

    @Test
    void clients_that_came_together_do_not_have_to_come_again_together() {
        var ages =
                LongStream.generate(() -> LastAnswer.spread(1000)).limit(1000).boxed();

        assertThat(ages)
                .allMatch(age -> age >= 900 && age <= 1100)
                .anyMatch(age -> age < 950)
                .anyMatch(age -> age > 1050);
    }

    @Test
    void a_new_instance_gets_its_share_of_kept_connections_and_no_request_fails() throws Exception {
        var first = new AtomicInteger();
        var second = new AtomicInteger();
        try (var balancer = new Balancer(serve(first, "--client-connection-age=0.2s"))) {
            List<RawConnection> clients = new ArrayList<>();
            for (int i = 0; i < CLIENTS; i++) clients.add(loopback.connect(balancer.url()));
            for (int i = 0; i < CLIENTS; i++) request(clients, i, balancer);

            balancer.add(serve(second, "--client-connection-age=0.2s"));
            long patience = System.nanoTime() + Loopback.PATIENCE.toNanos();
            int share = 0;
            while (share < CLIENTS / 3 && System.nanoTime() < patience) {
                int before = second.get();
                for (int i = 0; i < CLIENTS; i++) request(clients, i, balancer);
                share = second.get() - before;
            }

            assertThat(first).as("requests to the first one").hasPositiveValue();
            assertThat(share)
                    .as("of " + CLIENTS + " requests, those to the new one")
                    .isGreaterThanOrEqualTo(CLIENTS / 3);
        }
    }

    /** The next request of that client, on its connection, or on another one if this was its last. */
    private void request(List<RawConnection> clients, int i, Balancer balancer) throws Exception {
        var response = clients.get(i).sendRequest("GET /x").receiveResponse();
        assertThat(response.status()).isEqualTo(200);
        if (!response.field("Connection").isEmpty()) clients.set(i, loopback.connect(balancer.url()));
    }
}
