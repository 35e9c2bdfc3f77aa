package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.eclipse.jetty.server.Server;
import org.junit.jupiter.api.Test;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.LogLines;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.ScriptedUpstream.Script;

/** What becomes of uploads that hardly come and of responses that are hardly read, while others wait for a connection, and while nobody does. */
class SlowClientsTest implements LoopbackTest {
    private static final Duration MOMENT = Duration.ofMillis(20);
    private static final int CONNECTIONS = 10;

    private final AtomicLong clock = new AtomicLong();
    private SlowClients slowClients;
    private LimitedConnector connector;

    @Test
    void the_slowest_uploads_end_with_408_so_that_others_are_served() throws Exception {
        var upstream = upstream(CONNECTIONS);
        URI server = serve(upstream);
        List<RawConnection> uploads = upload(server, CONNECTIONS, 1);
        upstream.awaitConnections(CONNECTIONS);
        clock.addAndGet(Duration.ofSeconds(20).toNanos());

        var client = loopback.connect(server).sendRequest("GET /x");
        while (client.receivesNothingFor(MOMENT)) slowClients.endSlowOnes();

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
            slowClients.endSlowOnes();
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

        for (int i = 0; i < 5; i++) slowClients.endSlowOnes();

        for (RawConnection upload : uploads)
            assertThat(upload.receivesNothingFor(MOMENT)).isTrue();
    }

    @Test
    void the_slowest_readers_are_cut_so_that_others_are_served() throws Exception {
        var upstream = upstreamOfEndlessResponses(CONNECTIONS);
        URI server = serve(upstream);
        download(server, CONNECTIONS);
        clock.addAndGet(Duration.ofSeconds(3).toNanos());
        slowClients.lookAtReaders();

        try (var log = LogLines.of("pitfalls")) {
            var client = loopback.connect(server).sendRequest("GET /x");
            while (client.receivesNothingFor(MOMENT)) slowClients.endSlowOnes();

            assertThat(client.receiveResponse().status()).isEqualTo(204);
            assertThat(log.first()).startsWith("INFO aborted 408 http_request_error for GET /large");
            assertThat(readers())
                    .as("those that are left: one is free for the client, and one if it came first")
                    .isBetween(CONNECTIONS - 2L, CONNECTIONS - 1L);
        }
    }

    @Test
    void a_reader_that_goes_on_reading_is_not_cut_while_others_wait() throws Exception {
        var upstream = upstreamOfEndlessResponses(CONNECTIONS);
        URI server = serve(upstream);
        List<RawConnection> downloads = download(server, CONNECTIONS);
        long most = endPoints().mapToLong(ClientEndPoint::sent).max().orElseThrow();
        for (RawConnection download : downloads) download.skip(most + (1 << 20));
        clock.addAndGet(Duration.ofSeconds(3).toNanos());
        slowClients.lookAtReaders();

        var client = loopback.connect(server).sendRequest("GET /x");
        for (int i = 0; i < 5; i++) {
            slowClients.endSlowOnes();
            assertThat(client.receivesNothingFor(MOMENT)).as("it waits").isTrue();
        }

        assertThat(endPoints().filter(endPoint -> endPoint.sent() > 0))
                .as("none is cut")
                .hasSize(CONNECTIONS);
    }

    @Test
    void while_a_tenth_of_the_connections_is_free_a_reader_may_pause_as_it_likes() throws Exception {
        var upstream = upstreamOfEndlessResponses(CONNECTIONS - 1);
        download(serve(upstream), CONNECTIONS - 1);
        clock.addAndGet(Duration.ofHours(1).toNanos());

        slowClients.lookAtReaders();
        slowClients.endSlowOnes();

        assertThat(readers()).isEqualTo(CONNECTIONS - 1);
    }

    /** Asks for as many responses, reads none, and waits until each keeps the proxy waiting. */
    private List<RawConnection> download(URI server, int count) throws Exception {
        List<RawConnection> clients = new ArrayList<>();
        for (int i = 0; i < count; i++) clients.add(loopback.connect(server).sendRequest("GET /large" + i));
        var quiet = loopback.connect(server);
        long deadline = System.nanoTime() + Loopback.PATIENCE.toNanos();
        for (long sent = -1; readers() < count || sent != sent(); ) {
            assertThat(System.nanoTime()).as("it takes too long").isLessThan(deadline);
            sent = sent();
            assertThat(quiet.receivesNothingFor(MOMENT)).isTrue();
        }
        slowClients.lookAtReaders();
        return clients;
    }

    /** How many clients keep the proxy waiting. */
    private long readers() {
        return endPoints().filter(ClientEndPoint::waitsForReader).count();
    }

    private long sent() {
        return endPoints().mapToLong(ClientEndPoint::sent).sum();
    }

    private Stream<ClientEndPoint> endPoints() {
        return connector.getConnectedEndPoints().stream().map(ClientEndPoint.class::cast);
    }

    /** The first connections send as much as is taken, and the others answer. */
    private ScriptedUpstream upstreamOfEndlessResponses(int count) throws Exception {
        Script endless = connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
            byte[] much = new byte[1 << 20];
            try {
                while (true) connection.send(much);
            } catch (IOException e) {
                // nobody takes more
            }
        };
        List<Script> scripts = new ArrayList<>(Collections.nCopies(count, endless));
        scripts.add(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 204 No Content\r\n\r\n");
        });
        return loopback.scripted(scripts.toArray(Script[]::new));
    }

    private URI serve(ScriptedUpstream upstream) throws Exception {
        var proxy = new StreamingProxy(upstream.target());
        proxy.setMaxUpstreamConnections(CONNECTIONS);
        slowClients = new SlowClients(proxy, 240, 240, clock::get) {
            @Override
            void everySecond() {
                // when the test says so
            }
        };
        var server = new Server();
        connector = new LimitedConnector(server, new ClientConnectionFactory(Duration.ZERO));
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        server.setHandler(slowClients);
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
