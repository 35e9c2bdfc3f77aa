package pitfalls.step03;

import org.eclipse.jetty.proxy.ProxyHandler;
import org.junit.jupiter.api.Nested;
import pitfalls.step01.MinimalContract;
import pitfalls.step02.ErrorsContract;
import pitfalls.step02.HandlersInFrontContract;
import pitfalls.step02.LostResponsesContract;

class EarlierStepsProof {

    @Nested
    class Step_1_minimal implements MinimalContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return new UrlNormalizingProxy(target);
        }
    }

    @Nested
    class Step_2_errors implements ErrorsContract, HandlersInFrontContract, LostResponsesContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return new UrlNormalizingProxy(target);
        }
    }
}
