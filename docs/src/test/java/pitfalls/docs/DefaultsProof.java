package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.eclipse.jetty.client.DuplexConnectionPool;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.junit.jupiter.api.Test;
import pitfalls.step07.StreamingProxy;
import pitfalls.step07.Timeouts;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;

/** The limits that {@code docs/knobs.md} tells, where a limit can be asked for. */
class DefaultsProof implements LoopbackTest {

    @Test
    void those_of_Jettys_client_are_those_in_the_table() throws Exception {
        var client = loopback.started(new HttpClient());
        var pool = new DuplexConnectionPool(client.resolveDestination(client.newRequest("http://127.0.0.1")), 1);

        assertThat(client.getMaxConnectionsPerDestination()).isEqualTo(64);
        assertThat(client.getMaxRequestsQueuedPerDestination()).isEqualTo(1024);
        assertThat(client.getDestinationIdleTimeout()).isZero();
        assertThat(client.getIdleTimeout()).isEqualTo(30_000);
        assertThat(client.getConnectTimeout()).isEqualTo(5_000);
        assertThat(client.getAddressResolutionTimeout()).isEqualTo(15_000);
        assertThat(client.getMaxResponseHeadersSize()).isEqualTo(-1);
        assertThat(client.getContentDecoderFactories()).isNotEmpty();
        assertThat(pool.getMaxUsage()).isZero();
    }

    @Test
    void those_of_Jettys_server_are_those_in_the_table() {
        var server = new Server();
        var connector = new ServerConnector(server);
        var configuration = new HttpConfiguration();

        assertThat(connector.getIdleTimeout()).isEqualTo(30_000);
        assertThat(connector.getAcceptQueueSize()).isZero();
        assertThat(configuration.getRequestHeaderSize()).isEqualTo(8 << 10);
        assertThat(configuration.getMaxResponseHeaderSize()).isEqualTo(16 << 10);
        assertThat(configuration.getOutputAggregationSize()).isEqualTo(8 << 10);
        assertThat(server.getStopTimeout()).isZero();
        assertThat(((QueuedThreadPool) server.getThreadPool()).getMaxThreads()).isEqualTo(200);
    }

    @Test
    void those_of_step_7_are_those_in_the_table() throws Exception {
        var proxy = new StreamingProxy("127.0.0.1:1");
        loopback.serve(proxy);
        var client = proxy.getHttpClient();

        assertThat(client.getMaxConnectionsPerDestination()).isEqualTo(1000);
        assertThat(client.getDestinationIdleTimeout()).isEqualTo(60_000);
        assertThat(client.getIdleTimeout())
                .isEqualTo(Timeouts.defaults().response().toMillis());
        assertThat(client.getConnectTimeout()).isEqualTo(5_000);
        assertThat(client.getMaxResponseHeadersSize()).isEqualTo(15 << 10);
        assertThat(client.getContentDecoderFactories()).isEmpty();
    }

    @Test
    void a_TLS_handshake_that_does_not_end_is_cut_by_the_limit_for_responses() throws Exception {
        var upstream = loopback.scripted(RawConnection::awaitEnd);
        var proxy = new StreamingProxy("https://127.0.0.1:" + upstream.port());
        proxy.setTimeouts(Timeouts.defaults().withResponse(Duration.ofSeconds(2)));
        var client = loopback.connect(loopback.serve(proxy));

        var response = client.sendRequest("GET /").receiveResponse();

        assertThat(response.status()).isEqualTo(504);
    }
}
