package pitfalls.program;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.ssl.SslConnection;
import org.eclipse.jetty.io.ssl.SslHandshakeListener;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.util.thread.Scheduler;

/**
 * TLS whose handshake has a limit as a whole. Jetty limits each pause in it, so a byte now and then would keep a connection open for ever. A
 * client that is too slow sees the connection end: there is nothing to tell it yet.
 */
final class LimitedTls extends SslConnectionFactory {
    private final Duration limit;

    /**
     * TLS, and a protocol inside it.
     *
     * @param next what is spoken inside
     * @param limit how long a handshake may take; zero is no limit
     */
    LimitedTls(SslContextFactory.Server tls, String next, Duration limit) {
        super(tls, next);
        this.limit = limit;
    }

    @Override
    public Connection newConnection(Connector connector, EndPoint endPoint) {
        Connection connection = super.newConnection(connector, endPoint);
        if (!limit.isZero()) limitHandshake(connector.getScheduler(), (SslConnection) connection, endPoint);
        return connection;
    }

    private void limitHandshake(Scheduler scheduler, SslConnection connection, EndPoint endPoint) {
        Scheduler.Task end = scheduler.schedule(endPoint::close, limit.toMillis(), TimeUnit.MILLISECONDS);
        connection.addHandshakeListener(new SslHandshakeListener() {
            @Override
            public void handshakeSucceeded(Event event) {
                end.cancel();
            }
        });
        connection.addEventListener(new Connection.Listener() {
            @Override
            public void onClosed(Connection closed) {
                end.cancel();
            }
        });
    }
}
