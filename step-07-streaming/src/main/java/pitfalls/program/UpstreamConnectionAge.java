package pitfalls.program;

import java.time.Duration;
import org.eclipse.jetty.client.AbstractConnectionPool;
import org.eclipse.jetty.client.ConnectionPool;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.HttpClientTransport;

/**
 * Connections to upstreams that are used for so long. Upstreams are often several servers behind one address, and a connection that is
 * never let go stays with the one that it has met first. A request under way on an old connection is not cut: the connection
 * is closed when it has served its last one.
 *
 * @param pools makes the pools
 * @param age for how long
 */
record UpstreamConnectionAge(ConnectionPool.Factory pools, Duration age) implements ConnectionPool.Factory {

    /**
     * Has the client, which has not started, use connections for so long.
     *
     * @param age for how long, give or take a tenth; zero is for ever
     */
    static void configure(HttpClient httpClient, Duration age) {
        HttpClientTransport transport = httpClient.getHttpClientTransport();
        transport.setConnectionPoolFactory(new UpstreamConnectionAge(transport.getConnectionPoolFactory(), age));
    }

    /** Instances of the program that were started together open their connections anew at different times. */
    @Override
    public ConnectionPool newConnectionPool(Destination destination) {
        ConnectionPool pool = pools.newConnectionPool(destination);
        boolean ages = !age.isZero() && pool instanceof AbstractConnectionPool;
        if (ages) ((AbstractConnectionPool) pool).setMaxDuration(Math.max(1, LastAnswer.spread(age.toMillis())));
        return pool;
    }
}
