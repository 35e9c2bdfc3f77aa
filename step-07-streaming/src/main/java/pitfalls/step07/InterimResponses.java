package pitfalls.step07;

import org.eclipse.jetty.client.EarlyHintsProtocolHandler;
import org.eclipse.jetty.client.Request;
import org.eclipse.jetty.client.Response;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.http.HttpStatus;

/**
 * Takes the interim responses (1xx) for which Jetty's client has no handler, and which it would take for the final one:
 * all but 102, 103 and an awaited 100. It is an early-hints handler because only there Jetty has what it takes to go on
 * after an interim response.
 */
final class InterimResponses extends EarlyHintsProtocolHandler {
    private static final String LISTENER = InterimResponses.class.getName() + ".listener";
    private static final String STATUS = InterimResponses.class.getName() + ".status";
    private static final String CONTINUED = InterimResponses.class.getName() + ".continued";

    /** Who passes them on. */
    interface Listener {
        void onInterim(int status, HttpFields fields);
    }

    /** Has this listener called for those that answer this request. */
    static void listen(Request proxyToServerRequest, Listener listener) {
        proxyToServerRequest.attribute(LISTENER, listener);
    }

    @Override
    public String getName() {
        return "interim-responses";
    }

    @Override
    public boolean accept(Request proxyToServerRequest, Response serverToProxyResponse) {
        int status = serverToProxyResponse.getStatus();
        if (!HttpStatus.isInterim(status)) return false;
        if (status == HttpStatus.CONTINUE_100 && isAwaited(proxyToServerRequest)) {
            proxyToServerRequest.attribute(CONTINUED, true);
            return false;
        }
        proxyToServerRequest.attribute(STATUS, status);
        return true;
    }

    private static boolean isAwaited(Request proxyToServerRequest) {
        return proxyToServerRequest.getHeaders().contains(HttpHeader.EXPECT, HttpHeaderValue.CONTINUE.asString())
                && !proxyToServerRequest.getAttributes().containsKey(CONTINUED);
    }

    @Override
    protected void onEarlyHints(Request proxyToServerRequest, HttpFields fields) {
        var attributes = proxyToServerRequest.getAttributes();
        if (attributes.get(LISTENER) instanceof Listener listener)
            listener.onInterim((int) attributes.get(STATUS), fields);
    }
}
