package pitfalls.program;

import java.time.Duration;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.http2.HTTP2Cipher;
import org.eclipse.jetty.http2.SessionContainer;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.http2.server.internal.HTTP2ServerConnection;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.WindowRateControl;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.HttpConfiguration;

/**
 * Connections on which a gateway's clients speak HTTP/2: without TLS if a client begins with the preface of HTTP/2 ("prior
 * knowledge"), with TLS if it asks for {@code h2} (RFC 9113, sections 3.2 and 3.3). {@code Upgrade: h2c} is ignored, as RFC 9113
 * has taken it out of HTTP/2. The limits of Jetty are set here, so that one client can do no harm to others.
 */
final class Http2ConnectionFactory extends HTTP2CServerConnectionFactory {
    /** As many calls as one program is likely to have under way. A client waits before it opens more. */
    static final int MAX_STREAMS = 1000;

    /**
     * How many bytes of an upload may wait in memory, until the upstream takes them: the default of RFC 9113, section 6.9.2. A
     * stream that the upstream does not read stops here.
     */
    static final int STREAM_WINDOW = 64 * 1024;

    /** The same for all uploads of a connection. 128 of them may stand still before the others have to wait. */
    static final int CONNECTION_WINDOW = 128 * STREAM_WINDOW;

    /**
     * How often in a second a client may reset a stream, ping, change its settings, or send frames without content. It can cancel
     * all its streams at once, and that twice, as Jetty counts each cancel twice. One that does so more often is attacking (CVE-2023-44487), and loses its connection.
     */
    static final int MAX_EVENTS_PER_SECOND = 4 * MAX_STREAMS;

    /** There are seven settings that mean something. */
    static final int MAX_SETTINGS = 16;

    /** A header that is longer than this many times the limit ends the connection; a shorter one only its own stream. */
    static final int MAX_HEADER_FACTOR = 4;

    private final Duration headTimeout;

    /**
     * A factory for connections on which a header has to arrive in time.
     *
     * @param http how HTTP/1.1 is spoken on the same port
     * @param headTimeout for a header as a whole; zero is no limit
     * @param protocol {@code h2} with TLS, {@code h2c} without
     */
    Http2ConnectionFactory(HttpConfiguration http, Duration headTimeout, String protocol) {
        super(configuration(http), protocol);
        this.headTimeout = headTimeout;
        removeBean(getBean(SessionContainer.class)); // a stop would wait for a connection that ends at that moment
        getHttpConfiguration().getCustomizers().removeIf(AltSvcCustomizer.class::isInstance); // there is no HTTP/3
        setMaxConcurrentStreams(MAX_STREAMS);
        setInitialStreamRecvWindow(STREAM_WINDOW);
        setInitialSessionRecvWindow(CONNECTION_WINDOW);
        setRateControlFactory(new WindowRateControl.Factory(MAX_EVENTS_PER_SECOND));
        setMaxSettingsKeys(MAX_SETTINGS);
        setConnectProtocolEnabled(false); // RFC 8441: a browser opens a second connection for a WebSocket
    }

    private static HttpConfiguration configuration(HttpConfiguration http) {
        var http2 = new HttpConfiguration(http);
        http2.setRequestHeaderSize(MAX_HEADER_FACTOR * http.getRequestHeaderSize());
        http2.addCustomizer(new HeaderLimit(http.getRequestHeaderSize()));
        return http2;
    }

    @Override
    public Connection newConnection(Connector connector, EndPoint endPoint) {
        var connection = (HTTP2ServerConnection) super.newConnection(connector, endPoint);
        new Http2ClientConnection(connection, headTimeout).begin();
        return connection;
    }

    /** Goes on in HTTP/2 behind its preface, which Jetty reads as a request of HTTP/1.1, and not behind {@code Upgrade: h2c}. */
    @Override
    public Connection upgradeConnection(
            Connector connector, EndPoint endPoint, MetaData.Request request, HttpFields.Mutable response101) {
        boolean isPreface = HttpMethod.PRI.is(request.getMethod());
        return isPreface ? super.upgradeConnection(connector, endPoint, request, response101) : null;
    }

    /** Jetty's class for h2c refuses every cipher. These are the ones of RFC 9113, section 9.2.2. */
    @Override
    public boolean isAcceptable(String protocol, String tlsProtocol, String tlsCipher) {
        return !HTTP2Cipher.isBlackListProtocol(tlsProtocol) || !HTTP2Cipher.isBlackListCipher(tlsCipher);
    }
}
