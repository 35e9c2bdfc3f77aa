package pitfalls.step06;

import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Request;
import pitfalls.step04.RetryPolicy;
import pitfalls.step05.HopDetectingProxy;
import pitfalls.support.Exercise;

/** Your turn: {@code mvn test -pl step-06-director -Dtest=DirectorExercise}. */
@Exercise("step-06-director")
public class DirectorExercise implements DirectorContract {

    static class MyProxy extends HopDetectingProxy {
        private static final String NOBODY = "127.0.0.1:9"; // nothing listens there

        private final Director director;

        MyProxy(Director director) {
            super(NOBODY);
            this.director = director;
        }

        @Override
        protected HttpURI rewriteHttpURI(Request clientToProxyRequest) {
            // TODO: forward to the upstream that the director chooses.
            return super.rewriteHttpURI(clientToProxyRequest);
        }

        // TODO: Host is the upstream's; what a client says of itself does not count; no upstream is a 503.

        @Override
        public String toString() {
            return "a proxy directed by " + director;
        }
    }

    @Override
    public ProxyHandler newProxy(Director director, RetryPolicy policy, String... trustedPeers) {
        var proxy = new MyProxy(director);
        proxy.setRetryPolicy(policy);
        return proxy;
    }
}
