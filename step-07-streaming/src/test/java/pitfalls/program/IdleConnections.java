package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;

import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Connector;
import pitfalls.support.Loopback;

/** Clients' connections that serve no request at the moment. */
final class IdleConnections {
    private IdleConnections() {}

    /** Waits until the connector has one. */
    static void await(Connector connector) {
        long deadline = System.nanoTime() + Loopback.PATIENCE.toNanos();
        while (!hasOne(connector)) {
            assertThat(System.nanoTime()).as("when a connection is idle").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    private static boolean hasOne(Connector connector) {
        return connector.getConnectedEndPoints().stream()
                .filter(EndPoint::isFillInterested) // a connection begins to be idle once more when it is
                .map(Drainable::of)
                .anyMatch(connection -> connection != null && connection.isIdle());
    }
}
