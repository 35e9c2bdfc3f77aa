package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.step07.UpgradeContract.ACCEPTED;
import static pitfalls.step07.UpgradeContract.OFFER;

import java.util.ArrayList;
import java.util.List;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import pitfalls.step04.RetryPolicy;
import pitfalls.step06.DirectedProxy;
import pitfalls.support.Gate;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.Slow;

class UpgradeTest {

    @Nested
    class Broken implements LoopbackTest {

        @Test
        @Order(1)
        void an_upstream_is_never_offered_an_upgrade() throws Exception {
            var upstream = loopback.scripted(connection -> {
                boolean offered = connection.receiveRequest().head().contains("Upgrade");
                connection.send("HTTP/1.1 " + (offered ? 101 : 426) + " x\r\nContent-Length: 0\r\n\r\n");
            });
            var client = loopback.connect(loopback.serve(new DirectedProxy(upstream.target())));

            var response = client.sendRequest("GET /chat", OFFER).receiveResponse();

            assertThat(response.status()).isEqualTo(426);
        }

        @Test
        @Order(2)
        void a_101_is_passed_on_and_what_follows_it_is_lost() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send(ACCEPTED + "welcome");
                connection.ended();
            });
            var client = loopback.connect(loopback.serve(new DirectedProxy(upstream.target())));

            var response = client.sendRequest("GET /chat", OFFER).receiveResponse();

            assertThat(response.status()).isEqualTo(101);
            assertThat(response.fieldNames()).doesNotContain("Upgrade", "Connection");
            assertThat(client.receivesNothingFor(StreamingContract.A_WHILE)).isTrue();
        }
    }

    @Nested
    class Fixed implements UpgradeContract {
        @Override
        public ProxyHandler newProxy(String target, Timeouts timeouts, RetryPolicy policy) {
            var proxy = new StreamingProxy(target);
            proxy.setTimeouts(timeouts);
            proxy.setRetryPolicy(policy);
            return proxy;
        }

        /** The connection of an upgrade that was refused could be used again, and the next attempt needs a fresh one. */
        @Test
        void a_refused_upgrade_leaves_no_connection_behind_for_other_attempts() throws Exception {
            var upstream = loopback.scripted(
                    RawConnection::receiveRequest,
                    connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
                        assertThat(connection.receiveToEnd())
                                .as("what comes next")
                                .isEmpty();
                    },
                    RawConnection::receiveRequest,
                    connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                    });
            var proxy = newProxy(upstream.target(), Timeouts.defaults(), RetryPolicy.idempotent());
            var client = loopback.connect(loopback.serve(proxy));

            assertThat(client.sendRequest("GET /chat", OFFER).receiveResponse().status())
                    .isEqualTo(403);
            assertThat(client.sendRequest("GET /x").receiveResponse().status()).isEqualTo(200);
        }

        @Test
        void a_tunnel_may_be_quiet_for_longer_than_the_server_waits_for_a_request() throws Exception {
            var arrived = new Gate("the request has arrived");
            var impatient = new Gate("the server waits for a moment only");
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                arrived.open();
                impatient.await();
                connection.send(ACCEPTED);
                connection.send(connection.receive(5));
            });
            var proxy = newProxy(upstream.target());
            var client = loopback.connect(loopback.serve(proxy));

            client.sendRequest("GET /chat", OFFER);
            arrived.await();
            proxy.getServer()
                    .getConnectors()[0]
                    .getConnectedEndPoints()
                    .forEach(endPoint -> endPoint.setIdleTimeout(50));
            impatient.open();
            client.receiveResponse();
            client.receivesNothingFor(StreamingContract.A_WHILE);
            client.send("hello");

            assertThat(client.receiveToEnd()).isEqualTo("hello");
        }

        @Slow
        @Test
        void a_thousand_idle_tunnels_hold_no_thread_each() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send(ACCEPTED);
                while (connection.receivesNothingFor(Loopback.PATIENCE)) Thread.onSpinWait();
                if (!connection.ended()) connection.send("awake");
            });
            var server = loopback.serve(newProxy(upstream.target())); // with 64 threads
            List<RawConnection> clients = new ArrayList<>();
            while (clients.size() < 1000) {
                List<RawConnection> some = new ArrayList<>(); // fewer than a listening socket's backlog
                for (int i = 0; i < 40; i++) some.add(loopback.connect(server).sendRequest("GET /chat", OFFER));
                for (RawConnection client : some)
                    assertThat(client.receiveResponse().status()).isEqualTo(101);
                clients.addAll(some);
            }

            for (int i : new int[] {0, 500, 999})
                assertThat(clients.get(i).send("!").receiveToEnd()).isEqualTo("awake");
        }
    }
}
