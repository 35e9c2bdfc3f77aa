package pitfalls.program;

import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.ssl.SslConnection;
import org.eclipse.jetty.server.ConnectionMetaData;

/** A client's connection, in whatever version of HTTP, that can be closed when it serves no request. */
interface Drainable {

    /**
     * Finds the client's connection behind an end point, also inside TLS.
     *
     * @param endPoint an end point of a server's connector
     * @return the connection; {@code null} if it is another one, or an upgraded one
     */
    static Drainable of(EndPoint endPoint) {
        Connection connection = endPoint.getConnection();
        if (connection instanceof SslConnection tls)
            connection = tls.getSslEndPoint().getConnection();
        if (connection instanceof Drainable drainable) return drainable;
        boolean hasAttributes = connection instanceof ConnectionMetaData;
        return hasAttributes
                ? (Drainable) ((ConnectionMetaData) connection).getAttribute(Drainable.class.getName())
                : null;
    }

    /** {@return whether it serves no request, and has not served one within the last moment} */
    boolean isIdle();

    /** {@return whether it was idle when {@link #closeIfIdle} was called, and is still open} */
    boolean isClosing();

    /** {@return for how many milliseconds it was not used} */
    long idleForMs();

    /** Closes it, unless a request has just arrived, which is served. */
    void closeIfIdle();

    /** Has it close as soon as it is idle. */
    void drain();
}
