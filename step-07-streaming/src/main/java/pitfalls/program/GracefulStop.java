package pitfalls.program;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.util.NanoTime;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The way from SIGTERM to the end of the program. A balancer needs a moment to learn that it should send nothing more, and until then
 * a closed port would fail requests. So for the time of a delay
 *
 * <ol>
 *   <li>the program goes on accepting and serving, and says that it is not {@linkplain Health ready},
 *   <li>each connection ends with its next {@linkplain LastAnswer answer}, so that its client connects again, to another instance,
 *   <li>in the last quarter, connections on which nothing happens are closed. Not before, for each of them may bring a request at the
 *       moment in which it is closed, and most have a client that uses it again soon.
 * </ol>
 *
 * <p>Only then does the {@link DrainingConnector} refuse connections, and the server waits for the requests in flight.
 */
final class GracefulStop {
    private static final Logger LOG = LoggerFactory.getLogger(GracefulStop.class);
    private static final long PAUSE_MS = 20;

    private final Server server;
    private final DrainingConnector connector;
    private final DrainingHandler requests;
    private final Duration delay;
    private final Duration lastPart;
    private final CountDownLatch stopped = new CountDownLatch(1);

    /**
     * A server that will stop like this.
     *
     * @param server with a {@link DrainingConnector} and a {@link DrainingHandler}, and perhaps {@link Health}
     * @param delay how long it goes on accepting; zero is not at all
     */
    GracefulStop(Server server, Duration delay) {
        this(server, delay, delay.dividedBy(4));
    }

    /** The same, with another last part of the delay. */
    GracefulStop(Server server, Duration delay, Duration lastPart) {
        this.server = server;
        this.delay = delay;
        this.lastPart = lastPart;
        connector = (DrainingConnector) server.getConnectors()[0];
        requests = server.getDescendant(DrainingHandler.class);
    }

    /** Stops the server, and returns when it has stopped. An interrupt ends the delay. */
    void stop() {
        Health health = server.getDescendant(Health.class);
        if (health != null) health.leave();
        if (!delay.isZero()) {
            LOG.info("told to stop: not ready any more, accepting for another {} ms; {}", delay.toMillis(), left());
            connector.leave();
            awaitEndOfDelay();
        }
        LOG.info("stopping: new connections are refused; {}", left());
        try {
            server.stop();
            LOG.info("stopped: every request was answered");
        } catch (Exception x) {
            LOG.warn("stopped while requests were in flight: {}", x.toString());
        } finally {
            stopped.countDown();
        }
    }

    /** Waits until the server has stopped. */
    void awaitStop() throws InterruptedException {
        stopped.await();
    }

    /** Says what ends without an answer. Then the process may end. */
    void stopAtOnce() {
        LOG.warn("told to stop again: stopped at once; {}", left());
    }

    private void awaitEndOfDelay() {
        long end = NanoTime.now() + delay.toNanos();
        try {
            stopped.await(delay.minus(lastPart).toNanos(), TimeUnit.NANOSECONDS);
            while (NanoTime.isBefore(NanoTime.now(), end)) {
                connector.closeIdleOnes();
                stopped.await(Math.min(PAUSE_MS, 1 + NanoTime.millisUntil(end)), TimeUnit.MILLISECONDS);
            }
        } catch (InterruptedException x) {
            LOG.info("the delay is cut short");
        }
    }

    private String left() {
        return "requests left: " + requests.getCurrentRequestCount() + ", connections left: "
                + connector.getConnectedEndPoints().size();
    }
}
