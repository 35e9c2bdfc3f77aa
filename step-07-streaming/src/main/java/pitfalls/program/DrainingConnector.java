package pitfalls.program;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/**
 * Ends its connections well when the server stops. It accepts no more of them, closes the idle ones at once, and the others after
 * the response that is under way, which says {@code Connection: close} if its header has not been sent (RFC 9112, section 9.6).
 * Upgraded connections stay until the server's stop timeout is over.
 *
 * <p>Jetty's own gives every connection, idle or not, one second without a byte, which would cut a client that pauses.
 */
class DrainingConnector extends ServerConnector {
    private static final long PATIENCE_MS = 1000;

    private final CountDownLatch acceptors;

    DrainingConnector(Server server, ConnectionFactory... protocols) {
        super(server, protocols);
        setShutdownIdleTimeout(-1);
        acceptors = new CountDownLatch(getAcceptors());
    }

    /**
     * Waits until no thread accepts connections any more, for only then does the kernel refuse them. A client that is told before
     * that to use another connection would get one here, and lose it.
     */
    @Override
    public CompletableFuture<Void> shutdown() {
        close();
        try {
            if (isRunning()) acceptors.await(PATIENCE_MS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException x) {
            Thread.currentThread().interrupt();
        }
        CompletableFuture<Void> done = super.shutdown();
        for (EndPoint endPoint : getConnectedEndPoints()) {
            Drainable connection = Drainable.of(endPoint);
            if (connection != null) connection.drain();
        }
        return done;
    }

    @Override
    public void accept(int acceptorId) throws IOException {
        if (isOpen()) super.accept(acceptorId);
        else acceptors.countDown();
    }

    @Override
    protected boolean handleAcceptFailure(Throwable failure) {
        boolean goesOn = super.handleAcceptFailure(failure);
        if (!goesOn) acceptors.countDown();
        return goesOn;
    }
}
