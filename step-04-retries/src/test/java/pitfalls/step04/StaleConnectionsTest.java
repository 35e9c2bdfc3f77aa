package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.step04.RetriesContract.IDEMPOTENT;
import static pitfalls.step04.Retrying.ANSWERS;
import static pitfalls.step04.Retrying.DIES;

import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.client.AbstractConnectionPool;
import org.eclipse.jetty.client.transport.HttpDestination;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.junit.jupiter.api.Test;
import pitfalls.support.LogLines;

class StaleConnectionsTest implements StaleConnectionsContract {

    @Override
    public ProxyHandler newProxy(String target) {
        return new RetryingProxy(target);
    }

    @Test
    void it_is_one_line_in_the_log() throws Exception {
        var upstream = loopback.scripted(GOES_STALE, ANSWERS);
        var client = loopback.connect(withKeptConnection(new RetryingProxy(upstream.target())));

        try (var log = LogLines.of("pitfalls")) {
            client.sendRequest("GET /second").receiveResponse();

            assertThat(log.lines())
                    .containsExactly("INFO the connection had gone stale, connection_terminated for GET /second to "
                            + upstream.target() + ": sent again [request ID, attempt 1]");
        }
    }

    /** Jetty opens one more in advance where requests wait. */
    @Test
    void a_connection_that_went_stale_before_its_first_request_is_replaced_too() throws Exception {
        var upstream = loopback.scripted(DIES, ANSWERS);
        var proxy = new RetryingProxy(upstream.target());
        var client = loopback.connect(loopback.serve(proxy));
        var httpClient = proxy.getHttpClient();
        var destination = (HttpDestination) httpClient.resolveDestination(httpClient.newRequest(upstream.target()));
        ((AbstractConnectionPool) destination.getConnectionPool())
                .preCreateConnections(1)
                .get(10, TimeUnit.SECONDS);

        assertThat(client.sendRequest("GET /x").receiveResponse().status()).isEqualTo(204);
    }

    @Test
    void it_can_be_turned_off() throws Exception {
        var upstream = loopback.scripted(GOES_STALE, ANSWERS);
        var proxy = new RetryingProxy(upstream.target());
        proxy.setReplacingStaleConnections(false);
        var client = loopback.connect(withKeptConnection(proxy));

        assertThat(client.sendRequest("GET /second").receiveResponse().status()).isEqualTo(502);
        assertThat(proxy.isReplacingStaleConnections()).isFalse();
    }

    @Test
    void a_policy_and_its_budget_do_not_count_it() throws Exception {
        var upstream = loopback.scripted(GOES_STALE, DIES, ANSWERS);
        var proxy =
                Retrying.newProxy(upstream.target(), IDEMPOTENT.withAttempts(2).withBudget(0, 1));
        var client = loopback.connect(withKeptConnection(proxy));

        assertThat(client.sendRequest("GET /second").receiveResponse().status()).isEqualTo(204);
        assertThat(proxy.getRetries()).isEqualTo(2);
    }
}
