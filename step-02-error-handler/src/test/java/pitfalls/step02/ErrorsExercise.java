package pitfalls.step02;

import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import pitfalls.step01.MinimalProxy;
import pitfalls.support.Exercise;

/** Your turn: {@code mvn test -pl step-02-error-handler -Dtest=ErrorsExercise}. */
@Exercise("step-02-error-handler")
public class ErrorsExercise implements ErrorsContract {

    static class MyProxy extends MinimalProxy {
        private static final Logger LOG = LoggerFactory.getLogger(MyProxy.class);

        MyProxy(String target) {
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
            // TODO: tell the client and the log what happened. So far this is Jetty's page.
            super.onServerToProxyResponseFailure(
                    clientToProxyRequest,
                    proxyToServerRequest,
                    serverToProxyResponse,
                    proxyToClientResponse,
                    proxyToClientCallback,
                    failure);
        }

        /** Given: the line in the log, for the operator. */
        private static void log(
                ProxyError error, Request clientToProxyRequest, org.eclipse.jetty.client.Request proxyToServerRequest) {
            LOG.warn(
                    "answered {} {} for {} {} to {}://{}:{}: {}",
                    error.kind().status(),
                    error.kind().type(),
                    clientToProxyRequest.getMethod(),
                    clientToProxyRequest.getHttpURI().getPath(),
                    proxyToServerRequest.getScheme(),
                    proxyToServerRequest.getHost(),
                    proxyToServerRequest.getPort(),
                    error.cause().toString());
        }
    }

    @Override
    public ProxyHandler newProxy(String target) {
        return new MyProxy(target);
    }
}
