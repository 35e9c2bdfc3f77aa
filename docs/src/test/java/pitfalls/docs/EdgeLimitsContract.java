package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import pitfalls.step07.StreamingProxy;
import pitfalls.step07.Timeouts;
import pitfalls.support.RawConnection;
import pitfalls.support.ScriptedUpstream.Script;

/** What an edge does with a client that wants more than its share. */
interface EdgeLimitsContract extends EdgeContract {

    int LIMIT = Edge.CLIENT_LIMIT;

    /** What the proxy has here, and one client would take without a limit. */
    int UPSTREAM_CONNECTIONS = LIMIT + 10;

    @Test
    default void slow_uploads_of_one_client_leave_connections_for_others() throws Exception {
        Script upload = connection -> {
            connection.receiveHead();
            connection.awaitEnd();
        };
        List<Script> scripts = new ArrayList<>(Collections.nCopies(LIMIT, upload));
        scripts.add(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 204 No Content\r\n\r\n");
        });
        var upstream = loopback.scripted(scripts.toArray(Script[]::new));
        var proxy = new StreamingProxy(upstream.target());
        proxy.setMaxUpstreamConnections(UPSTREAM_CONNECTIONS);
        proxy.setTimeouts(Timeouts.defaults().withConnection(Duration.ofMillis(500)));
        var edge = edgeOf(serve(proxy));
        List<RawConnection> uploads = new ArrayList<>();

        for (int i = 0; i < LIMIT; i++) uploads.add(upload(clientOf(edge)));
        upstream.awaitConnections(LIMIT);
        boolean refused = true;
        for (int i = LIMIT; i < UPSTREAM_CONNECTIONS; i++) refused &= isRefused(edge);
        var another = clientOf(edge, "127.0.0.2").sendRequest("GET /").receiveResponse();

        assertThat(another.status()).isEqualTo(204);
        assertThat(refused).as("one more of the same client is refused").isTrue();
        assertThat(upstream.connections()).isEqualTo(LIMIT + 1);
    }

    private static RawConnection upload(RawConnection client) throws Exception {
        return client.sendRequest("POST /", "Content-Length: 10000").send("x");
    }

    @Test
    default void one_client_may_have_half_of_the_connections_to_the_upstream() throws Exception {
        assertThat(configuration()).containsPattern("(clients |EDGE_CLIENT_LIMIT )500\\b");
        assertThat(new StreamingProxy("127.0.0.1:1").getMaxUpstreamConnections())
                .isEqualTo(2 * 500);
    }

    /** Whether another upload is answered with 429, or its connection closed before it could be. */
    private boolean isRefused(Edge edge) {
        try {
            return upload(clientOf(edge)).receiveResponse().status() == 429;
        } catch (Exception | AssertionError closed) {
            return true;
        }
    }
}
