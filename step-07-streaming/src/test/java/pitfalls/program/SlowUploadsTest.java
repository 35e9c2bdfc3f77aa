package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.junit.jupiter.api.Test;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.ScriptedUpstream.Script;

/** What becomes of uploads that hardly come, while others wait for a connection, and while nobody does. */
class SlowUploadsTest implements LoopbackTest {
    private static final Duration MOMENT = Duration.ofMillis(20);
    private static final int CONNECTIONS = 10;

    private final AtomicLong clock = new AtomicLong();
    private SlowUploads slowUploads;

    @Test
    void the_slowest_uploads_end_with_408_so_that_others_are_served() throws Exception {
        var upstream = upstream(CONNECTIONS);
        URI server = serve(upstream);
        List<RawConnection> uploads = upload(server, CONNECTIONS, 1);
        upstream.awaitConnections(CONNECTIONS);
        clock.addAndGet(Duration.ofSeconds(20).toNanos());

        var client = loopback.connect(server).sendRequest("GET /x");
        while (client.receivesNothingFor(MOMENT)) slowUploads.endSlowOnes();

        assertThat(client.receiveResponse().status()).isEqualTo(204);
        var ended = new ArrayList<RawConnection>();
        for (RawConnection upload : uploads) {
            if (!upload.receivesNothingFor(MOMENT)) ended.add(upload);
        }
        assertThat(ended)
                .as("one for the client, and one to be free if it came first")
                .hasSizeBetween(1, 2);
        for (RawConnection upload : ended) {
            var response = upload.receiveResponse();
            assertThat(response.status()).isEqualTo(408);
            assertThat(response.field("Connection")).containsExactly("close");
            assertThat(upload.ended()).isTrue();
        }
    }

    @Test
    void an_upload_that_comes_as_it_should_does_not_end_while_others_wait() throws Exception {
        var upstream = upstream(CONNECTIONS);
        URI server = serve(upstream);
        List<RawConnection> uploads = upload(server, CONNECTIONS, 3000);
        upstream.awaitConnections(CONNECTIONS);
        clock.addAndGet(Duration.ofSeconds(9).toNanos());

        var client = loopback.connect(server).sendRequest("GET /x");
        for (int i = 0; i < 5; i++) {
            slowUploads.endSlowOnes();
            assertThat(client.receivesNothingFor(MOMENT)).as("it waits").isTrue();
        }

        for (RawConnection upload : uploads)
            assertThat(upload.receivesNothingFor(MOMENT)).isTrue();
    }

    @Test
    void while_a_tenth_of_the_connections_is_free_an_upload_may_pause_as_it_likes() throws Exception {
        var upstream = upstream(CONNECTIONS - 1);
        List<RawConnection> uploads = upload(serve(upstream), CONNECTIONS - 1, 1);
        upstream.awaitConnections(CONNECTIONS - 1);
        clock.addAndGet(Duration.ofHours(1).toNanos());

        for (int i = 0; i < 5; i++) slowUploads.endSlowOnes();

        for (RawConnection upload : uploads)
            assertThat(upload.receivesNothingFor(MOMENT)).isTrue();
    }

    private URI serve(ScriptedUpstream upstream) throws Exception {
        var proxy = new StreamingProxy(upstream.target());
        proxy.setMaxUpstreamConnections(CONNECTIONS);
        slowUploads = new SlowUploads(proxy, 240, clock::get);
        var server = new Server();
        var connector = new ServerConnector(server);
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        server.setHandler(slowUploads);
        return loopback.started(server).getURI();
    }

    /** The first connections take an upload and wait for its end, and the others answer. */
    private ScriptedUpstream upstream(int uploads) throws Exception {
        Script waits = connection -> {
            connection.receiveHead();
            connection.awaitEnd();
        };
        List<Script> scripts = new ArrayList<>(Collections.nCopies(uploads, waits));
        scripts.add(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 204 No Content\r\n\r\n");
        });
        return loopback.scripted(scripts.toArray(Script[]::new));
    }

    private List<RawConnection> upload(URI server, int count, int bytes) throws Exception {
        List<RawConnection> uploads = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            uploads.add(loopback.connect(server)
                    .sendRequest("PUT /" + i, "Content-Length: 10000")
                    .send("x".repeat(bytes)));
        }
        return uploads;
    }
}
