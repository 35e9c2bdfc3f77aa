package pitfalls.step04;

import org.eclipse.jetty.client.AbstractConnectionPool;
import org.eclipse.jetty.client.ConnectionPool;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.HttpClientTransport;

/**
 * What made an attempt fail may be true of all connections in the pool: after a restart of the upstream, all of them are
 * dead. So the next attempt gets its connection from a pool of its own, in which none is used twice.
 */
final class FreshConnections {
    /** Tags a request that is to be sent on a fresh connection. */
    static final String TAG = "fresh connection";

    private FreshConnections() {}

    /** Has the client keep such a pool for each upstream, beside the usual one. */
    static void configure(HttpClient httpClient) {
        HttpClientTransport transport = httpClient.getHttpClientTransport();
        ConnectionPool.Factory pools = transport.getConnectionPoolFactory();
        transport.setConnectionPoolFactory(destination -> {
            ConnectionPool pool = pools.newConnectionPool(destination);
            boolean fresh = TAG.equals(destination.getOrigin().getTag());
            if (fresh && pool instanceof AbstractConnectionPool usable) usable.setMaxUsage(1);
            return pool;
        });
    }
}
