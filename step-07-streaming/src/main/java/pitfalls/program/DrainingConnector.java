package pitfalls.program;

import java.io.IOException;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import pitfalls.step07.BodyBuffers;

/**
 * Ends its connections well when the server stops. It accepts no more of them, closes the idle ones at once, and the others after
 * the response that is under way, which says {@code Connection: close} if its header has not been sent (RFC 9112, section 9.6).
 * Upgraded connections stay until the server's stop timeout is over.
 *
 * <p>Jetty's own gives every connection, idle or not, one second without a byte, which would cut a client that pauses.
 */
class DrainingConnector extends ServerConnector {
    private static final long PATIENCE_MS = 1000;
    private static final int USUAL_INPUT = 8 * 1024; // what Jetty reads a request with
    private static final int AS_MANY_AS_USUAL = -1; // threads

    private final CountDownLatch acceptors;
    private Duration connectionAge = Duration.ZERO;
    private volatile boolean leaving;

    DrainingConnector(Server server, ConnectionFactory... protocols) {
        super(
                server,
                null,
                null,
                new BodyBuffers(server.getByteBufferPool(), USUAL_INPUT),
                AS_MANY_AS_USUAL,
                AS_MANY_AS_USUAL,
                protocols);
        setShutdownIdleTimeout(-1);
        acceptors = new CountDownLatch(getAcceptors());
    }

    /** How long a connection is used before an answer says that it ends, more or less; zero is for ever, and the default. */
    Duration connectionAge() {
        return connectionAge;
    }

    /** Sets that time, before the connector is started. */
    void setConnectionAge(Duration connectionAge) {
        this.connectionAge = connectionAge;
    }

    /** Whether the program is about to stop, so that each connection ends with its next answer. */
    boolean isLeaving() {
        return leaving;
    }

    /** Ends each connection with its next answer from now on. It still accepts new ones. */
    void leave() {
        leaving = true;
    }

    /** Closes the connections on which nothing happens. */
    void closeIdleOnes() {
        connections().filter(Drainable::isIdle).forEach(Drainable::closeIfIdle);
    }

    /** Those that serve requests now, or may serve another one. */
    final Stream<Drainable> connections() {
        return getConnectedEndPoints().stream().map(Drainable::of).filter(Objects::nonNull);
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
        connections().forEach(Drainable::drain);
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
