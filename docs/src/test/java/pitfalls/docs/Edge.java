package pitfalls.docs;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import okhttp3.tls.HandshakeCertificates;
import okhttp3.tls.HeldCertificate;
import org.eclipse.jetty.util.component.AbstractLifeCycle;
import pitfalls.support.Loopback;

/** nginx or HAProxy in a process of its own, listening on a port of loopback. */
final class Edge extends AbstractLifeCycle {
    static final Path NGINX = Path.of("edge", "nginx.conf");
    static final Path HAPROXY = Path.of("edge", "haproxy.cfg");

    private static final HeldCertificate CERTIFICATE =
            new HeldCertificate.Builder().addSubjectAlternativeName("127.0.0.1").build();

    /** What a client needs that trusts the edge. */
    static final HandshakeCertificates CLIENT = new HandshakeCertificates.Builder()
            .addTrustedCertificate(CERTIFICATE.certificate())
            .build();

    private final int port;
    private final Path output;
    private final ProcessBuilder builder;
    private Process process;

    private Edge(int port, Path output, Map<String, String> environment, String... command) {
        this.port = port;
        this.output = output;
        builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
        builder.environment().putAll(environment);
    }

    /** Starts nginx, as it is configured, in front of that address; its files are in that folder. */
    static Edge nginx(Loopback loopback, Path folder, URI proxy) throws Exception {
        String temporary = Stream.of("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
                .map(name -> name + "_temp_path " + folder.resolve(name) + ";\n")
                .reduce("http {\n", String::concat);
        int port = reservePort(loopback);
        Path file = Files.writeString(
                folder.resolve("nginx.conf"),
                Files.readString(NGINX)
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

    /** The same with HAProxy. */
    static Edge haproxy(Loopback loopback, Path folder, URI proxy) throws Exception {
        int port = reservePort(loopback);
        var environment = Map.of(
                "EDGE_LISTEN", "127.0.0.1:" + port,
                "EDGE_PROXY", proxy.getAuthority(),
                "EDGE_CERTIFICATE", certificateIn(folder));
        return loopback.started(new Edge(
                port,
                folder.resolve("output"),
                environment,
                Program.find("haproxy", "haproxy"),
                "-db",
                "-f",
                HAPROXY.toString()));
    }

    private static String certificateIn(Path folder) throws IOException {
        String both = CERTIFICATE.certificatePem() + CERTIFICATE.privateKeyPkcs8Pem();
        return Files.writeString(folder.resolve("edge.pem"), both).toString();
    }

    /** A port for the edge, which nobody else is given until the test ends. */
    private static int reservePort(Loopback loopback) throws Exception {
        var reservation = loopback.started(new Reservation());
        return reservation.socket.getLocalPort();
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
}
