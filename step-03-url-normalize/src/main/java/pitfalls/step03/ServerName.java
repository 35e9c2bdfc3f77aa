package pitfalls.step03;

import java.util.List;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SNIServerName;
import javax.net.ssl.SSLEngine;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/**
 * Tells an https upstream in the TLS handshake by which name it was called (SNI, RFC 6066, section 3). Java does so only if
 * the name has a dot in the middle and none at its end, and an upstream called {@code localhost} or {@code payments} may refuse
 * to talk to somebody who asks for nobody.
 *
 * @param java what would be told without this
 */
record ServerName(SslContextFactory.Client.SniProvider java) implements SslContextFactory.Client.SniProvider {

    /** Has the client, which has started, tell the name. */
    static void configure(HttpClient httpClient) {
        SslContextFactory.Client tls = httpClient.getSslContextFactory();
        var names = tls.getSNIProvider();
        if (!(names instanceof ServerName)) tls.setSNIProvider(new ServerName(names));
    }

    @Override
    public List<SNIServerName> apply(SSLEngine engine, List<SNIServerName> found) {
        List<SNIServerName> names = java.apply(engine, found);
        String host = engine.getPeerHost();
        if (!names.isEmpty() || host == null || isAddress(host)) return names;
        String name = host.endsWith(".") ? host.substring(0, host.length() - 1) : host;
        try {
            return List.of(new SNIHostName(name));
        } catch (IllegalArgumentException x) {
            return names; // a name with an underscore, for which there are no certificates either
        }
    }

    /** An IP address is no name for SNI. A name whose last label is a number is none for {@link Upstream} either. */
    private static boolean isAddress(String host) {
        return host.indexOf(':') >= 0 || host.matches("[0-9.]+");
    }
}
