package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Instant;
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
import pitfalls.step04.RetryPolicy.Budget;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;

class AttemptsTest implements LoopbackTest {
    private final RetryMeter meter = new RetryMeter();

    @Test
    void what_was_read_and_will_not_be_sent_is_released_in_the_end() throws Exception {
        var client = new ManualClient();
        var released = new AtomicBoolean();
        var attempts = attempts();
        attempts.body(() -> client, new HttpClient().newRequest("http://127.0.0.1:1"));
        attempts.fail(new IOException("the connection died"));
        client.send(Content.Chunk.from(BufferUtil.toBuffer("abc"), false, () -> released.set(true)));

        attempts.end();

        assertThat(released).as("the buffer is back in its pool").isTrue();
    }

    @Test
    void a_request_is_in_flight_until_it_ends() throws Exception {
        var all = new Budget(100, 0);
        var attempts = attempts();
        assertThat(meter.acquire(all)).as("one of one may").isTrue();
        meter.release();

        attempts.end();

        assertThat(meter.acquire(all)).as("one of none may").isFalse();
    }

    /** Those at a real request, which Jetty alone can make. */
    private Attempts attempts() throws Exception {
        var attempts = new CompletableFuture<Attempts>();
        var client = loopback.connect(loopback.serve(new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                attempts.complete(new Attempts(RetryPolicy.idempotent(), meter, request, Instant.EPOCH));
                return true; // and never answers: the request stays as it is
            }
        }));
        client.sendRequest("PUT /x", "Transfer-Encoding: chunked");
        return attempts.get(Loopback.PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    }
}
