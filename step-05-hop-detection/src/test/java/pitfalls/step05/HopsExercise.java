package pitfalls.step05;

import org.eclipse.jetty.proxy.ProxyHandler;
import pitfalls.step02.Exchange;
import pitfalls.step04.RetryingProxy;
import pitfalls.support.Exercise;

/** Your turn: {@code mvn test -pl step-05-hop-detection -Dtest=HopsExercise}. */
@Exercise("step-05-hop-detection")
public class HopsExercise implements HopsContract {

    static class MyProxy extends RetryingProxy {
        private final HopMark mark;

        MyProxy(String target, HopMark mark) {
            super(target);
            this.mark = mark;
        }

        @Override
        protected void forward(Exchange exchange) {
            // TODO: refuse a request that was here before, with 508 and the error proxy_loop_detected. The mark tells.
            super.forward(exchange);
        }

        // TODO: put the mark on what goes to the upstream, in a hook where no client can take it away.

        @Override
        public String toString() {
            return "a proxy that leaves " + mark;
        }
    }

    @Override
    public ProxyHandler newProxy(String target, HopMark mark) {
        return new MyProxy(target, mark);
    }
}
