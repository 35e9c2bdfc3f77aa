package pitfalls.step06;

import java.util.function.Predicate;
import org.eclipse.jetty.client.ConnectionPool;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.client.DuplexConnectionPool;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.HttpClientTransport;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.component.LifeCycle;

/**
 * Connections to upstreams that belong to one client. NTLM, and Negotiate where it speaks NTLM, tell an upstream for whom a
 * connection is, once, and not for whom each request is (RFC 4559): on a connection from the pool, the next client would be
 * that user. So from the first request with such credentials on, a client's connection has connections to upstreams to itself,
 * and takes them along when it ends.
 *
 * <p>Danger: a proxy in front that sends the requests of several users over one connection makes one user of them. No proxy
 * behind it can tell them apart.
 *
 * @param pools makes the pools of all the others
 */
record PrivateConnections(ConnectionPool.Factory pools) implements ConnectionPool.Factory {
    private static final String ATTRIBUTE = PrivateConnections.class.getName();

    /** Whether a request may need a private connection: most have no credentials, and come on a connection that had none. */
    static final Predicate<Request> MAY_NEED = request -> request.getHeaders().contains(HttpHeader.AUTHORIZATION)
            || request.getConnectionMetaData().getAttribute(ATTRIBUTE) != null;

    /** Tags the requests of one client's connection, and with them the pools of their own that they get. */
    private static final class Owner implements Connection.Listener {
        private final HttpClient httpClient;
        private final boolean hasOneRequestAtATime;

        private Owner(HttpClient httpClient, boolean hasOneRequestAtATime) {
            this.httpClient = httpClient;
            this.hasOneRequestAtATime = hasOneRequestAtATime;
        }

        @Override
        public void onClosed(Connection clientToProxyConnection) {
            for (Destination destination : httpClient.getDestinations()) {
                if (destination.getOrigin().getTag() != this) continue;
                httpClient.removeDestination(destination);
                LifeCycle.stop(destination);
            }
        }
    }

    /** Has the client keep such pools beside the usual ones. */
    static void configure(HttpClient httpClient) {
        HttpClientTransport transport = httpClient.getHttpClientTransport();
        ConnectionPool.Factory pools = transport.getConnectionPoolFactory();
        if (!(pools instanceof PrivateConnections)) transport.setConnectionPoolFactory(new PrivateConnections(pools));
    }

    /** Sends a request on its client's private connection if it has one, or needs one from now on. */
    static void use(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            HttpClient httpClient) {
        ConnectionMetaData client = clientToProxyRequest.getConnectionMetaData();
        Object owner = client.getAttribute(ATTRIBUTE);
        boolean isFirst = owner == null
                && clientToProxyRequest.getHeaders().getFields(HttpHeader.AUTHORIZATION).stream()
                        .anyMatch(field -> field.getValue().matches("(?i)(NTLM|Negotiate)( .*)?"));
        if (isFirst) {
            boolean isHttp1 = client.getHttpVersion().getVersion() < HttpVersion.HTTP_2.getVersion();
            var newOwner = new Owner(httpClient, isHttp1);
            client.setAttribute(ATTRIBUTE, newOwner);
            client.getConnection().addEventListener(newOwner);
            owner = newOwner;
        }
        if (owner != null) proxyToServerRequest.tag(owner);
    }

    /**
     * One connection for a client with one request at a time, so that a handshake goes on where it began: the next request
     * waits until that connection is free.
     */
    @Override
    public ConnectionPool newConnectionPool(Destination destination) {
        boolean single = destination.getOrigin().getTag() instanceof Owner owner && owner.hasOneRequestAtATime;
        return single ? new DuplexConnectionPool(destination, 1) : pools.newConnectionPool(destination);
    }
}
