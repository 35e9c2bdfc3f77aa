package pitfalls.step07;

import org.eclipse.jetty.proxy.ProxyHandler;
import org.junit.jupiter.api.Nested;
import pitfalls.step01.MinimalContract;
import pitfalls.step02.ErrorsContract;
import pitfalls.step02.HandlersInFrontContract;
import pitfalls.step02.LostResponsesContract;
import pitfalls.step03.UrlContract;
import pitfalls.step04.RetriesContract;
import pitfalls.step04.RetryPolicy;
import pitfalls.step04.StaleConnectionsContract;
import pitfalls.step05.HopMark;
import pitfalls.step05.HopsContract;
import pitfalls.step06.Director;
import pitfalls.step06.DirectorContract;

class EarlierStepsProof {

    @Nested
    class Step_1_minimal implements MinimalContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return new StreamingProxy(target);
        }
    }

    @Nested
    class Step_2_errors implements ErrorsContract, HandlersInFrontContract, LostResponsesContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return new StreamingProxy(target);
        }
    }

    @Nested
    class Step_3_URLs implements UrlContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return new StreamingProxy(target);
        }
    }

    @Nested
    class Step_4_retries implements RetriesContract {
        @Override
        public ProxyHandler newProxy(String target, RetryPolicy policy) {
            var proxy = new StreamingProxy(target);
            proxy.setRetryPolicy(policy);
            return proxy;
        }
    }

    @Nested
    class Step_4_stale_connections implements StaleConnectionsContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return new StreamingProxy(target);
        }
    }

    @Nested
    class Step_5_hops implements HopsContract {
        @Override
        public ProxyHandler newProxy(String target, HopMark mark) {
            var proxy = new StreamingProxy(target);
            proxy.setHopMark(mark);
            return proxy;
        }
    }

    @Nested
    class Step_6_director implements DirectorContract {
        @Override
        public ProxyHandler newProxy(Director director, RetryPolicy policy, String... trustedPeers) {
            var proxy = new StreamingProxy(director);
            proxy.setRetryPolicy(policy);
            proxy.setTrustedPeers(trustedPeers);
            return proxy;
        }
    }
}
