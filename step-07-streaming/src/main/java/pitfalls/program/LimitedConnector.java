package pitfalls.program;

import static java.util.Comparator.comparingLong;

import java.io.IOException;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.SelectorManager;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps a limit of connections. When one more is accepted, those that have been idle for longest are closed, and if none is idle, the
 * next clients wait in the kernel's queue until one is. Without a limit, they would take the descriptors that are needed to forward their requests,
 * and Jetty would pause for a second whenever it cannot accept one more.
 */
final class LimitedConnector extends DrainingConnector {
    private static final Logger LOG = LoggerFactory.getLogger(LimitedConnector.class);
    private static final long PAUSE_MS = 50;

    private final Object closed = new Object();
    private final AtomicInteger arriving = new AtomicInteger(); // accepted, and not open yet
    private int maxConnections = Integer.MAX_VALUE;
    private final RareWarning warning = new RareWarning();
    private final RareWarning clientWarning = new RareWarning();
    private ClientConnections clientConnections = new ClientConnections(Integer.MAX_VALUE, address -> true);

    LimitedConnector(Server server, ConnectionFactory... protocols) {
        super(server, protocols);
        getSelectorManager().addEventListener(new SelectorManager.AcceptListener() {
            @Override
            public void onAcceptFailed(SelectableChannel channel, Throwable cause) {
                arriving.decrementAndGet();
            }
        });
    }

    /** How many connections there may be; no limit unless set. */
    void setMaxConnections(int maxConnections) {
        this.maxConnections = maxConnections;
    }

    /** How many of them each client may have; no limit unless set. */
    void setClientConnections(ClientConnections clientConnections) {
        this.clientConnections = clientConnections;
    }

    /** Those of each client. */
    ClientConnections clientConnections() {
        return clientConnections;
    }

    /** Called by the one thread that accepts. */
    @Override
    public void accept(int acceptorId) throws IOException {
        while (isFull()) {
            warn("all " + maxConnections + " connections of clients are in use");
            makeRoom();
        }
        super.accept(acceptorId);
        arriving.incrementAndGet();
    }

    private boolean isFull() {
        return isOpen() && getConnectedEndPoints().size() + Math.max(0, arriving.get()) > maxConnections;
    }

    /** Closes idle connections, and waits for a moment or until one is closed. */
    private void makeRoom() {
        synchronized (closed) {
            if (isOpen()) closeIdle();
            try {
                closed.wait(PAUSE_MS);
            } catch (InterruptedException x) {
                Thread.currentThread().interrupt(); // the server stops, and accepting ends with an exception
            }
        }
    }

    /** Not all at once, for some of them may be used next; and not one by one, for that takes long. */
    private void closeIdle() {
        List<Drainable> connections = connections().toList();
        long closing = connections.stream().filter(Drainable::isClosing).count();
        connections.stream()
                .filter(Drainable::isIdle)
                .map(connection ->
                        new Idle(connection, connection.idleForMs())) // which goes on, and cannot be sorted by
                .sorted(comparingLong(Idle::forMs).reversed())
                .limit(Math.max(0, 1 + maxConnections / 8 - closing))
                .forEach(idle -> idle.connection().closeIfIdle());
    }

    /**
     * An idle connection.
     *
     * @param forMs how long it had been idle
     */
    private record Idle(Drainable connection, long forMs) {}

    /** Once a second at most. */
    private void warn(String what) {
        if (warning.isDue()) {
            LOG.warn(
                    "{}: idle ones are closed, and other clients wait; raise the limit of open files if that is too few",
                    what);
        }
    }

    /** Jetty would log the stack, and accept nothing for a second. */
    @Override
    protected boolean handleAcceptFailure(Throwable failure) {
        if (!(failure instanceof IOException) || !isOpen() || !isRunning()) return super.handleAcceptFailure(failure);
        warn("a connection cannot be accepted (" + failure.getMessage() + ")");
        makeRoom();
        return true;
    }

    /** Jetty closes the connection if this throws. */
    @Override
    protected SocketChannelEndPoint newEndPoint(SocketChannel channel, ManagedSelector selector, SelectionKey key)
            throws IOException {
        var endPoint = new ClientEndPoint(channel, selector, key, getScheduler());
        endPoint.setIdleTimeout(getIdleTimeout());
        if (clientConnections.add(endPoint)) return endPoint;
        String client = ClientConnections.nameOf(endPoint.address());
        if (clientWarning.isDue()) {
            LOG.warn(
                    "{} has all {} connections that one client may have, and more are refused; raise"
                            + " --max-connections-per-client if that is too few, or name a proxy in front in"
                            + " --trust-forwarded-from",
                    client,
                    clientConnections.limit());
        }
        throw new IOException("too many connections of " + client);
    }

    @Override
    protected void onEndPointOpened(EndPoint endPoint) {
        super.onEndPointOpened(endPoint);
        arriving.decrementAndGet();
    }

    @Override
    protected void onEndPointClosed(EndPoint endPoint) {
        super.onEndPointClosed(endPoint);
        if (endPoint instanceof ClientEndPoint client) clientConnections.remove(client);
        synchronized (closed) {
            closed.notifyAll();
        }
    }
}
