package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import okhttp3.tls.HandshakeCertificates;
import okhttp3.tls.HeldCertificate;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.util.thread.ScheduledExecutorScheduler;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;
import pitfalls.support.Slow;
import pitfalls.support.TestAuthority;

/** The program's port with TLS. */
@Slow
class ClientTlsTest implements LoopbackTest {
    private static final SSLContext TRUSTING = new HandshakeCertificates.Builder()
            .addTrustedCertificate(TestAuthority.root().certificate())
            .build()
            .sslContext();

    @TempDir
    private Path folder;

    private Server server;

    @BeforeEach
    void writeFiles() throws Exception {
        write(TestAuthority.signed("127.0.0.1"));
    }

    private void write(HeldCertificate certificate) throws Exception {
        Files.writeString(folder.resolve("cert.pem"), certificate.certificatePem());
        Files.writeString(folder.resolve("key.pem"), certificate.privateKeyPkcs8Pem());
    }

    private URI serve(String target, String... more) throws Exception {
        var program = new ReverseProxy();
        List<String> options = new ArrayList<>(List.of(
                "--listen=127.0.0.1:0",
                "--target=" + target,
                "--tls-certificate=" + folder.resolve("cert.pem"),
                "--tls-key=" + folder.resolve("key.pem")));
        options.addAll(List.of(more));
        ReverseProxy.commandLine(program).parseArgs(options.toArray(String[]::new));
        server = loopback.started(program.newServer());
        return server.getURI();
    }

    private ClientTls tls() {
        return (ClientTls) server.getConnectors()[0]
                .getConnectionFactory(SslConnectionFactory.class)
                .getSslContextFactory();
    }

    private static HttpResponse<String> get(URI server, HttpClient.Version version) throws Exception {
        var client =
                HttpClient.newBuilder().sslContext(TRUSTING).version(version).build();
        return client.send(HttpRequest.newBuilder(server).build(), BodyHandlers.ofString());
    }

    /** The certificate that the next client gets to see. */
    private static Certificate shownBy(URI server) throws Exception {
        try (var socket = (SSLSocket) TRUSTING.getSocketFactory().createSocket(server.getHost(), server.getPort())) {
            return socket.getSession().getPeerCertificates()[0];
        }
    }

    @TestFactory
    Stream<DynamicTest> a_client_gets_the_version_of_HTTP_that_it_asks_for() {
        return Stream.of(HttpClient.Version.values())
                .map(version -> DynamicTest.dynamicTest(version.name(), () -> {
                    var upstream = loopback.upstream(ok().body("hello"));

                    var response = get(serve(targetOf(upstream)), version);

                    assertThat(response.version()).isEqualTo(version);
                    assertThat(response.body()).isEqualTo("hello");
                    assertThat(received(upstream).getHeaders().get("X-Forwarded-Proto"))
                            .isEqualTo("https");
                }));
    }

    /** Each byte would begin the limit for idle connections anew. */
    @Test
    void a_handshake_that_comes_byte_by_byte_has_a_limit_as_a_whole() throws Exception {
        URI server = serve(loopback.refusing(), "--request-head-timeout=0.2s", "--idle-timeout=1h");
        var client = loopback.connect(server).send("\u0016"); // the first byte of a record of the handshake
        var moment = Duration.ofMillis(50);
        for (int i = 0; i < 2 && client.receivesNothingFor(moment); i++) client.send(i == 0 ? "\u0003" : "\u0001");

        assertThat(client.ended()).as("whether the connection ends").isTrue();
    }

    @Test
    void the_limit_of_the_handshake_ends_with_it() throws Exception {
        var upstream = loopback.upstream(ok().body("hello"));
        var scheduler = new ManualScheduler();
        var tls = new SslContextFactory.Server();
        tls.setSslContext(TestAuthority.upstream("127.0.0.1"));
        var jetty = new Server(null, scheduler, null);
        var connector = new ServerConnector(
                jetty, new LimitedTls(tls, "http/1.1", ManualScheduler.LIMIT), new HttpConnectionFactory());
        connector.setHost("127.0.0.1");
        jetty.addConnector(connector);
        jetty.setHandler(new StreamingProxy(targetOf(upstream)));
        loopback.started(jetty);
        var client = loopback.connect(jetty.getURI(), TRUSTING.getSocketFactory());
        client.sendRequest("GET /", "Connection: close").receiveResponse();

        assertThat(scheduler.limits).singleElement().matches(ManualScheduler.Limit::isCancelled);
    }

    /** Keeps the limits of handshakes to itself. */
    private static final class ManualScheduler extends ScheduledExecutorScheduler {
        private static final Duration LIMIT = Duration.ofMillis(123_457); // as nothing else has

        private final Queue<Limit> limits = new ConcurrentLinkedQueue<>();

        @Override
        public Task schedule(Runnable task, long delay, TimeUnit unit) {
            if (delay != LIMIT.toMillis()) return super.schedule(task, delay, unit);
            var limit = new Limit();
            limits.add(limit);
            return limit;
        }

        private static final class Limit implements Task {
            private volatile boolean isCancelled;

            @Override
            public boolean cancel() {
                isCancelled = true;
                return true;
            }

            private boolean isCancelled() {
                return isCancelled;
            }
        }
    }

