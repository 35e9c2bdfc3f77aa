package pitfalls.step02;

import org.eclipse.jetty.proxy.ProxyHandler;
import org.junit.jupiter.api.Nested;
import pitfalls.step01.MinimalContract;

class EarlierStepsProof {

    @Nested
    class Step_1_minimal implements MinimalContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return new ErrorHandlingProxy(target);
        }
    }
}
