package pitfalls.step07;

import java.time.Duration;
import org.eclipse.jetty.client.HttpUpgrader;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.HttpStream;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import pitfalls.step02.ErrorHandlingProxy;

/** An exchange that goes on in another protocol if the upstream accepts it: its two connections become a tunnel. */
final class UpgradedExchange implements HttpUpgrader {
    private final Upgrade upgrade;
    private final Request clientToProxyRequest;
    private final Response proxyToClientResponse;
    private final Callback proxyToClientCallback;
    private final Tunnels tunnels;
    private final Duration idleTimeout;

    UpgradedExchange(
            Upgrade upgrade,
            Request clientToProxyRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback,
            Tunnels tunnels,
            Duration idleTimeout) {
        this.upgrade = upgrade;
        this.clientToProxyRequest = clientToProxyRequest;
        this.proxyToClientResponse = proxyToClientResponse;
        this.proxyToClientCallback = proxyToClientCallback;
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
        EndPoint client =
                clientToProxyRequest.getConnectionMetaData().getConnection().getEndPoint();
        client.setIdleTimeout(idleTimeout.toMillis());
        upstream.setIdleTimeout(idleTimeout.toMillis());
        proxyToClientResponse.setStatus(HttpStatus.SWITCHING_PROTOCOLS_101);
        ErrorHandlingProxy.putOver(proxyToClientResponse, accepted);
        clientToProxyRequest.setAttribute(
                HttpStream.UPGRADE_CONNECTION_ATTRIBUTE,
                tunnels.between(client, upstream, clientToProxyRequest.getComponents()));
        proxyToClientResponse.write(true, null, Callback.from(proxyToClientCallback::succeeded, failure -> {
            clientToProxyRequest.removeAttribute(HttpStream.UPGRADE_CONNECTION_ATTRIBUTE);
            upstream.close(failure);
            callback.failed(failure);
        }));
    }
}
