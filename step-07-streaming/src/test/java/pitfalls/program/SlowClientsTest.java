package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.http2.Http2Peer.DATA;
import static pitfalls.http2.Http2Peer.ENHANCE_YOUR_CALM;
import static pitfalls.http2.Http2Peer.HEADERS;
import static pitfalls.http2.Http2Peer.RST_STREAM;
import static pitfalls.http2.Http2Peer.SETTINGS;
import static pitfalls.http2.Http2Peer.WINDOW_UPDATE;

import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongPredicate;
import java.util.stream.Stream;
import javax.net.SocketFactory;
import okhttp3.tls.HandshakeCertificates;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.junit.jupiter.api.Test;
import pitfalls.http2.Http2Peer;
import pitfalls.http2.Http2Peer.Frame;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.LogLines;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.ScriptedUpstream.Script;
import pitfalls.support.Slow;
import pitfalls.support.TestAuthority;

/** What becomes of uploads that hardly come and of responses that are hardly read, while others wait for a connection, and while nobody does. */
@Slow
class SlowClientsTest implements LoopbackTest {
    private static final Duration MOMENT = Duration.ofMillis(20);
    private static final Duration SOON = Duration.ofMillis(300);
    private static final int CONNECTIONS = 10;
    private static final int WINDOW =
            65_535; // which a stream and a connection have unless told otherwise (RFC 9113, 6.9.2)
    private static final byte[] ONE_KIBIBYTE = {0, 0, 4, 0};
    private static final byte[] ONE_MEBIBYTE = {0, 16, 0, 0};
    private static final byte[] LARGE_STREAM_WINDOWS = {0, 4, 0x3f, 0, 0, 0};

    private final AtomicLong clock = new AtomicLong();
    private SlowClients slowClients;
    private SocketFactory sockets = SocketFactory.getDefault();
    private LimitedConnector connector;

    @Test
    void the_slowest_uploads_end_with_408_so_that_others_are_served() throws Exception {
        var upstream = upstream(CONNECTIONS);
        theSlowestUploadsEnd(upstream, serve(upstream));
    }

    @Test
    void the_slowest_uploads_over_TLS_end_too() throws Exception {
        var upstream = upstream(CONNECTIONS);
        theSlowestUploadsEnd(upstream, serveTls(upstream));
    }

    private void theSlowestUploadsEnd(ScriptedUpstream upstream, URI server) throws Exception {
        List<RawConnection> uploads = upload(server, CONNECTIONS, 1);
        upstream.awaitConnections(CONNECTIONS);
        clock.addAndGet(Duration.ofSeconds(20).toNanos());

        serveAnother(server);

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

        var client = loopback.connect(server, sockets).sendRequest("GET /x");
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
        theSlowestReadersAreCut(serve(upstreamOfEndlessResponses(CONNECTIONS)));
    }

    @Test
    void the_slowest_readers_over_TLS_are_cut_too() throws Exception {
        theSlowestReadersAreCut(serveTls(upstreamOfEndlessResponses(CONNECTIONS)));
    }

