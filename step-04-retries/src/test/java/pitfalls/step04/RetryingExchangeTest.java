package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;
import pitfalls.step02.ProxyError;
import pitfalls.step04.RetryPolicy.Budget;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;

class RetryingExchangeTest implements LoopbackTest {
    private final RetryingProxy proxy = new RetryingProxy(":1");

    @Test
    void what_was_read_and_will_not_be_sent_is_released_in_the_end() throws Exception {
        var client = new ManualClient();
        var released = new AtomicBoolean();
        var exchange = exchange();
        exchange.body(() -> client, new HttpClient().newRequest("http://127.0.0.1:1"));
        exchange.endAttempt(new ProxyError(ProxyError.PROTOCOL_ERROR, null));
        client.send(Content.Chunk.from(BufferUtil.toBuffer("abc"), false, () -> released.set(true)));

        exchange.end();

        assertThat(released).as("the buffer is back in its pool").isTrue();
    }

    @Test
    void a_request_is_in_flight_until_it_ends() throws Exception {
        var all = new Budget(100, 0);
        var exchange = exchange();
        assertThat(proxy.meter.acquire(all)).as("one of one may").isTrue();
        proxy.meter.release();

        exchange.end();
        exchange.end();

        assertThat(proxy.meter.acquire(all)).as("one of none may").isFalse();
    }

    /** One of a real request, which Jetty alone can make. */
    private RetryingExchange exchange() throws Exception {
        proxy.setRetryPolicy(RetryPolicy.idempotent());
        var exchange = new CompletableFuture<RetryingExchange>();
        var client = loopback.connect(loopback.serve(new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                exchange.complete(new RetryingExchange(proxy, request, response, callback));
                return true; // and never answers: the request stays as it is
            }
        }));
        client.sendRequest("PUT /x", "Transfer-Encoding: chunked");
        return exchange.get(Loopback.PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    }
}
