package pitfalls.step04;

import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import pitfalls.step03.UrlNormalizingProxy;
import pitfalls.support.Exercise;

/** Your turn: {@code mvn test -pl step-04-retries -Dtest=RetriesExercise}. */
@Exercise("step-04-retries")
public class RetriesExercise implements RetriesContract {

    static class MyProxy extends UrlNormalizingProxy {
        private final RetryPolicy policy;

        MyProxy(String target, RetryPolicy policy) {
            super(target);
            this.policy = policy;
        }

        @Override
        protected void onServerToProxyResponseFailure(
                Request clientToProxyRequest,
                org.eclipse.jetty.client.Request proxyToServerRequest,
                org.eclipse.jetty.client.Response serverToProxyResponse,
                Response proxyToClientResponse,
                Callback proxyToClientCallback,
                Throwable failure) {
            // TODO: send the request again, unless the policy objects or has no attempts left. There are errorOf,
            // which tells what has failed, restart, which clears the response, and handle.
            super.onServerToProxyResponseFailure(
                    clientToProxyRequest,
                    proxyToServerRequest,
                    serverToProxyResponse,
                    proxyToClientResponse,
                    proxyToClientCallback,
                    failure);
        }

        @Override
        public String toString() {
            return "a proxy with at most " + policy.attempts() + " attempts";
        }
    }

    @Override
    public ProxyHandler newProxy(String target, RetryPolicy policy) {
        return new MyProxy(target, policy);
    }
}