    private void theSlowestReadersAreCut(URI server) throws Exception {
        download(server, CONNECTIONS);
        clock.addAndGet(Duration.ofSeconds(3).toNanos());
        slowClients.lookAtReaders();

        try (var log = LogLines.of("pitfalls")) {
            serveAnother(server);

            assertThat(log.first()).startsWith("INFO aborted 408 http_request_error for GET /large");
            assertThat(readersOnce(readers -> readers >= CONNECTIONS - 2))
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

        var client = loopback.connect(server, sockets).sendRequest("GET /x");
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

        assertThat(readersOnce(readers -> readers >= CONNECTIONS - 1)).isEqualTo(CONNECTIONS - 1);
    }

    @Test
    void the_slowest_uploads_over_HTTP_2_end_with_408_and_the_others_of_their_connection_go_on() throws Exception {
        var upstream = upstream(CONNECTIONS);
        URI server = serveHttp2(upstream);
        var slow = Http2Peer.client(loopback.connect(server, sockets));
        for (int i = 0; i < CONNECTIONS; i++) slow.post(stream(i), "/" + i).data(stream(i), "x", false);
        upstream.awaitConnections(CONNECTIONS);
        clock.addAndGet(Duration.ofSeconds(20).toNanos());

        serveAnother(server);

        int next = stream(CONNECTIONS);
        slow.get(next, "/next");
        List<Integer> ended = new ArrayList<>();
        Frame answer = slow.receive(HEADERS);
        for (; answer.stream() != next; answer = slow.receive(HEADERS)) ended.add(answer.status());
        assertThat(answer.status()).isEqualTo(204);
        assertThat(ended)
                .as("one for the client, and one to be free if it came first")
                .hasSizeBetween(1, 2)
                .containsOnly(408);
    }

    @Test
    void a_stream_whose_window_stays_shut_ends_and_the_others_of_its_connection_go_on() throws Exception {
        URI server = serveHttp2(upstreamOfEndlessResponses(CONNECTIONS));
        Http2Peer slow = downloadOverHttp2(server).openWindow();
        receiveData(slow, CONNECTIONS * WINDOW);
        awaitReaders(CONNECTIONS);
        clock.addAndGet(Duration.ofSeconds(3).toNanos());

        try (var log = LogLines.of("pitfalls")) {
            serveAnother(server);

            assertThat(slow.receive(RST_STREAM).error()).isEqualTo(ENHANCE_YOUR_CALM);
            assertThat(log.first()).startsWith("INFO aborted 408 http_request_error for GET /large");
        }
        for (int i = 0; i < CONNECTIONS; i++) slow.send(WINDOW_UPDATE, 0, stream(i), ONE_MEBIBYTE);
        assertThatGoOn(slow, CONNECTIONS - 2); // one stream was ended for the client, and one if it came first
    }

    @Test
    void where_the_window_of_a_connection_stays_shut_single_streams_end() throws Exception {
        URI server = serveHttp2(upstreamOfEndlessResponses(CONNECTIONS));
        Http2Peer slow = downloadOverHttp2(server);
        receiveData(slow, WINDOW);
        awaitReaders(CONNECTIONS);
        clock.addAndGet(Duration.ofSeconds(3).toNanos());

        serveAnother(server);

        assertThat(slow.receive(RST_STREAM).error()).isEqualTo(ENHANCE_YOUR_CALM);
        slow.openWindow();
        assertThatGoOn(slow, CONNECTIONS - 3); // one may have used up its own window as well
    }

    @Test
    void a_connection_of_HTTP_2_that_takes_nothing_at_all_ends() throws Exception {
        aConnectionThatTakesNothingEnds(serveHttp2(upstreamOfEndlessResponses(CONNECTIONS)));
    }

    @Test
    void a_connection_of_HTTP_2_over_TLS_that_takes_nothing_at_all_ends() throws Exception {
        aConnectionThatTakesNothingEnds(serveHttp2OverTls(upstreamOfEndlessResponses(CONNECTIONS)));
    }

    private void aConnectionThatTakesNothingEnds(URI server) throws Exception {
        downloadOverHttp2(server).send(SETTINGS, 0, 0, LARGE_STREAM_WINDOWS).openWindow();
        awaitReaders(CONNECTIONS);
        clock.addAndGet(Duration.ofSeconds(3).toNanos());

        var client = loopback.connect(server, sockets).sendRequest("GET /x");
        while (client.receivesNothingFor(MOMENT)) aSecondLater();

        assertThat(client.receiveResponse().status()).isEqualTo(204);
        assertThat(readersOnce(readers -> readers == 0))
                .as("connections that take nothing")
                .isZero();
    }

    @Test
    void a_stream_that_is_read_now_and_then_does_not_end_while_others_wait() throws Exception {
        URI server = serveHttp2(upstreamOfEndlessResponses(CONNECTIONS));
        Http2Peer slow = downloadOverHttp2(server).openWindow();
        receiveData(slow, CONNECTIONS * WINDOW);
        awaitReaders(CONNECTIONS);
        for (int i = 0; i < CONNECTIONS; i++) slow.send(WINDOW_UPDATE, 0, stream(i), ONE_KIBIBYTE);
        receiveData(slow, CONNECTIONS * 1024);
        clock.addAndGet(Duration.ofSeconds(3).toNanos());

        var client = loopback.connect(server).sendRequest("GET /x");
        for (int i = 0; i < 5; i++) {
            slowClients.endSlowOnes();
            assertThat(client.receivesNothingFor(MOMENT)).as("it waits").isTrue();
        }
        slowClients.lookAtReaders();

        assertThat(slowClients.slowReaders()).isEqualTo(CONNECTIONS);
    }

    /** Another client's request, which is answered as soon as a connection to the upstream is free. */
    private void serveAnother(URI server) throws Exception {
        var client = loopback.connect(server, sockets).sendRequest("GET /x");
        int readers = slowClients.slowReaders();
        // Where one is missing it was ended, or the kernel has just taken some bytes of it. If it was ended, its
        // connection comes free soon, and if time went on before, another would be ended too.
        while (client.receivesNothingFor(slowClients.slowReaders() < readers ? SOON : MOMENT)) aSecondLater();
        assertThat(client.receiveResponse().status()).isEqualTo(204);
    }

    private void aSecondLater() {
        clock.addAndGet(Duration.ofSeconds(1).toNanos());
        slowClients.lookAtReaders();
        slowClients.endSlowOnes();
    }

    /** Asks for as many responses on one connection, and gives nothing of its windows back. */
    private Http2Peer downloadOverHttp2(URI server) throws Exception {
        var client = Http2Peer.client(loopback.connect(server, sockets)).keepWindows();
        for (int i = 0; i < CONNECTIONS; i++) client.get(stream(i), "/large" + i);
        return client;
    }

    private static int stream(int i) {
        return 2 * i + 1;
    }

    private static void receiveData(Http2Peer client, int bytes) throws IOException {
        while (bytes > 0) bytes -= client.receive(DATA).payload().length();
    }

    private static void assertThatGoOn(Http2Peer client, int streams) throws IOException {
        Set<Integer> those = new HashSet<>();
        while (those.size() < streams) those.add(client.receive(DATA).stream());
    }

    /** Asks for as many responses, and reads none. */
    private List<RawConnection> download(URI server, int count) throws Exception {
        List<RawConnection> clients = new ArrayList<>();
        for (int i = 0; i < count; i++)
            clients.add(loopback.connect(server, sockets).sendRequest("GET /large" + i));
        awaitReaders(count);
        return clients;
    }

    /** Waits until as many clients keep the proxy waiting and nothing is sent, and looks at them as if nothing was known of them. */
    private void awaitReaders(int count) throws Exception {
        var quiet = loopback.connect(URI.create("http://127.0.0.1:" + connector.getLocalPort()));
        long deadline = System.nanoTime() + Loopback.PATIENCE.toNanos();
        for (long sent = -1; slowClients.slowReaders() < count || sent != sent(); ) {
            assertThat(System.nanoTime()).as("it takes too long").isLessThan(deadline);
            sent = sent();
            assertThat(quiet.receivesNothingFor(MOMENT)).isTrue();
            slowClients.lookAtReaders();
        }
        clock.addAndGet(Duration.ofSeconds(11).toNanos());
        slowClients.lookAtReaders();
    }

    /** How many clients keep the proxy waiting. */
    private long readers() {
        return endPoints().filter(ClientEndPoint::waitsForReader).count();
    }

    /** How many there are once it is as expected, or in the end: the kernel may still take some bytes of one that is not cut. */
    private long readersOnce(LongPredicate isExpected) {
        long deadline = System.nanoTime() + Loopback.PATIENCE.toNanos();
        while (!isExpected.test(readers()) && System.nanoTime() < deadline) Thread.onSpinWait();
        return readers();
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
        return serve(upstream, new ClientConnectionFactory(Duration.ZERO));
    }

    private URI serveTls(ScriptedUpstream upstream) throws Exception {
        return serve(upstream, newTls("http/1.1"), new ClientConnectionFactory(Duration.ZERO));
    }

    /** On one port, as in clear, but the client is not asked what it speaks. */
    private URI serveHttp2OverTls(ScriptedUpstream upstream) throws Exception {
        var http1 = new ClientConnectionFactory(Duration.ZERO);
        return serve(
                upstream,
                newTls("http/1.1"),
                http1,
                new Http2ConnectionFactory(http1.getHttpConfiguration(), Duration.ZERO, "h2c"));
    }

    private SslConnectionFactory newTls(String next) {
        var tls = new SslContextFactory.Server();
        tls.setSslContext(TestAuthority.upstream("127.0.0.1", "www.example.com")); // Jetty compares it with Host
        sockets = new HandshakeCertificates.Builder()
                .addTrustedCertificate(TestAuthority.root().certificate())
                .build()
                .sslSocketFactory();
        return new SslConnectionFactory(tls, next);
    }

    private URI serveHttp2(ScriptedUpstream upstream) throws Exception {
        var http1 = new ClientConnectionFactory(Duration.ZERO);
        return serve(upstream, http1, new Http2ConnectionFactory(http1.getHttpConfiguration(), Duration.ZERO, "h2c"));
    }

    private URI serve(ScriptedUpstream upstream, ConnectionFactory... protocols) throws Exception {
        var proxy = new StreamingProxy(upstream.target());
        proxy.setMaxUpstreamConnections(CONNECTIONS);
        slowClients = new SlowClients(proxy, 240, 240, clock::get) {
            @Override
            void everySecond() {
                // when the test says so
            }
        };
        var server = new Server();
        connector = new LimitedConnector(server, protocols);
        connector.setHost("127.0.0.1");
        connector.setAcceptedSendBufferSize(32 * 1024); // which is soon full; the kernel's own grows to megabytes
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
            uploads.add(loopback.connect(server, sockets)
                    .sendRequest("PUT /" + i, "Content-Length: 10000")
                    .send("x".repeat(bytes)));
        }
        return uploads;
    }
}
