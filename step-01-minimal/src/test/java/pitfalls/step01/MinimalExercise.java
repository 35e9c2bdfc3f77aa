package pitfalls.step01;

import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import pitfalls.support.Exercise;

/** Your turn: {@code mvn test -pl step-01-minimal -Dtest=MinimalExercise}. */
@Exercise("step-01-minimal")
public class MinimalExercise implements MinimalContract {

    static class MyProxy extends Handler.Abstract {
        private final String target;

        MyProxy(String target) {
            this.target = target;
        }

        @Override
        public boolean handle(
                Request clientToProxyRequest, Response proxyToClientResponse, Callback proxyToClientCallback) {
            // TODO: forward the request to the target. Jetty has a class for it, so all of this may go.
            return false;
        }

        @Override
        public String toString() {
            return "a proxy to " + target;
        }
    }

    @Override
    public Handler newProxy(String target) {
        return new MyProxy(target);
    }
}
