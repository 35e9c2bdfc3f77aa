package pitfalls.step04;

import org.eclipse.jetty.proxy.ProxyHandler;
import pitfalls.step02.Exchange;
import pitfalls.step02.ProxyError;
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
        protected void onFailure(Exchange exchange, ProxyError error) {
            // TODO: make another attempt if the policy's verdict is Again: attempt sends the request once more.
            // So far the client gets the error.
            super.onFailure(exchange, error);
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
