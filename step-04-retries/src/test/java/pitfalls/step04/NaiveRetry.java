package pitfalls.step04;

import pitfalls.step02.Exchange;
import pitfalls.step02.ProxyError;
import pitfalls.step03.UrlNormalizingProxy;

/** A usual wrong answer: whatever failed is tried once more, whatever it was. */
class NaiveRetry extends UrlNormalizingProxy {
    NaiveRetry(String target) {
        super(target);
    }

    @Override
    protected void onFailure(Exchange exchange, ProxyError error) {
        if (exchange.attempt() == 1) attempt(exchange);
        else super.onFailure(exchange, error);
    }
}
