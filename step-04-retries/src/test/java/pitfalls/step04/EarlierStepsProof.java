package pitfalls.step04;

import org.eclipse.jetty.proxy.ProxyHandler;
import org.junit.jupiter.api.Nested;
import pitfalls.step01.MinimalContract;
import pitfalls.step02.ErrorsContract;
import pitfalls.step02.HandlersInFrontContract;
import pitfalls.step02.LostResponsesContract;
import pitfalls.step03.UrlContract;

class EarlierStepsProof {

    @Nested
    class Step_1_minimal implements MinimalContract {
        @Override
        public ProxyHandler newProxy(String target) {
            var proxy = new RetryingProxy(target);
            proxy.setRetryPolicy(RetryPolicy.idempotent());
            return proxy;
        }
    }

    @Nested
    class Step_2_errors implements ErrorsContract, HandlersInFrontContract, LostResponsesContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return new RetryingProxy(target);
        }
    }

    @Nested
    class Step_3_URLs implements UrlContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return new RetryingProxy(target);
        }
    }
}
