package pitfalls.step07;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import javax.net.ssl.SSLSocket;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import pitfalls.step04.RetryPolicy;
import pitfalls.step06.DirectedProxy;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;

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
        public ProxyHandler newProxy(String target, RetryPolicy policy) {
            var proxy = new StreamingProxy(target);
            proxy.setRetryPolicy(policy);
            proxy.setWatchDelay(Duration.ofMillis(50));
            return proxy;
        }

        @Test
        void without_any_setting_it_is_noticed_within_a_second() throws Exception {
            var freed = new Gate("the upstream's connection has ended");
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.awaitEnd();
                freed.open();
            });
            var client = loopback.connect(loopback.serve(new StreamingProxy(upstream.target())));

            client.sendRequest("GET /x").close();

            freed.awaitWithin(Duration.ofSeconds(1));
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

            freed.awaitWithin(Duration.ofSeconds(1));
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

            freed.awaitWithin(Duration.ofSeconds(1));
        }

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

            freed.awaitWithin(Duration.ofSeconds(1));
        }
    }
}
