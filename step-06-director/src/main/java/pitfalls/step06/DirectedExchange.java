package pitfalls.step06;

import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import pitfalls.step03.Upstream;
import pitfalls.step04.RetryingExchange;
import pitfalls.step04.RetryingProxy;

/** An exchange that knows which upstream was chosen for the attempt under way. */
public class DirectedExchange extends RetryingExchange {
    /** The name of the attribute of the client's request that holds the exchange, for this package. */
    static final String KEY = ATTRIBUTE;

    Upstream upstream;

    /** What was taken off the client's path for this upstream; empty if nothing was. */
    String strippedPrefix = "";

    /** An exchange that has just begun. */
    public DirectedExchange(
            RetryingProxy proxy,
            Request clientToProxyRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        super(proxy, clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
    }
}
