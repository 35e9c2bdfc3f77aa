package pitfalls.step02;

import java.io.IOException;
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
import org.eclipse.jetty.io.Transport;

/**
 * How upstreams are spoken to: in HTTP/1.1, over connections of a class of this package, which a connector of this package opens. If one of them does not come about, one request fails, the
 * one that has waited longest. Jetty fails every request that waits for the same upstream, also for a connection that is on its
 * way or in use.
 */
public class UpstreamTransport extends HttpClientTransportOverHTTP {
    /**
     * Marks a request whose upstream speaks HTTP/2 without TLS, and is known to do so (RFC 9113, section 3.3). It goes over TCP as
     * all others, to a destination of its own. This class refuses it; a later step's does not.
     */
    public static final Transport HTTP_2_PRIOR_KNOWLEDGE = new Transport.Wrapper(Transport.TCP_IP);

    private static final ProxyError.Kind HTTP_2_UPSTREAM = new ProxyError.Kind(
            500,
            "proxy_configuration_error",
            "The upstream server speaks HTTP/2, which this proxy does not. Someone has to correct the configuration.");

    /** A transport for one client. */
    public UpstreamTransport() {
        super(new UpstreamConnector());
    }

    @Override
    public Connection newConnection(EndPoint endPoint, Map<String, Object> context) throws IOException {
        var connection = new UpstreamConnection(endPoint, context);
        connection.setInitialize(isInitializeConnections());
        return customize(connection, context);
    }

    /**
     * Has a connection read to its end, also when the upstream takes nothing any more: what was to be sent is dropped then. It is for a
     * connection that many requests share, where Jetty would fail all of them, also those whose responses have arrived.
     *
     * @param endPoint of a connection that was opened by this transport
     */
    protected static void readToEnd(EndPoint endPoint) {
        UpstreamConnector.readToEnd(endPoint);
    }

    @Override
    public Destination newDestination(Origin origin) {
        if (origin.getTransport() == HTTP_2_PRIOR_KNOWLEDGE) throw new Refused(HTTP_2_UPSTREAM);
        return new UpstreamDestination(getHttpClient(), origin);
    }

    /** An upstream of which a connection that does not come about fails one request. */
    protected static class UpstreamDestination extends HttpDestination {
        private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
        private final AtomicInteger pending = new AtomicInteger();

        /**
         * A destination with a pool of its own.
         *
         * @param origin where the upstream is, and how it is spoken to
         */
        protected UpstreamDestination(HttpClient client, Origin origin) {
            super(client, origin);
        }

        /**
         * Called when a connection did not come about. The next one is opened here, and may fail before this call has returned: it is
         * dealt with in the loop, and not in a call within the call.
         */
        @Override
        public final void failed(Throwable failure) {
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
