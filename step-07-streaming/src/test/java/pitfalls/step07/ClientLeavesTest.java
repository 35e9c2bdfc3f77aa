package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.eclipse.jetty.proxy.ProxyHandler;
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
    }
}
