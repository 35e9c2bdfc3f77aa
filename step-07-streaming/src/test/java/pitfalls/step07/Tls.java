package pitfalls.step07;

import javax.net.SocketFactory;
import okhttp3.tls.HandshakeCertificates;
import okhttp3.tls.HeldCertificate;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/** A certificate for loopback, made for this run, and both sides that know it. */
final class Tls {
    private static final HeldCertificate CERTIFICATE = new HeldCertificate.Builder()
            .addSubjectAlternativeName("127.0.0.1")
            .addSubjectAlternativeName("www.example.com") // Jetty compares it with Host
            .build();

    private Tls() {}

    /** The server's side, in front of that protocol. */
    static SslConnectionFactory before(String protocol) {
        var context = new SslContextFactory.Server();
        context.setSslContext(new HandshakeCertificates.Builder()
                .heldCertificate(CERTIFICATE)
                .build()
                .sslContext());
        return new SslConnectionFactory(context, protocol);
    }

    /** The client's side. */
    static SocketFactory sockets() {
        return new HandshakeCertificates.Builder()
                .addTrustedCertificate(CERTIFICATE.certificate())
                .build()
                .sslSocketFactory();
    }
}
