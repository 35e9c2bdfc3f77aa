package pitfalls.step07;

import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import pitfalls.step06.DirectedProxy;
import pitfalls.support.Exercise;

/** Your turn: {@code mvn test -pl step-07-streaming -Dtest=StreamingExercise}. */
@Exercise("step-07-streaming")
public class StreamingExercise implements StreamingContract {

    static class MyProxy extends DirectedProxy {
        private final Timeouts timeouts;
        private final int maxUpstreamConnections;

        MyProxy(String target, Timeouts timeouts, int maxUpstreamConnections) {
            super(target);
            this.timeouts = timeouts;
            this.maxUpstreamConnections = maxUpstreamConnections;
        }

        @Override
        protected org.eclipse.jetty.client.Response.CompleteListener newServerToProxyResponseListener(
                Request clientToProxyRequest,
                org.eclipse.jetty.client.Request proxyToServerRequest,
                Response proxyToClientResponse,
                Callback proxyToClientCallback) {
            // TODO: send the head of a response before its body comes, and then let the stream be quiet.
            return super.newServerToProxyResponseListener(
                    clientToProxyRequest, proxyToServerRequest, proxyToClientResponse, proxyToClientCallback);
        }

        @Override
        protected void configureHttpClient(HttpClient httpClient) {
            super.configureHttpClient(httpClient);
            httpClient.setIdleTimeout(timeouts.response().toMillis());
            // TODO: open as many connections as the operator permits. So far it is Jetty's default, 64.
        }

        @Override
        public String toString() {
            return "a proxy with at most " + maxUpstreamConnections + " connections to each upstream";
        }
    }

    @Override
    public ProxyHandler newProxy(String target, Timeouts timeouts, int maxUpstreamConnections) {
        return new MyProxy(target, timeouts, maxUpstreamConnections);
    }
}
