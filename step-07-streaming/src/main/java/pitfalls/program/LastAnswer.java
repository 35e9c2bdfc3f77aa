package pitfalls.program;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.util.NanoTime;

/**
 * Says which answer is the last one on a client's connection, the one with {@code Connection: close} (RFC 9112, section 9.6), or over
 * HTTP/2 the one before a GOAWAY (RFC 9113, section 6.8). It is the next one if the program is about to stop, or if the connection is
 * old enough.
 */
final class LastAnswer {
    private static final double SPREAD = 0.1;

    private final DrainingConnector connector;
    private final boolean ages;
    private final long end;

    private LastAnswer(DrainingConnector connector) {
        this.connector = connector;
        ages = connector != null && connector.connectionAge().compareTo(Duration.ZERO) > 0;
        end = ages ? NanoTime.now() + spread(connector.connectionAge().toNanos()) : 0;
    }

    /** For a connection that opens now. */
    static LastAnswer on(Connector connector) {
        return new LastAnswer(connector instanceof DrainingConnector draining ? draining : null);
    }

    /** That time, or up to a tenth more or less: clients that came together do not have to come again together. */
    static long spread(long nanos) {
        return (long) (nanos * ThreadLocalRandom.current().nextDouble(1 - SPREAD, 1 + SPREAD));
    }

    /** Whether an answer that is sent now is the last one. */
    boolean isDue() {
        if (connector == null) return false;
        return connector.isLeaving() || ages && NanoTime.isBefore(end, NanoTime.now());
    }
}
