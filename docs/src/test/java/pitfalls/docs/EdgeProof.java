package pitfalls.docs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import okhttp3.tls.HandshakeCertificates;
import okhttp3.tls.HeldCertificate;
import org.eclipse.jetty.client.DuplexConnectionPool;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.component.AbstractLifeCycle;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.step04.RetryPolicy;
import pitfalls.step07.StreamingProxy;
import pitfalls.step07.Timeouts;
import pitfalls.support.Gate;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;

/** The configurations of {@code docs/edge}, each in the real program, in front of the proxy of step 7. */
@EnabledOnOs(OS.LINUX) // where any address of 127.0.0.0/8 is loopback
class EdgeProof {
    private static final HeldCertificate CERTIFICATE =
            new HeldCertificate.Builder().addSubjectAlternativeName("127.0.0.1").build();

    private static final HandshakeCertificates CLIENT = new HandshakeCertificates.Builder()
            .addTrustedCertificate(CERTIFICATE.certificate())
            .build();

    /** How long the proxy's server waits for a client that is quiet. */
    private static final Duration CLIENT_IDLE = Duration.ofMillis(new ServerConnector(new Server()).getIdleTimeout());

    private static final String PAGE_WITH_TRAILER =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npage\r\n0\r\nX-Sum: 4\r\n\r\n";

    @Nested
    class Nginx implements Contract {
        @TempDir
        private Path folder;

        @Override
        public String configuration() throws IOException {
            return Files.readString(Path.of("edge", "nginx.conf"));
        }

        @Override
        public Edge edgeOf(URI proxy) throws Exception {
            String temporary = Stream.of("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
                    .map(name -> name + "_temp_path " + folder.resolve(name) + ";\n")
                    .reduce("http {\n", String::concat);
            int port = reservePort();
            Path file = Files.writeString(
                    folder.resolve("nginx.conf"),
                    configuration()
                            .replace("127.0.0.1:8443", "127.0.0.1:" + port)
                            .replace("127.0.0.1:8080", proxy.getAuthority())
                            .replace("/etc/ssl/private/edge.pem", certificateIn(folder))
                            .replace("/var/log/nginx", folder.toString())
                            .replace("http {\n", temporary));
            String globals = "daemon off; pid " + folder.resolve("pid") + ";";
            return loopback.started(new Edge(
                    port,
                    folder.resolve("output"),
                    Map.of(),
                    Program.find("nginx", "nginx-light"),
                    "-p",
                    folder.toString(),
                    "-c",
                    file.toString(),
                    "-e",
                    "stderr",
                    "-g",
                    globals));
        }

        @Test
        void trailers_end_at_the_edge() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send(PAGE_WITH_TRAILER);
            });
            var client = clientOf(edgeOf(proxyOf(upstream.target())));

            String response = client.sendRequest("GET /", "Connection: close").receiveToEnd();

