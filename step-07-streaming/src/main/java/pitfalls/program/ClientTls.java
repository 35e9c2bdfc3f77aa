package pitfalls.program;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.util.thread.ScheduledExecutorScheduler;
import org.eclipse.jetty.util.thread.Scheduler;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How clients connect with TLS 1.2 or 1.3: with the certificate and the private key in two PEM files, or in one that is named twice. Both are
 * read at start, and looked at again every few seconds. When they have changed, new connections get the new certificate, and
 * those that are open keep the old one. Files that do not fit each other, as while they are being replaced, are left until they do.
 */
final class ClientTls extends SslContextFactory.Server {
    static final String CERTIFICATE_OPTION = "--tls-certificate";
    static final String KEY_OPTION = "--tls-key";

    private static final Logger LOG = LoggerFactory.getLogger(ClientTls.class);
    private static final Duration PAUSE = Duration.ofSeconds(5); // far less than a renewal may take

    private final Path certificate;
    private final Path key;
    private final Scheduler scheduler = new ScheduledExecutorScheduler("certificate", true);
    private byte[] seen;
    private volatile Scheduler.Task nextLook;

    /**
     * Reads the files.
     *
     * @param certificate the certificate, and those that lead from it to its authority
     * @param key its private key, as PKCS#8
     * @throws IllegalArgumentException with one sentence about a file that is not what it should be
     */
    ClientTls(Path certificate, Path key) {
        if (certificate == null || key == null) {
            throw new IllegalArgumentException(CERTIFICATE_OPTION + " and " + KEY_OPTION + " must be given together");
        }
        this.certificate = certificate;
        this.key = key;
        seen = bytes();
        setKeyStore(identity());
        setKeyStorePassword(Pem.IN_MEMORY);
        setIncludeProtocols("TLSv1.2", "TLSv1.3");
    }

    private KeyStore identity() {
        try {
            return Pem.identity(CERTIFICATE_OPTION, certificate, KEY_OPTION, key);
        } catch (GeneralSecurityException | IOException x) {
            throw new IllegalStateException(x); // of the JDK's own: the files were read
        }
    }

    /** What is in both files; nothing if one of them cannot be read at the moment. */
    private byte[] bytes() {
        try {
            byte[] first = Files.readAllBytes(certificate);
            byte[] second = Files.readAllBytes(key);
            byte[] both = Arrays.copyOf(first, first.length + second.length);
            System.arraycopy(second, 0, both, first.length, second.length);
            return both;
        } catch (IOException x) {
            return new byte[0];
        }
    }

    @Override
    protected void doStart() throws Exception {
        super.doStart();
        scheduler.start();
        lookLater();
    }

    @Override
    protected void doStop() throws Exception {
        nextLook.cancel();
        scheduler.stop();
        super.doStop();
    }

    private void lookLater() {
        nextLook = scheduler.schedule(
                () -> {
                    look();
                    lookLater();
                },
                PAUSE.toMillis(),
                TimeUnit.MILLISECONDS);
    }

    /** Takes the files, if they have changed and are good. */
    void look() {
        byte[] now = bytes();
        if (Arrays.equals(now, seen)) return;
        seen = now;
        try {
            KeyStore renewed = identity();
            reload(factory -> factory.setKeyStore(renewed));
            LOG.info("new connections get the certificate in '{}' as it is now", certificate);
        } catch (IllegalArgumentException x) {
            LOG.warn("the certificate is still the one before: {}", x.getMessage());
        } catch (Exception x) {
            LOG.warn("the certificate is still the one before", x);
        }
    }
}
