package pitfalls.step02;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;

import java.net.SocketAddress;
import java.nio.channels.SocketChannel;
import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.io.ClientConnector;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RefusedOnce;

/** Requests that wait for a connection to the same upstream, when one connection does not come about. */
class WaitingRequestsTest implements LoopbackTest {
    private final Gate failing = new Gate("the first connection is refused");
    private final Gate waiting = new Gate("the second request waits");
    private final CompletableFuture<Void> started = new CompletableFuture<>();

    @Test
    void a_connection_that_fails_fails_one_request() throws Exception {
        assertThat(statusOfTheSecond(true)).isEqualTo(200);
    }

    @Test
    void with_Jettys_transport_it_fails_all_that_wait() throws Exception {
        assertThat(statusOfTheSecond(false)).isEqualTo(502);
    }

    private int statusOfTheSecond(boolean corrected) throws Exception {
        try (var refusing = new RefusedOnce(ok())) {
            var proxy = new OneConnection(refusing.target(), corrected);
            var server = loopback.serve(proxy);
            for (var connector : proxy.getHttpClient().getContainedBeans(ClientConnector.class)) {
                connector.addEventListener(new ClientConnector.ConnectListener() {
                    @Override
                    public void onConnectFailure(SocketChannel channel, SocketAddress address, Throwable failure) {
                        failing.open();
                        started.join();
                    }
                });
            }

            var first = loopback.connect(server).sendRequest("GET /first");
            failing.await();
            var second = loopback.connect(server).sendRequest("GET /second");
            waiting.await();
            refusing.start();
            started.complete(null);

            assertThat(first.receiveResponse().status()).isEqualTo(502);
            return second.receiveResponse().status();
        }
    }

    /** A proxy with one connection to its upstream. */
    private final class OneConnection extends OneConnectionProxy {

        private OneConnection(String target, boolean corrected) {
            super(target, corrected ? null : new UpstreamConnector());
        }

        @Override
        protected void sendProxyToServerRequest(
                Request clientToProxyRequest,
                org.eclipse.jetty.client.Request proxyToServerRequest,
                Response proxyToClientResponse,
                Callback proxyToClientCallback) {
            super.sendProxyToServerRequest(
                    clientToProxyRequest, proxyToServerRequest, proxyToClientResponse, proxyToClientCallback);
            if (clientToProxyRequest.getHttpURI().getPath().equals("/second")) waiting.open();
        }
    }
}