            assertThat(response).contains("page").doesNotContain("X-Sum: 4");
        }

        @Test
        void each_limit_is_on_the_right_side_of_the_proxys_own() throws Exception {
            assertThat(timeOf("proxy_read_timeout"))
                    .isGreaterThan(Timeouts.defaults().response())
                    .isGreaterThan(Timeouts.defaults().stream())
                    .isGreaterThan(Timeouts.defaults().upgraded());
            assertThat(timeOf("proxy_send_timeout")).isEqualTo(timeOf("proxy_read_timeout"));
            assertThat(timeOf("keepalive_timeout")).isLessThan(CLIENT_IDLE);
        }
    }

    @Nested
    class HAProxy implements Contract {
        @TempDir
        private Path folder;

        @Override
        public String configuration() throws IOException {
            return Files.readString(Path.of("edge", "haproxy.cfg"));
        }

        @Override
        public Edge edgeOf(URI proxy) throws Exception {
            int port = reservePort();
            var environment = Map.of(
                    "EDGE_LISTEN", "127.0.0.1:" + port,
                    "EDGE_PROXY", proxy.getAuthority(),
                    "EDGE_CERTIFICATE", certificateIn(folder));
            String file = Path.of("edge", "haproxy.cfg").toString();
            return loopback.started(new Edge(
                    port,
                    folder.resolve("output"),
                    environment,
                    Program.find("haproxy", "haproxy"),
                    "-db",
                    "-f",
                    file));
        }

        @Test
        void trailers_pass_the_edge() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send(PAGE_WITH_TRAILER);
            });
            var client = clientOf(edgeOf(proxyOf(upstream.target())));

            String response = client.sendRequest("GET /", "Connection: close").receiveToEnd();

            assertThat(response).contains("page").containsIgnoringCase("X-Sum: 4");
        }

        @Test
        void interim_responses_pass_the_edge() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
                        + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage");
            });
            var client = clientOf(edgeOf(proxyOf(upstream.target())));

            var hint = client.sendRequest("GET /").receiveResponse();
            var page = client.receiveResponse();

            assertThat(hint.status()).isEqualTo(103);
            assertThat(page.status()).isEqualTo(200);
            assertThat(page.body()).isEqualTo("page");
        }

        @Test
        void each_limit_is_on_the_right_side_of_the_proxys_own() throws Exception {
            assertThat(timeOf("timeout server"))
                    .isGreaterThan(Timeouts.defaults().response())
                    .isGreaterThan(Timeouts.defaults().stream());
            assertThat(timeOf("timeout tunnel"))
                    .isGreaterThan(Timeouts.defaults().upgraded());
            assertThat(timeOf("timeout client")).isGreaterThan(CLIENT_IDLE);
        }
    }

    /** What the page says of limits, where a limit can be asked for. */
    @Nested
    class Defaults implements LoopbackTest {

        @Test
        void those_of_Jettys_client_are_those_in_the_table() throws Exception {
            var client = loopback.started(new org.eclipse.jetty.client.HttpClient());
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
            assertThat(((QueuedThreadPool) server.getThreadPool()).getMaxThreads())
                    .isEqualTo(200);
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

    /** What a configuration is for. */
    interface Contract extends LoopbackTest {

        /** Starts the program, as it is configured, in front of that address. */
        Edge edgeOf(URI proxy) throws Exception;

        /** The configuration as it stands in its folder. */
        String configuration() throws IOException;

        /** The proxy of step 7, as it is run behind an edge. */
        default URI proxyOf(String target) throws Exception {
            return proxyOf(target, RetryPolicy.none());
        }

        /** The same, with retries. */
        default URI proxyOf(String target, RetryPolicy policy) throws Exception {
            var proxy = new StreamingProxy(target);
            proxy.setTrustedPeers("127.0.0.0/8");
            proxy.setRetryPolicy(policy);
            return loopback.serve(proxy);
        }

        /** A client that speaks HTTP/1.1 over TLS. */
        default RawConnection clientOf(Edge edge) throws IOException {
            return loopback.connect(edge.url(), CLIENT.sslSocketFactory());
        }

        /** A port for the edge, which nobody else is given until the test ends. */
        default int reservePort() throws Exception {
            var reservation = loopback.started(new Reservation());
            return reservation.socket.getLocalPort();
        }

        /** A time of the configuration's. */
        default Duration timeOf(String name) throws IOException {
            var setting = Pattern.compile("\\s" + name + "\\s+(\\d+[sm])").matcher(configuration());
            assertThat(setting.find()).as(name).isTrue();
            return Duration.parse("PT" + setting.group(1));
        }

        @Test
        default void a_page_is_served_over_TLS() throws Exception {
            var upstream = loopback.upstream(ok().body("page"));
            var client = clientOf(edgeOf(proxyOf(targetOf(upstream))));

            var response =
                    client.sendRequest("GET /a/./b;c=1/caf%C3%A9?d=%2F&e").receiveResponse();

            assertThat(response.status()).isEqualTo(200);
            assertThat(response.body()).isEqualTo("page");
            assertThat(received(upstream).getTarget()).isEqualTo("/a/./b;c=1/caf%C3%A9?d=%2F&e");
        }

        @Test
        default void a_page_is_served_over_HTTP_2() throws Exception {
            var upstream = loopback.upstream(ok().body("page"));
            URI url = edgeOf(proxyOf(targetOf(upstream))).url();
            var client = HttpClient.newBuilder().sslContext(CLIENT.sslContext()).build();

            var response = client.send(HttpRequest.newBuilder(url).build(), BodyHandlers.ofString());

            assertThat(response.version()).isEqualTo(HttpClient.Version.HTTP_2);
            assertThat(response.body()).isEqualTo("page");
            assertThat(received(upstream).getHeaders().get("X-Forwarded-Host")).startsWith(url.getAuthority() + ",");
        }

        @Test
        default void the_first_event_arrives_before_the_second_exists() throws Exception {
            var headArrived = new Gate("the client has received the head");
            var firstArrived = new Gate("the client has received the first event");
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                        + "Content-Type: text/event-stream\r\n\r\n");
                headArrived.await();
                connection.send("3\r\none\r\n");
                firstArrived.await();
                connection.send("3\r\ntwo\r\n0\r\n\r\n");
            });
            var client = clientOf(edgeOf(proxyOf(upstream.target())));

            var head = new RawMessage(client.sendRequest("GET /events").receiveHead(), "", true);
            headArrived.open();
            String first = client.receiveChunk();
            firstArrived.open();
            var rest = client.receiveBodyOf(head);

            assertThat(head.field("Content-Type")).containsExactly("text/event-stream");
            assertThat(first).isEqualTo("one");
            assertThat(rest.body()).isEqualTo("two");
            assertThat(rest.complete()).isTrue();
        }

        @Test
        default void a_client_that_leaves_a_quiet_stream_frees_the_upstream() throws Exception {
            var freed = new Gate("the upstream is free");
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
                connection.awaitEnd();
                freed.open();
            });
            var client = clientOf(edgeOf(proxyOf(upstream.target())));

            client.sendRequest("GET /events").receiveHead();
            client.receiveChunk();
            client.close();

            freed.await();
        }

        @Test
        default void an_upgrade_passes_in_both_directions() throws Exception {
            var upstream = loopback.scripted(connection -> {
                assertThat(connection.receiveRequest().field("Upgrade")).containsExactly("chat/2");
                connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat/2\r\n\r\n");
                connection.send("welcome");
                assertThat(connection.receive(5)).isEqualTo("hello");
                connection.send("bye");
            });
            var client = clientOf(edgeOf(proxyOf(upstream.target())));

            var response = client.sendRequest("GET /chat", "Connection: Upgrade", "Upgrade: chat/2")
                    .receiveResponse();
            String welcome = client.receive(7);
            client.send("hello");
            String bye = client.receive(3);

            assertThat(response.status()).isEqualTo(101);
            assertThat(List.of(welcome, bye)).containsExactly("welcome", "bye");
        }

        @Test
        default void the_upstream_sees_the_client_and_then_the_edge() throws Exception {
            var upstream = loopback.upstream(ok().body("page"));
            int port = edgeOf(proxyOf(targetOf(upstream))).url().getPort();

            try (var client =
                    CLIENT.sslSocketFactory().createSocket("127.0.0.1", port, InetAddress.getByName("127.0.0.2"), 0)) {
                client.getOutputStream()
                        .write("GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n".getBytes(UTF_8));
                assertThat(new String(client.getInputStream().readAllBytes(), UTF_8))
                        .endsWith("page");
            }

            var fields = received(upstream).getHeaders();
            assertThat(fields.values("X-Forwarded-For")).containsExactly("127.0.0.2, 127.0.0.1");
            assertThat(fields.values("X-Forwarded-Host")).containsExactly("shop.example, shop.example");
            assertThat(fields.values("X-Forwarded-Proto")).containsExactly("https, http");
            assertThat(fields.values("Forwarded"))
                    .containsExactly("for=127.0.0.2;proto=https, for=127.0.0.1;host=\"shop.example\";proto=http");
        }

        @Test
        default void what_a_client_says_of_itself_ends_at_the_edge() throws Exception {
            var upstream = loopback.upstream(ok().body("page"));
            var client = clientOf(edgeOf(proxyOf(targetOf(upstream))));

            client.sendRequest(
                            "GET /",
                            "X-Forwarded-For: 10.6.6.6",
                            "X-Forwarded-For: 10.6.6.7",
                            "X_Forwarded_For: 10.6.6.6",
                            "X-Forwarded-Host: 10.6.6.6",
                            "X-Forwarded-Proto: 10.6.6.6",
                            "X-Forwarded-Port: 10.6.6.6",
                            "X-Forwarded-Prefix: 10.6.6.6",
                            "X-Forwarded-Server: 10.6.6.6",
                            "X-Forwarded-Ssl: 10.6.6.6",
                            "Forwarded: for=10.6.6.6")
                    .receiveResponse();

            var fields = received(upstream).getHeaders();
            assertThat(fields.get("X-Forwarded-For")).isEqualTo("127.0.0.1, 127.0.0.1");
            assertThat(fields.toString()).doesNotContain("10.6.6.");
        }

        @Test
        default void the_body_of_a_POST_arrives() throws Exception {
            var upstream = loopback.upstream(ok().body("stored"));
            var client = clientOf(edgeOf(proxyOf(targetOf(upstream))));
            String body = "x".repeat(2 << 20);

            var response = client.sendRequest("POST /", "Content-Length: " + body.length())
                    .send(body)
                    .receiveResponse();

            assertThat(response.body()).isEqualTo("stored");
            var request = received(upstream);
            assertThat(request.getMethod()).isEqualTo("POST");
            assertThat(request.getBody().string(UTF_8)).isEqualTo(body);
        }

        @Test
        default void the_beginning_of_an_upload_arrives_before_its_end_exists() throws Exception {
            var beginningArrived = new Gate("the upstream has received the beginning");
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                String beginning = connection.receiveChunk();
                beginningArrived.open();
                String end = connection.receiveChunk() + connection.receiveChunk();
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" + beginning + end);
            });
            var client = clientOf(edgeOf(proxyOf(upstream.target())));

            client.sendRequest("POST /", "Transfer-Encoding: chunked").send("3\r\none\r\n");
            beginningArrived.await();
            var response = client.send("3\r\ntwo\r\n0\r\n\r\n").receiveResponse();

            assertThat(response.body()).isEqualTo("onetwo");
        }

        @Test
        default void a_response_head_of_12_KiB_passes() throws Exception {
            String cookie = "x".repeat(12 << 10);
            var upstream =
                    loopback.upstream(ok().addHeader("Set-Cookie", cookie).body("page"));
            var client = clientOf(edgeOf(proxyOf(targetOf(upstream))));

            var response = client.sendRequest("GET /").receiveResponse();

            assertThat(response.field("Set-Cookie")).containsExactly(cookie);
            assertThat(response.body()).isEqualTo("page");
        }

        @Test
        default void a_request_head_of_12_KiB_is_refused_by_the_proxy() throws Exception {
            var upstream = loopback.upstream();
            var client = clientOf(edgeOf(proxyOf(targetOf(upstream))));
            String half = "x".repeat(6 << 10);

            var response = client.sendRequest("GET /", "X-One: " + half, "X-Two: " + half)
                    .receiveResponse();

            assertThat(response.status()).isEqualTo(431);
            assertThat(response.body()).contains("Powered by Jetty");
        }

        @Test
        default void the_edge_passes_on_how_the_proxy_tells_a_failure() throws Exception {
            var upstream = loopback.scripted(RawConnection::receiveRequest);
            var twice = RetryPolicy.idempotent().withAttempts(2);
            var client = clientOf(edgeOf(proxyOf(upstream.target(), twice)));

            var response = client.sendRequest("GET /").receiveResponse();

            assertThat(response.status()).isEqualTo(502);
            assertThat(response.field("Content-Type")).containsExactly("application/problem+json");
            assertThat(response.field("Proxy-Status")).hasSize(1);
            assertThat(upstream.connections()).isEqualTo(2);
        }

        @Test
        default void the_edge_keeps_its_connections_and_sends_nothing_twice() throws Exception {
            var requests = new ConcurrentLinkedQueue<String>();
            var proxy = loopback.scripted(connection -> {
                requests.add(connection.receiveRequest().target());
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage");
                requests.add(connection.receiveRequest().target());
            });
            var client = clientOf(edgeOf(URI.create(proxy.target())));

            client.sendRequest("GET /served").receiveResponse();
            String answer =
                    client.sendRequest("GET /dropped", "Connection: close").receiveToEnd();

            assertThat(answer).matches("|(?s)HTTP/1.1 502 .*");
            assertThat(requests).containsExactly("/served", "/dropped");
            assertThat(proxy.connections()).isEqualTo(1);
        }
    }

    private static String certificateIn(Path folder) throws IOException {
        String both = CERTIFICATE.certificatePem() + CERTIFICATE.privateKeyPkcs8Pem();
        return Files.writeString(folder.resolve("edge.pem"), both).toString();
    }

    /** A port that is bound, so that nobody else is given it, and shared, so that the edge can listen on it. */
    private static final class Reservation extends AbstractLifeCycle {
        private final Socket socket = new Socket();

        @Override
        protected void doStart() throws IOException {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress("127.0.0.1", 0));
        }

        @Override
        protected void doStop() throws IOException {
            socket.close();
        }
    }

    /** The program in a process of its own, listening on that port of loopback. */
    static final class Edge extends AbstractLifeCycle {
        private final int port;
        private final Path output;
        private final ProcessBuilder builder;
        private Process process;

        Edge(int port, Path output, Map<String, String> environment, String... command) {
            this.port = port;
            this.output = output;
            builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
            builder.environment().putAll(environment);
        }

        URI url() {
            return URI.create("https://127.0.0.1:" + port);
        }

        @Override
        protected void doStart() throws Exception {
            process = builder.start();
            long deadline = System.nanoTime() + Loopback.PATIENCE.toNanos();
            while (!listens()) {
                boolean ended = process.waitFor(10, MILLISECONDS);
                if (ended || System.nanoTime() > deadline)
                    throw new IOException("it does not listen, and says: " + Files.readString(output));
            }
        }

        private boolean listens() throws IOException {
            try (var socket = new Socket("127.0.0.1", port)) {
                return socket.isConnected();
            } catch (SocketException refused) {
                return false;
            }
        }

        @Override
        protected void doStop() throws InterruptedException {
            List<ProcessHandle> all = new ArrayList<>(process.descendants().toList());
            process.destroy();
            if (!process.waitFor(Loopback.PATIENCE.toMillis(), MILLISECONDS)) all.add(process.toHandle());
            all.forEach(ProcessHandle::destroyForcibly);
        }
    }
}
