package pitfalls.step02;

import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.Origin;
import org.eclipse.jetty.client.transport.HttpClientTransportOverHTTP;
import org.eclipse.jetty.client.transport.HttpDestination;
import org.eclipse.jetty.client.transport.HttpExchange;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;

/**
 * Speaks HTTP/1.1 over {@link UpstreamConnection}s, which an {@link UpstreamConnector} opens. If one of them does not come about, one request fails, the
 * one that has waited longest. Jetty fails every request that waits for the same upstream, also for a connection that is on its
 * way or in use.
 */
final class UpstreamTransport extends HttpClientTransportOverHTTP {

    UpstreamTransport() {
        super(new UpstreamConnector());
    }

    @Override
    public Connection newConnection(EndPoint endPoint, Map<String, Object> context) {
        var connection = new UpstreamConnection(endPoint, context);
        connection.setInitialize(isInitializeConnections());
        return customize(connection, context);
    }

    @Override
    public Destination newDestination(Origin origin) {
        return new UpstreamDestination(getHttpClient(), origin);
    }

    private static final class UpstreamDestination extends HttpDestination {
        private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
        private final AtomicInteger pending = new AtomicInteger();

        private UpstreamDestination(HttpClient client, Origin origin) {
            super(client, origin);
        }

        /**
         * Called when a connection did not come about. The next one is opened here, and may fail before this call has returned: it is
         * dealt with in the loop, and not in a call within the call.
         */
        @Override
        public void failed(Throwable failure) {
            failures.add(failure);
            if (pending.getAndIncrement() > 0) return;
            do {
                Throwable next = failures.poll();
                HttpExchange first = getHttpExchanges().poll();
                succeeded(); // opens another connection if more requests wait than connections are on their way
                if (first != null) first.getRequest().abort(next); // last, for it may be sent again at once
            } while (pending.decrementAndGet() > 0);
        }
    }
}
