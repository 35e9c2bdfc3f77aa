package pitfalls.step07.http2;

import java.io.IOException;
import java.net.ProtocolException;
import java.util.List;
import java.util.Map;
import org.eclipse.jetty.alpn.client.ALPNClientConnectionFactory;
import org.eclipse.jetty.client.ConnectionPool;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.MultiplexConnectionPool;
import org.eclipse.jetty.client.Origin;
import org.eclipse.jetty.http2.client.HTTP2Client;
import org.eclipse.jetty.http2.client.HTTP2ClientConnectionFactory;
import org.eclipse.jetty.http2.client.transport.ClientConnectionFactoryOverHTTP2;
import org.eclipse.jetty.io.ClientConnectionFactory;
import org.eclipse.jetty.io.ClientConnector;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.Transport;
import pitfalls.step02.UpstreamTransport;
import pitfalls.step07.UpstreamProtocol;

/**
 * How upstreams are spoken to: in HTTP/1.1 as step 2 does it, or in HTTP/2. It is decided for each destination, when it is first used,
 * and costs a request nothing. As many threads read from upstreams as there are processors, up to {@value #MAX_READERS}. By default it is
 * one in Jetty.
 */
public final class Http2Transport extends UpstreamTransport {
    /** Marks a request that needs HTTP/1.1: one that offers an upgrade, which HTTP/2 does not have (RFC 9113, section 8.6). */
    public static final Transport HTTP_1_ONLY = new Transport.Wrapper(Transport.TCP_IP);

    /** How many requests may share a connection, if the upstream permits as many. */
    static final int MAX_STREAMS = 1000;

    static final int MAX_READERS = 16;

    /** As many requests as a new connection is expected to take, until the upstream says how many. */
    private static final int EXPECTED_STREAMS = 100;

    /** How much of a response may wait in memory until the client takes it. A client that does not read stops its stream there. */
    private static final int STREAM_WINDOW = 64 * 1024;

    /** The same for all responses of a connection: it stops none while others stand still. */
    private static final int CONNECTION_WINDOW = MAX_STREAMS * STREAM_WINDOW;

    private static final int MAX_SETTINGS = 16;

    /** A header that is longer than this many times the limit ends the connection; a shorter one only its own stream. */
    private static final int MAX_HEADER_FACTOR = 4;

    private final UpstreamProtocol protocol;
    private final HTTP2Client http2 = new HTTP2Client(getClientConnector()); // holds the settings of connections

    /**
     * A transport for one client.
     *
     * @param protocol what is spoken to upstreams whose address does not say it
     */
    public Http2Transport(UpstreamProtocol protocol) {
        this.protocol = protocol;
        getClientConnector().setSelectors(Math.min(Runtime.getRuntime().availableProcessors(), MAX_READERS));
        ConnectionPool.Factory pools = getConnectionPoolFactory();
        setConnectionPoolFactory(destination -> newConnectionPool(destination, pools));
    }

    private ConnectionPool newConnectionPool(Destination destination, ConnectionPool.Factory pools) {
        Origin origin = destination.getOrigin();
        boolean isHttp2 = isPriorKnowledge(origin) || protocol == UpstreamProtocol.HTTP_2 && isNegotiated(origin);
        if (!isHttp2 && !isNegotiated(origin)) return pools.newConnectionPool(destination);
        int expectedStreams = isHttp2 ? EXPECTED_STREAMS : 1;
        int connections = getHttpClient().getMaxConnectionsPerDestination();
        return new MultiplexConnectionPool(destination, connections, expectedStreams);
    }

    /** Whether HTTP/2 is spoken without a question. */
    private boolean isPriorKnowledge(Origin origin) {
        boolean isPlain = !origin.isSecure() && origin.getTransport() != HTTP_1_ONLY;
        return origin.getTransport() == HTTP_2_PRIOR_KNOWLEDGE || isPlain && protocol == UpstreamProtocol.HTTP_2;
    }

    /** Whether it is agreed on in TLS what is spoken. */
    private boolean isNegotiated(Origin origin) {
        return origin.isSecure() && protocol != UpstreamProtocol.HTTP_1_1 && origin.getTransport() != HTTP_1_ONLY;
    }

    @Override
    public Destination newDestination(Origin origin) {
        return new Http2Destination(getHttpClient(), origin);
    }

    @Override
    protected void doStart() throws Exception {
        new ClientConnectionFactoryOverHTTP2(http2)
                .setHttpClient(getHttpClient()); // copies what holds for both versions
        http2.setMaxResponseHeadersSize(MAX_HEADER_FACTOR * getHttpClient().getMaxResponseHeadersSize());
        http2.setMaxLocalStreams(MAX_STREAMS);
        http2.setInitialStreamRecvWindow(STREAM_WINDOW);
        http2.setInitialSessionRecvWindow(CONNECTION_WINDOW);
        http2.setMaxSettingsKeys(MAX_SETTINGS);
        super.doStart();
    }

    @Override
    public Connection newConnection(EndPoint endPoint, Map<String, Object> context) throws IOException {
        Origin origin = ((Destination) context.get(Destination.CONTEXT_KEY)).getOrigin();
        boolean isHttp2 =
                isPriorKnowledge(origin) || "h2".equals(context.get(ClientConnector.APPLICATION_PROTOCOL_CONTEXT_KEY));
        if (!isHttp2 && isNegotiated(origin) && protocol == UpstreamProtocol.HTTP_2) {
            throw new ProtocolException("the upstream does not offer HTTP/2");
        }
        if (!isHttp2) return super.newConnection(endPoint, context);
        var session = new UpstreamSession(context);
        context.put(HTTP2Client.CONTEXT_KEY, http2);
        context.put(HTTP2Client.SESSION_LISTENER_CONTEXT_KEY, session);
        context.put(HTTP2Client.SESSION_PROMISE_CONTEXT_KEY, session);
        http2.setStreamIdleTimeout(getHttpClient().getIdleTimeout());
        endPoint.setIdleTimeout(Http2Connection.QUIET.toMillis());
        readToEnd(endPoint);
        return new HTTP2ClientConnectionFactory().newConnection(endPoint, context);
    }

    private final class Http2Destination extends UpstreamDestination {
        private final ClientConnectionFactory connections;

        private Http2Destination(HttpClient client, Origin origin) {
            super(client, origin);
            List<String> offered = protocol == UpstreamProtocol.HTTP_2 ? List.of("h2") : List.of("h2", "http/1.1");
            connections = isNegotiated(origin)
                    ? new ALPNClientConnectionFactory(client.getExecutor(), Http2Transport.this, offered)
                    : Http2Transport.this;
        }

        @Override
        public ClientConnectionFactory resolveClientConnectionFactory() {
            return connections;
        }
    }
}
