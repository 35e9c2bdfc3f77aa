package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.step04.RetriesContract.IDEMPOTENT;
import static pitfalls.step04.Retrying.DIES;
import static pitfalls.step04.Retrying.newProxy;

import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.junit.jupiter.api.Test;
import pitfalls.support.Gate;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;

/** What ends the attempts before their time: the proxy stops, no thread is left, or the client leaves. */
class RetryStopTest implements LoopbackTest {

    @Test
    void a_pause_ends_with_the_proxy_and_the_client_gets_an_answer() throws Exception {
        var time = new ManualTime();
        var upstream = loopback.scripted(DIES);
        var proxy = time.in(newProxy(upstream.target(), IDEMPOTENT));
        var client = loopback.connect(loopback.serve(proxy));

        client.sendRequest("GET /x");
        var pause = time.nextPause();
        proxy.stop();
        var response = client.receiveResponse();
        pause.task().run();

        assertThat(response.status()).isEqualTo(502);
        assertThat(upstream.connections()).isEqualTo(1);
    }

    @Test
    void a_proxy_that_is_stopped_has_stopped_its_client() throws Exception {
        var proxy = newProxy("http://127.0.0.1:1", IDEMPOTENT);
        loopback.serve(proxy);
        var httpClient = proxy.getHttpClient();

        proxy.stop();

        assertThat(httpClient.isStopped()).isTrue();
    }

    @Test
    void where_no_thread_is_left_for_another_attempt_the_client_gets_an_answer() throws Exception {
        var time = new ManualTime();
        var busy = new AtomicBoolean();
        var upstream = loopback.scripted(DIES);
        var proxy = new RetryingProxy(upstream.target()) {
            @Override
            protected void configureHttpClient(HttpClient httpClient) {
                super.configureHttpClient(httpClient);
                httpClient.setExecutor(new QueuedThreadPool(8) {
                    @Override
                    public void execute(Runnable task) {
                        if (busy.get()) throw new RejectedExecutionException("all threads are busy");
                        super.execute(task);
                    }
                });
            }
        };
        proxy.setRetryPolicy(IDEMPOTENT);
        var client = loopback.connect(loopback.serve(time.in(proxy)));

        client.sendRequest("GET /x");
        var pause = time.nextPause();
        busy.set(true);
        pause.end();
        busy.set(false);

        assertThat(client.receiveResponse().status()).isEqualTo(502);
        assertThat(upstream.connections()).isEqualTo(1);
    }

    @Test
    void a_client_that_has_left_stops_the_attempts() throws Exception {
        var time = new ManualTime();
        var clientLeft = new Gate("the proxy has read the end of the client");
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            connection.receiveChunk();
        });
        var proxy = time.in(newProxy(upstream.target(), RetryPolicy.idempotent()));
        var client = loopback.connect(loopback.serve(new EndOfClient(proxy, clientLeft)));

        client.sendRequest("PUT /x", "Transfer-Encoding: chunked").send("3\r\nabc\r\n");
        var pause = time.nextPause();
        client.close();
        clientLeft.await();
        try (var log = LogLines.of("pitfalls")) {
            pause.end();

            assertThat(log.first()).startsWith("INFO answered 400 http_request_error for PUT /x");
        }
        assertThat(upstream.connections()).isEqualTo(1);
        assertThat(proxy.getRetries()).isZero();
    }

    /** Opens a gate when the proxy has read that its client has ended the connection in the middle of a body. */
    private static final class EndOfClient extends Handler.Wrapper {
        private final Gate gate;

        EndOfClient(Handler proxy, Gate gate) {
            super(proxy);
            this.gate = gate;
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            var watched = new Request.Wrapper(request) {
                private boolean ended;

                @Override
                public Content.Chunk read() {
                    Content.Chunk chunk = super.read();
                    ended = Content.Chunk.isFailure(chunk);
                    return chunk;
                }

                @Override
                public void demand(Runnable task) {
                    super.demand(() -> {
                        task.run();
                        if (ended) gate.open();
                    });
                }
            };
            return super.handle(watched, response, callback);
        }
    }
}
