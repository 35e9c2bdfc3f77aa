package pitfalls.step02;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.io.ClientConnector;
import org.junit.jupiter.api.Test;
import pitfalls.support.Gate;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;

/** A request that waits for a connection, on which the upstream's end came with the response to the one before. */
class KeptConnectionTest implements LoopbackTest {
    private final Gate reading = new Gate("the proxy reads the first response");
    private final CompletableFuture<Void> ended = new CompletableFuture<>();

    @Test
    void a_connection_is_looked_at_before_it_is_used_again() throws Exception {
        assertThat(statusOfTheSecond(true)).isEqualTo(200);
    }

    @Test
    void with_Jettys_transport_it_is_used_first() throws Exception {
        assertThat(statusOfTheSecond(false)).isEqualTo(502);
    }

    private int statusOfTheSecond(boolean corrected) throws Exception {
        var upstream = loopback.scripted(
                connection -> {
                    connection.receiveRequest();
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                    reading.await();
                    connection.shutdownOutput();
                    ended.complete(null);
                    connection.awaitEnd();
                },
                connection -> {
                    connection.receiveRequest();
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                });
        var proxy = new OneConnection(upstream.target(), corrected);
        var server = loopback.serve(proxy);
        var first = loopback.connect(server).sendRequest("GET /first");
        reading.await();
        var second = loopback.connect(server).sendRequest("POST /second", "Content-Length: 0");
        first.receiveResponse();
        return second.receiveResponse().status();
    }

    /** A proxy with one connection to its upstream, which reads the first response when a second request waits and the upstream has ended. */
    private final class OneConnection extends OneConnectionProxy {
        private volatile boolean wasRead;

        private OneConnection(String target, boolean corrected) {
            super(target, corrected ? null : new ClientConnector());
        }

        @Override
        protected HttpField filterServerToProxyResponseField(HttpField field) {
            reading.open();
            ended.join();
            long deadline = System.nanoTime() + Loopback.PATIENCE.toNanos();
            boolean isFirst = !wasRead;
            while (isFirst && !Loopback.hasNoConnectionLeft(getHttpClient()) && System.nanoTime() < deadline)
                Thread.onSpinWait();
            wasRead = true;
            return super.filterServerToProxyResponseField(field);
        }
    }
}
