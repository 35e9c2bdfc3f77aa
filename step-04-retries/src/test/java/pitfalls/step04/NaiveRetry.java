package pitfalls.step04;

import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import pitfalls.step03.UrlNormalizingProxy;

/** A usual wrong answer: whatever failed is handled once more, whatever it was. */
class NaiveRetry extends UrlNormalizingProxy {
    private static final String RETRIED = "retried";

    NaiveRetry(String target) {
        super(target);
    }

    @Override
    protected void onServerToProxyResponseFailure(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            org.eclipse.jetty.client.Response serverToProxyResponse,
            Response proxyToClientResponse,
            Callback proxyToClientCallback,
            Throwable failure) {
        if (clientToProxyRequest.getAttribute(RETRIED) == null) {
            clientToProxyRequest.setAttribute(RETRIED, true);
            handle(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
            return;
        }
        super.onServerToProxyResponseFailure(
                clientToProxyRequest,
                proxyToServerRequest,
                serverToProxyResponse,
                proxyToClientResponse,
                proxyToClientCallback,
                failure);
    }
}