    @Test
    void a_client_that_asks_for_no_version_gets_HTTP_1_1() throws Exception {
        var upstream = loopback.upstream(ok().body("hello"));
        var client = loopback.connect(serve(targetOf(upstream)), TRUSTING.getSocketFactory());

        assertThat(client.sendRequest("GET /x").receiveResponse().body()).isEqualTo("hello");
    }

    @Test
    void an_idle_connection_makes_room_for_another_of_the_same_client() throws Exception {
        var upstream = loopback.upstream(ok().body("one"), ok().body("two"));
        URI url = serve(targetOf(upstream), "--max-connections-per-client=1");
        var idle = loopback.connect(url, TRUSTING.getSocketFactory());
        idle.sendRequest("GET /first").receiveResponse();
        IdleConnections.await(server.getConnectors()[0]);

        var next = loopback.connect(url, TRUSTING.getSocketFactory())
                .sendRequest("GET /next")
                .receiveResponse();

        assertThat(next.body()).isEqualTo("two");
        assertThat(idle.ended()).isTrue();
    }

    @TestFactory
    Stream<DynamicTest> TLS_1_2_and_1_3_are_spoken_and_nothing_older() {
        return Stream.of("TLSv1.3", "TLSv1.2", "TLSv1.1")
                .map(protocol -> DynamicTest.dynamicTest(protocol, () -> {
                    URI server = serve(loopback.refusing());
                    var sockets = TRUSTING.getSocketFactory();
                    try (var socket = (SSLSocket) sockets.createSocket(server.getHost(), server.getPort())) {
                        socket.setEnabledProtocols(new String[] {protocol});
                        if (protocol.equals("TLSv1.1")) {
                            assertThatExceptionOfType(SSLException.class).isThrownBy(socket::startHandshake);
                        } else {
                            socket.startHandshake();
                            assertThat(socket.getSession().getProtocol()).isEqualTo(protocol);
                        }
                    }
                }));
    }

    @Test
    void a_protocol_that_is_not_spoken_is_refused_in_the_handshake() throws Exception {
        URI server = serve(loopback.refusing());
        var sockets = TRUSTING.getSocketFactory();
        try (var socket = (SSLSocket) sockets.createSocket(server.getHost(), server.getPort())) {
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setApplicationProtocols(new String[] {"spdy/3"});
            socket.setSSLParameters(parameters);

            assertThatExceptionOfType(SSLException.class).isThrownBy(socket::startHandshake);
        }
    }

    @Test
    void a_renewed_certificate_is_taken_without_a_restart() throws Exception {
        var upstream = loopback.upstream(ok(), ok());
        URI server = serve(targetOf(upstream));
        var open = loopback.connect(server, TRUSTING.getSocketFactory());
        open.sendRequest("GET /x").receiveResponse();
        var renewed = TestAuthority.signed("127.0.0.1", "renewed.example");

        write(renewed);
        tls().look();

        assertThat(shownBy(server)).isEqualTo(renewed.certificate());
        assertThat(open.sendRequest("GET /x").receiveResponse().status())
                .as("the status on a connection that was open before")
                .isEqualTo(200);
    }

    @Test
    void a_certificate_is_not_taken_before_its_key_is_there() throws Exception {
        URI server = serve(loopback.refusing());
        var renewed = TestAuthority.signed("127.0.0.1", "renewed.example");
        X509Certificate before = (X509Certificate) shownBy(server);

        try (var log = LogLines.of(ClientTls.class.getName())) {
            Files.writeString(folder.resolve("cert.pem"), renewed.certificatePem());
            tls().look();
            tls().look();

            assertThat(log.lines())
                    .singleElement()
                    .asString()
                    .startsWith("WARN the certificate is still the one before: --tls-key must be a file with")
                    .endsWith("which does not belong to the first certificate in '" + folder.resolve("cert.pem") + "'");
            assertThat(shownBy(server)).isEqualTo(before);
        }
        Files.writeString(folder.resolve("key.pem"), renewed.privateKeyPkcs8Pem());
        tls().look();
        assertThat(shownBy(server)).isEqualTo(renewed.certificate());
    }

    @TestFactory
    Stream<DynamicTest> a_file_that_is_not_what_it_should_be_is_one_sentence_and_exit_code_2() throws Exception {
        Files.writeString(folder.resolve("text.pem"), "nothing to see here");
        Files.writeString(
                folder.resolve("other.pem"), TestAuthority.signed("127.0.0.1").privateKeyPkcs8Pem());
        String key = "--tls-key must be a file with an RSA, EC or EdDSA key in PEM form (PKCS#8, not encrypted), not ";
        return BadPem.inFolder(
                folder,
                "--tls-certificate=cert.pem >> --tls-certificate and --tls-key must be given together",
                "--tls-key=key.pem >> --tls-certificate and --tls-key must be given together",
                "--tls-certificate=text.pem --tls-key=key.pem >> --tls-certificate must be a file with certificates"
                        + " in PEM form, not 'text.pem', which has no BEGIN CERTIFICATE",
                "--tls-certificate=no.pem --tls-key=key.pem >> --tls-certificate must be a file with certificates"
                        + " in PEM form, not 'no.pem', which cannot be read",
                "--tls-certificate=cert.pem --tls-key=other.pem >> " + key
                        + "'other.pem', which does not belong to the first certificate in 'cert.pem'");
    }
}
