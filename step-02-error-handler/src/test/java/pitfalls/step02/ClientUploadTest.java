package pitfalls.step02;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;
import pitfalls.support.Slow;

class ClientUploadTest implements LoopbackTest {

    @Slow
    @Test
    void whoever_reads_on_after_the_exchange_has_failed_reads_the_failure() throws Exception {
        var failure = new IOException("the upstream has gone");
        var read = new CompletableFuture<Content.Chunk>();
        var client = loopback.connect(loopback.serve(new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                var upload = new ClientUpload(new Exchange(request, response, callback));
                upload.fail(failure, true);
                upload.demand(() -> read.complete(upload.read()));
                callback.succeeded();
                return true;
            }
        }));

        client.sendRequest("POST /x", "Content-Length: 3").send("abc").receiveResponse();

        assertThat(read).isCompletedWithValueMatching(chunk -> chunk.getFailure() == failure);
    }

    @Test
    void an_exchange_learns_when_the_proxy_waits_for_its_client() throws Exception {
        var waits = new ConcurrentLinkedQueue<Boolean>();
        var demanded = new Gate("the body is demanded");
        var client = loopback.connect(loopback.serve(new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                var upload = new ClientUpload(new Exchange(request, response, callback) {
                    @Override
                    protected void onUploadWait(boolean waiting) {
                        waits.add(waiting);
                    }
                });
                upload.demand(() -> {
                    upload.read().release();
                    callback.succeeded();
                });
                upload.demand(() -> waits.add(true)); // by another attempt, for the same task
                demanded.open();
                return true;
            }
        }));

        client.sendRequest("POST /x", "Content-Length: 3");
        demanded.await();
        client.send("abc").receiveResponse();

        assertThat(waits).containsExactly(true, true, false);
    }
}
