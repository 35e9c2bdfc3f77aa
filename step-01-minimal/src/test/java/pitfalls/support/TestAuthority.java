package pitfalls.support;

import javax.net.ssl.SSLContext;
import okhttp3.tls.HandshakeCertificates;
import okhttp3.tls.HeldCertificate;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/** A certificate authority, made for this run, that vouches for upstreams and for proxies. */
public final class TestAuthority {
    private static final HeldCertificate ROOT =
            new HeldCertificate.Builder().certificateAuthority(0).build();

    private TestAuthority() {}

    /** The authority's own certificate. */
    public static HeldCertificate root() {
        return ROOT;
    }

    /** A certificate for these names and addresses, signed by the authority. */
    public static HeldCertificate signed(String... names) {
        var certificate = new HeldCertificate.Builder().signedBy(ROOT);
        for (String name : names) certificate.addSubjectAlternativeName(name);
        return certificate.build();
    }

    /** The side of an upstream with these names, which trusts whom the authority has signed. */
    public static SSLContext upstream(String... names) {
        return new HandshakeCertificates.Builder()
                .heldCertificate(signed(names))
                .addTrustedCertificate(ROOT.certificate())
                .build()
                .sslContext();
    }

    /** The side of a proxy that trusts the authority. */
    public static SslContextFactory.Client trusting() {
        var tls = new SslContextFactory.Client();
        tls.setSslContext(new HandshakeCertificates.Builder()
                .addTrustedCertificate(ROOT.certificate())
                .build()
                .sslContext());
        return tls;
    }
}
