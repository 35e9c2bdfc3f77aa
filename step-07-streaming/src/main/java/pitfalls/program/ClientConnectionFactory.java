package pitfalls.program;

import java.time.Duration;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import pitfalls.step03.UrlNormalizingProxy;

/**
 * Connections on which a gateway's clients speak HTTP/1.1. Every target passes, heads of 64 KiB do, values of fields stay as they
 * are, and the version of Jetty is not told.
 */
final class ClientConnectionFactory extends HttpConnectionFactory {
    /** Jetty would keep the fields of a connection's requests in a table of 100 KB, from the second request on, and for each connection. */
    private static final int NO_HEADER_CACHE = 0;

    private final Duration headTimeout;

    /**
     * A factory for connections on which the head of a request has to arrive in time.
     *
     * @param headTimeout for the head as a whole; zero is no limit
     */
    ClientConnectionFactory(Duration headTimeout) {
        super(configuration());
        this.headTimeout = headTimeout;
    }

    private static HttpConfiguration configuration() {
        var configuration = new HttpConfiguration();
        configuration.setSendServerVersion(false);
        configuration.setHeaderCacheCaseSensitive(true);
        configuration.setHeaderCacheSize(NO_HEADER_CACHE);
        configuration.setRequestHeaderSize(64 * 1024);
        configuration.setUriCompliance(UrlNormalizingProxy.GATEWAY_URI_COMPLIANCE);
        return configuration;
    }

    @Override
    public Connection newConnection(Connector connector, EndPoint endPoint) {
        var connection = new ClientConnection(getHttpConfiguration(), connector, endPoint, headTimeout);
        connection.setTransferEncodingChunkMaxLength(getTransferEncodingChunkMaxLength());
        return configure(connection, connector, endPoint);
    }
}
