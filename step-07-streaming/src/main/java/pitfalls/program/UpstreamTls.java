package pitfalls.program;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/**
 * How upstreams with {@code https://} are connected to: whom the proxy trusts besides the JDK's authorities, and which
 * certificate it shows. All files are in PEM form, and read once, at start. Host names are compared in any case.
 */
final class UpstreamTls {
    private static final String IN_MEMORY = "in memory"; // a password that protects nothing
    private static final Pattern BLOCK =
            Pattern.compile("-----BEGIN ([^-]+)-----(.*?)-----END \\1-----", Pattern.DOTALL);
    private static final Map<String, String> SIGNATURES =
            Map.of("RSA", "SHA256withRSA", "EC", "SHA256withECDSA", "EdDSA", "EdDSA");

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
            tls.setKeyStore(identity(certificate, key));
            tls.setKeyStorePassword(IN_MEMORY);
            return tls;
        } catch (GeneralSecurityException | IOException x) {
            throw new IllegalStateException(x); // of the JDK's own: every file was read
        }
    }

    private static KeyStore trusted(Path authorities) throws GeneralSecurityException, IOException {
        KeyStore store = emptyStore();
        var jdk = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        jdk.init((KeyStore) null);
        List<X509Certificate> all = new ArrayList<>();
        for (TrustManager manager : jdk.getTrustManagers()) {
            if (manager instanceof X509TrustManager known) all.addAll(List.of(known.getAcceptedIssuers()));
        }
        if (authorities != null) all.addAll(certificates("--upstream-ca", authorities));
        for (int i = 0; i < all.size(); i++) store.setCertificateEntry("authority-" + i, all.get(i));
        return store;
    }

    private static KeyStore identity(Path certificate, Path key) throws GeneralSecurityException, IOException {
        List<X509Certificate> chain = certificates("--upstream-certificate", certificate);
        PublicKey publicKey = chain.get(0).getPublicKey();
        PrivateKey privateKey = privateKey(key, publicKey);
        if (privateKey == null || !belongTogether(privateKey, publicKey)) {
            throw notKey(key, "which does not belong to the first certificate in '" + certificate + "'");
        }
        KeyStore store = emptyStore();
        try {
            store.setKeyEntry("proxy", privateKey, IN_MEMORY.toCharArray(), chain.toArray(Certificate[]::new));
        } catch (KeyStoreException x) {
            throw notCertificates(
                    "--upstream-certificate", certificate, "in which one certificate is not signed by the next one");
        }
        return store;
    }

    private static KeyStore emptyStore() throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        return store;
    }

    private static List<X509Certificate> certificates(String option, Path file) {
        List<X509Certificate> certificates = new ArrayList<>();
        try {
            var blocks = BLOCK.matcher(Files.readString(file, ISO_8859_1));
            while (blocks.find()) {
                if (!blocks.group(1).equals("CERTIFICATE")) continue;
                var bytes = new ByteArrayInputStream(Base64.getMimeDecoder().decode(blocks.group(2)));
                var factory = CertificateFactory.getInstance("X.509");
                certificates.add((X509Certificate) factory.generateCertificate(bytes));
            }
        } catch (IOException x) {
            throw notCertificates(option, file, "which cannot be read");
        } catch (CertificateException | IllegalArgumentException x) {
            throw notCertificates(option, file, "in which one is broken");
        }
        if (certificates.isEmpty()) throw notCertificates(option, file, "which has no BEGIN CERTIFICATE");
        return certificates;
    }

    /** The key for the certificate with that public key; {@code null} if it is one of another kind. */
    private static PrivateKey privateKey(Path file, PublicKey publicKey) throws GeneralSecurityException {
        if (!SIGNATURES.containsKey(publicKey.getAlgorithm())) {
            throw notKey(file, "whose certificate is for " + publicKey.getAlgorithm());
        }
        String other = "";
        try {
            var blocks = BLOCK.matcher(Files.readString(file, ISO_8859_1));
            while (blocks.find()) {
                if (blocks.group(1).equals("PRIVATE KEY")) {
                    var bytes = new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(blocks.group(2)));
                    return KeyFactory.getInstance(publicKey.getAlgorithm()).generatePrivate(bytes);
                }
                if (blocks.group(1).endsWith(" PRIVATE KEY")) other = blocks.group(1);
            }
        } catch (IOException x) {
            throw notKey(file, "which cannot be read");
        } catch (InvalidKeySpecException x) {
            return null;
        } catch (IllegalArgumentException x) {
            throw notKey(file, "in which it is broken");
        }
        if (other.isEmpty()) throw notKey(file, "which has no BEGIN PRIVATE KEY");
        throw notKey(
                file,
                "which has BEGIN " + other + ": convert it with 'openssl pkcs8 -topk8 -nocrypt -in " + file + "'");
    }

    private static boolean belongTogether(PrivateKey privateKey, PublicKey publicKey) throws GeneralSecurityException {
        var signature = Signature.getInstance(SIGNATURES.get(publicKey.getAlgorithm()));
        signature.initSign(privateKey);
        signature.update(new byte[1]);
        byte[] signed = signature.sign();
        signature.initVerify(publicKey);
        signature.update(new byte[1]);
        return signature.verify(signed);
    }

    private static IllegalArgumentException notCertificates(String option, Path file, String why) {
        return new IllegalArgumentException(
                option + " must be a file with certificates in PEM form, not '" + file + "', " + why);
    }

    private static IllegalArgumentException notKey(Path file, String why) {
        return new IllegalArgumentException("--upstream-key must be a file with an RSA, EC or EdDSA key in PEM form"
                + " (PKCS#8, not encrypted), not '" + file + "', " + why);
    }
}
