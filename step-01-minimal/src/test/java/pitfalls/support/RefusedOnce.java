package pitfalls.support;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.nio.channels.SocketChannel;
import mockwebserver3.MockResponse;
import mockwebserver3.MockWebServer;
import org.eclipse.jetty.io.ClientConnector;
import org.eclipse.jetty.proxy.ProxyHandler;

/** An upstream that is down for the first connection and up for the second: it starts when the first was refused. */
public final class RefusedOnce implements AutoCloseable {
    private final Socket reserved = new Socket();
    private final int port;
    private final MockWebServer upstream = LoopbackTest.loopback.newUpstream();

    public RefusedOnce(MockResponse.Builder answer) throws IOException {
        reserved.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        port = reserved.getLocalPort();
        upstream.enqueue(answer.build());
    }

    /** The address of this upstream, as a proxy's target. */
    public String target() {
        return "http://127.0.0.1:" + port;
    }

    /** The upstream that starts after the first connection of this proxy, which runs already, was refused. */
    public MockWebServer startedAfterRefusing(ProxyHandler proxy) {
        for (ClientConnector connector : proxy.getHttpClient().getContainedBeans(ClientConnector.class))
            connector.addEventListener(new ClientConnector.ConnectListener() {
                @Override
                public void onConnectFailure(SocketChannel channel, SocketAddress address, Throwable failure) {
                    start();
                }
            });
        return upstream;
    }

    /** Starts the upstream now. */
    public MockWebServer start() {
        try {
            reserved.close();
            upstream.start(port);
            return upstream;
        } catch (IOException x) {
            throw new IllegalStateException("cannot open port " + port, x);
        }
    }

    @Override
    public void close() throws IOException {
        reserved.close();
        upstream.close();
    }
}
