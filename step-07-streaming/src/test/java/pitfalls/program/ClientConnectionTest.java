package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.time.Duration;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.Slow;

/** The limits of a client's connection before and between its requests. */
@Slow
class ClientConnectionTest implements LoopbackTest {
    private static final Duration SHORT = Duration.ofMillis(300);
    private static final Duration LONG = Duration.ofMinutes(1);

    /** Less than a short limit, of which several are more than that. */
    private static final Duration MOMENT = Duration.ofMillis(80);

    /** More than a short limit. */
    private static final Duration PAUSE = Duration.ofMillis(600);

    /** Serves whoever asks, in a server with these limits. */
    private static RawConnection connect(Duration headTimeout, Duration idleTimeout) throws Exception {
        var server = new Server();
        ServerConnector connector =
                new ListenAddress("127.0.0.1", 0).newConnector(server, new ClientConnectionFactory(headTimeout));
        connector.setIdleTimeout(idleTimeout.toMillis());
        server.addConnector(connector);
        server.setHandler(new Handler.Abstract.NonBlocking() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                response.setStatus(204);
                callback.succeeded();
                return true;
            }
        });
        loopback.started(server);
        return loopback.connect(URI.create("http://127.0.0.1:" + connector.getLocalPort()));
    }

    /** Sends these one after the other, with a moment between them; whether nothing came back. */
    private static boolean sendSlowly(RawConnection client, String... parts) throws Exception {
        for (String part : parts) {
            if (!client.send(part).receivesNothingFor(MOMENT)) return false;
        }
        return true;
    }

    @Test
    void a_head_that_comes_byte_by_byte_is_answered_with_408_when_its_time_is_up() throws Exception {
        var client = connect(SHORT, LONG);

        boolean isWaitedFor = !sendSlowly(client, "G", "E", "T", " ", "/", " ", "H", "T", "T", "P", "/", "1", ".");
        var response = client.receiveResponse();

        assertThat(isWaitedFor)
                .as("whether it was answered before it was complete")
                .isTrue();
        assertThat(response.status()).isEqualTo(408);
        assertThat(client.ended()).isTrue();
    }

    @Slow
    @Test
    void a_head_may_pause_for_longer_than_a_connection_may_be_idle() throws Exception {
        var client = connect(LONG, SHORT);

        client.send("GET / HTTP/1.1\r\n");
        assertThat(client.receivesNothingFor(PAUSE)).isTrue();
        var response = client.send("Host: x\r\n\r\n").receiveResponse();

        assertThat(response.status()).isEqualTo(204);
    }

    @Test
    void a_connection_that_never_brings_a_head_is_closed() throws Exception {
        var client = connect(SHORT, LONG);

        assertThat(client.receiveToEnd()).isEmpty();
    }

    @Test
    void empty_lines_are_no_beginning_of_a_head() throws Exception {
        var client = connect(SHORT, LONG);

        client.sendRequest("GET /").receiveResponse();
        boolean isOpen = sendSlowly(client, "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n");

        assertThat(isOpen).isFalse();
        assertThat(client.receiveToEnd()).isEmpty();
    }

    @Slow
    @Test
    void the_time_for_the_next_head_runs_from_its_first_byte() throws Exception {
        var client = connect(SHORT, LONG);

        for (int i = 0; i < 2; i++) {
            assertThat(client.sendRequest("GET /").receiveResponse().status()).isEqualTo(204);
            assertThat(client.receivesNothingFor(PAUSE)).isTrue();
        }
        boolean isWaitedFor = !sendSlowly(client, "G", "E", "T", " ", "/", " ", "H", "T", "T", "P", "/", "1", ".");

        assertThat(isWaitedFor).isTrue();
        assertThat(client.receiveResponse().status()).isEqualTo(408);
    }

    @Test
    void a_part_of_the_next_head_that_came_with_a_request_has_its_time_too() throws Exception {
        var client = connect(SHORT, LONG);

        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT");
        var response = client.receiveResponse();
        var late = client.receiveResponse();

        assertThat(response.status()).isEqualTo(204);
        assertThat(late.status()).isEqualTo(408);
    }

    @Test
    void a_connection_that_is_idle_between_two_requests_for_too_long_is_closed() throws Exception {
        var client = connect(LONG, SHORT);

        client.sendRequest("GET /").receiveResponse();

        assertThat(client.receiveToEnd()).isEmpty();
    }

    @Slow
    @Test
    void zero_is_no_limit() throws Exception {
        var client = connect(Duration.ZERO, Duration.ZERO);

        boolean isOpen = sendSlowly(client, "GET ", "/ HTTP/1.1\r\n", "Host", ": ", "x\r\n");

        assertThat(isOpen).isTrue();
        assertThat(client.send("\r\n").receiveResponse().status()).isEqualTo(204);
    }
}
