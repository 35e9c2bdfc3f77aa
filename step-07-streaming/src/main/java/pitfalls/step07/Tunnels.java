package pitfalls.step07;

import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Components;
import org.eclipse.jetty.util.component.AbstractLifeCycle;
import org.eclipse.jetty.util.component.Graceful;

/** The upgraded connections that are open. A shutdown closes them at once: nothing in them tells where they could end. */
final class Tunnels extends AbstractLifeCycle implements Graceful {
    private final Set<EndPoint> endPoints = ConcurrentHashMap.newKeySet();
    private volatile boolean shutdown;

    /** Makes a tunnel; returns the client's side of it, which opens the upstream's when it is opened. */
    TunnelConnection between(EndPoint client, EndPoint upstream, Components components) {
        var toClient = new TunnelConnection(upstream, client, components, this, null);
        return new TunnelConnection(client, upstream, components, this, toClient);
    }

    void opened(EndPoint endPoint) {
        endPoints.add(endPoint);
        if (shutdown) endPoint.close();
    }

    void closed(EndPoint endPoint) {
        endPoints.remove(endPoint);
    }

    @Override
    public CompletableFuture<Void> shutdown() {
        shutdown = true;
        endPoints.forEach(EndPoint::close);
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public boolean isShutdown() {
        return shutdown;
    }

    @Override
    protected void doStart() {
        shutdown = false;
    }

    @Override
    protected void doStop() {
        shutdown();
    }
}
