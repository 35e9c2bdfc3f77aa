package pitfalls.step07.tunnel;

import java.time.Duration;
import org.eclipse.jetty.client.HttpUpgrader;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.HttpStream;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.Callback;
import pitfalls.step02.Exchange;

/** Makes a tunnel of the two connections of an exchange, if the upstream accepts what the client has offered. */
final class TunnelUpgrader implements HttpUpgrader {
    private final Upgrade upgrade;
    private final Exchange exchange;
    private final Tunnels tunnels;
    private final Duration idleTimeout;

    TunnelUpgrader(Upgrade upgrade, Exchange exchange, Tunnels tunnels, Duration idleTimeout) {
        this.upgrade = upgrade;
        this.exchange = exchange;
        this.tunnels = tunnels;
        this.idleTimeout = idleTimeout;
    }

    @Override
    public void prepare(org.eclipse.jetty.client.Request proxyToServerRequest) {
        proxyToServerRequest.headers(upgrade::offer);
    }

    /** The client's connection becomes its half of the tunnel when its 101 was sent; then the upstream's does. */
    @Override
    public void upgrade(org.eclipse.jetty.client.Response serverToProxyResponse, EndPoint upstream, Callback callback) {
        HttpFields accepted;
        try {
            accepted = upgrade.accepted(serverToProxyResponse);
        } catch (RuntimeException x) {
            upstream.close(x);
            callback.failed(x);
            return;
        }
        Request clientToProxyRequest = exchange.clientToProxyRequest;
        EndPoint client =
                clientToProxyRequest.getConnectionMetaData().getConnection().getEndPoint();
        exchange.proxyToClientResponse.setStatus(HttpStatus.SWITCHING_PROTOCOLS_101);
        exchange.putOver(accepted);
        clientToProxyRequest.setAttribute(
                HttpStream.UPGRADE_CONNECTION_ATTRIBUTE,
                tunnels.between(client, upstream, clientToProxyRequest.getComponents()));
        exchange.end(); // and with it the exchange's limits
        client.setIdleTimeout(idleTimeout.toMillis());
        upstream.setIdleTimeout(idleTimeout.toMillis());
        exchange.proxyToClientResponse.write(true, null, Callback.from(exchange::succeeded, failure -> {
            clientToProxyRequest.removeAttribute(HttpStream.UPGRADE_CONNECTION_ATTRIBUTE);
            upstream.close(failure);
            callback.failed(failure);
        }));
    }
}
