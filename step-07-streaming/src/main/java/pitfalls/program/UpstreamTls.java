package pitfalls.program;

import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/**
 * How upstreams with {@code https://} are connected to: whom the proxy trusts besides the JDK's authorities, and which
 * certificate it shows. All files are in PEM form, and read once, at start. Host names are compared in any case.
 */
final class UpstreamTls {
    private UpstreamTls() {}

    /**
     * Reads the files.
     *
     * @param authorities certificates to trust besides those of the JDK; {@code null} for none
     * @param certificate the proxy's own certificate, and those that lead from it to its authority; {@code null} for none
     * @param key its private key, as PKCS#8; {@code null} if there is no certificate
     * @return what to connect with
     * @throws IllegalArgumentException with one sentence about a file that is not what it should be
     */
    static SslContextFactory.Client of(Path authorities, Path certificate, Path key) {
        if ((certificate == null) != (key == null)) {
            throw new IllegalArgumentException("--upstream-certificate and --upstream-key must be given together");
        }
        var tls = new SslContextFactory.Client();
        tls.setEndpointIdentificationAlgorithm("HTTPS");
        try {
            tls.setTrustStore(trusted(authorities));
            if (certificate == null) return tls;
            tls.setKeyStore(Pem.identity("--upstream-certificate", certificate, "--upstream-key", key));
            tls.setKeyStorePassword(Pem.IN_MEMORY);
            return tls;
        } catch (GeneralSecurityException | IOException x) {
            throw new IllegalStateException(x); // of the JDK's own: every file was read
        }
    }

    private static KeyStore trusted(Path authorities) throws GeneralSecurityException, IOException {
        KeyStore store = Pem.emptyStore();
        var jdk = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        jdk.init((KeyStore) null);
        List<X509Certificate> all = new ArrayList<>();
        for (TrustManager manager : jdk.getTrustManagers()) {
            if (manager instanceof X509TrustManager known) all.addAll(List.of(known.getAcceptedIssuers()));
        }
        if (authorities != null) all.addAll(Pem.certificates("--upstream-ca", authorities));
        for (int i = 0; i < all.size(); i++) store.setCertificateEntry("authority-" + i, all.get(i));
        return store;
    }
}
