package pitfalls.docs;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import okhttp3.tls.HandshakeCertificates;
import okhttp3.tls.HeldCertificate;
import pitfalls.support.Loopback;

/** nginx or HAProxy in a process of its own, listening on a port of loopback. */
final class Edge {
    static final Path NGINX = Path.of("edge", "nginx.conf");
    static final Path HAPROXY = Path.of("edge", "haproxy.cfg");

    /** How many requests of one client each of them passes on at a time in a test, which would take long with as many as in the files. */
    static final int CLIENT_LIMIT = 50;

    private static final HeldCertificate CERTIFICATE =
            new HeldCertificate.Builder().addSubjectAlternativeName("127.0.0.1").build();

    /** What a client needs that trusts the edge. */
    static final HandshakeCertificates CLIENT = new HandshakeCertificates.Builder()
            .addTrustedCertificate(CERTIFICATE.certificate())
            .build();

    private final InetSocketAddress address;

    private Edge(InetSocketAddress address) {
        this.address = address;
    }

    /** Starts nginx, as it is configured, in front of that address; its files are in that folder. */
    static Edge nginx(Loopback loopback, Path folder, URI proxy) throws Exception {
        String temporary = Stream.of("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
                .map(name -> name + "_temp_path " + folder.resolve(name) + ";\n")
                .reduce("http {\n", String::concat);
        InetSocketAddress address = ServerProcess.reserve(loopback);
        Path file = Files.writeString(
                folder.resolve("nginx.conf"),
                Files.readString(NGINX)
                        .replace("limit_conn clients 500;", "limit_conn clients " + CLIENT_LIMIT + ";")
                        .replace("127.0.0.1:8443", ServerProcess.authorityOf(address))
                        .replace("127.0.0.1:8080", proxy.getAuthority())
                        .replace("/etc/ssl/private/edge.pem", certificateIn(folder))
                        .replace("/var/log/nginx", folder.toString())
                        .replace("http {\n", temporary));
        String globals = "daemon off; pid " + folder.resolve("pid") + ";";
        var nginx = new ProcessBuilder(
                Program.find("nginx", "nginx-light"),
                "-p",
                folder.toString(),
                "-c",
                file.toString(),
                "-e",
                "stderr",
                "-g",
                globals);
        loopback.started(new ServerProcess(address, folder.resolve("output"), nginx));
        return new Edge(address);
    }

    /** The same with HAProxy. */
    static Edge haproxy(Loopback loopback, Path folder, URI proxy) throws Exception {
        InetSocketAddress address = ServerProcess.reserve(loopback);
        var haproxy = new ProcessBuilder(Program.find("haproxy", "haproxy"), "-db", "-f", HAPROXY.toString());
        haproxy.environment()
                .putAll(Map.of(
                        "EDGE_CLIENT_LIMIT", String.valueOf(CLIENT_LIMIT),
                        "EDGE_LISTEN", ServerProcess.authorityOf(address),
                        "EDGE_PROXY", proxy.getAuthority(),
                        "EDGE_CERTIFICATE", certificateIn(folder)));
        loopback.started(new ServerProcess(address, folder.resolve("output"), haproxy));
        return new Edge(address);
    }

    private static String certificateIn(Path folder) throws IOException {
        String both = CERTIFICATE.certificatePem() + CERTIFICATE.privateKeyPkcs8Pem();
        return Files.writeString(folder.resolve("edge.pem"), both).toString();
    }

    URI url() {
        return URI.create("https://" + ServerProcess.authorityOf(address));
    }
}
