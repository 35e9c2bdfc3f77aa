package pitfalls.step04;

import org.eclipse.jetty.client.AbstractConnectionPool;
import org.eclipse.jetty.client.ConnectionPool;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.HttpClientTransport;

/**
 * What made an attempt fail may be true of all connections in the pool: after a restart of the upstream, all of them are
 * dead. So the next attempt gets its connection from a pool of its own, in which none is used twice.
 *
 * @param pools makes the pools
 */
record FreshConnections(ConnectionPool.Factory pools) implements ConnectionPool.Factory {
    /** Tags a request that is to be sent on a fresh connection. */
    static final String TAG = "fresh connection";

    /** Has the client keep such a pool for each upstream, beside the usual one. */
    static void configure(HttpClient httpClient) {
        HttpClientTransport transport = httpClient.getHttpClientTransport();
        ConnectionPool.Factory pools = transport.getConnectionPoolFactory();
        if (!(pools instanceof FreshConnections)) transport.setConnectionPoolFactory(new FreshConnections(pools));
    }

    @Override
    public ConnectionPool newConnectionPool(Destination destination) {
        ConnectionPool pool = pools.newConnectionPool(destination);
        boolean fresh = TAG.equals(destination.getOrigin().getTag());
        if (fresh && pool instanceof AbstractConnectionPool usable) usable.setMaxUsage(1);
        return pool;
    }
}
