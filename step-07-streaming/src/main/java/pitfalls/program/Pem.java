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

/** Reads certificates and private keys from PEM files, and says in one sentence what is wrong with one. */
final class Pem {
    /** The password of key stores that exist in memory only, where it protects nothing. */
    static final String IN_MEMORY = "in memory";

    private static final Pattern BLOCK =
            Pattern.compile("-----BEGIN ([^-]+)-----(.*?)-----END \\1-----", Pattern.DOTALL);
    private static final Map<String, String> SIGNATURES =
            Map.of("RSA", "SHA256withRSA", "EC", "SHA256withECDSA", "EdDSA", "EdDSA");

    private Pem() {}

    /**
     * A key store with one entry: a certificate, those that lead from it to its authority, and its private key.
     *
     * @param certificateOption the option that names the first file, for the message
     * @param keyOption the option that names the second file, for the message
     * @param key the private key, as PKCS#8
     * @return the key store, whose password is {@link #IN_MEMORY}
     * @throws IllegalArgumentException with one sentence about a file that is not what it should be
     */
    static KeyStore identity(String certificateOption, Path certificate, String keyOption, Path key)
            throws GeneralSecurityException, IOException {
        List<X509Certificate> chain = certificates(certificateOption, certificate);
        PublicKey publicKey = chain.get(0).getPublicKey();
        PrivateKey privateKey = privateKey(keyOption, key, publicKey);
        if (privateKey == null || !belongTogether(privateKey, publicKey)) {
            throw notKey(keyOption, key, "which does not belong to the first certificate in '" + certificate + "'");
        }
        KeyStore store = emptyStore();
        try {
            store.setKeyEntry("proxy", privateKey, IN_MEMORY.toCharArray(), chain.toArray(Certificate[]::new));
        } catch (KeyStoreException x) {
            throw notCertificates(
                    certificateOption, certificate, "in which one certificate is not signed by the next one");
        }
        return store;
    }

    /** {@return a key store without any entry} */
    static KeyStore emptyStore() throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        return store;
    }

    /**
     * All certificates in a file.
     *
     * @param option the option that names the file, for the message
     * @return the certificates, at least one
     * @throws IllegalArgumentException with one sentence if there is none, or if one is broken
     */
    static List<X509Certificate> certificates(String option, Path file) {
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
    private static PrivateKey privateKey(String option, Path file, PublicKey publicKey)
            throws GeneralSecurityException {
        if (!SIGNATURES.containsKey(publicKey.getAlgorithm())) {
            throw notKey(option, file, "whose certificate is for " + publicKey.getAlgorithm());
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
            throw notKey(option, file, "which cannot be read");
        } catch (InvalidKeySpecException x) {
            return null;
        } catch (IllegalArgumentException x) {
            throw notKey(option, file, "in which it is broken");
        }
        if (other.isEmpty()) throw notKey(option, file, "which has no BEGIN PRIVATE KEY");
        throw notKey(
                option,
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

    private static IllegalArgumentException notKey(String option, Path file, String why) {
        return new IllegalArgumentException(option + " must be a file with an RSA, EC or EdDSA key in PEM form"
                + " (PKCS#8, not encrypted), not '" + file + "', " + why);
    }
}
