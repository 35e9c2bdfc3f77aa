package pitfalls.program;

import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import pitfalls.step03.UrlNormalizingProxy;

/** Connections on which a gateway's clients speak HTTP/1.1. Every target passes, and the version of Jetty is not told. */
final class ClientConnectionFactory extends HttpConnectionFactory {

    ClientConnectionFactory() {
        super(configuration());
    }

    private static HttpConfiguration configuration() {
        var configuration = new HttpConfiguration();
        configuration.setSendServerVersion(false);
        configuration.setRequestHeaderSize(64 * 1024);
        configuration.setUriCompliance(UrlNormalizingProxy.GATEWAY_URI_COMPLIANCE);
        return configuration;
    }
}
