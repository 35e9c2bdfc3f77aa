package pitfalls.support;

import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.jetty.io.SelectorManager;
import org.eclipse.jetty.proxy.ProxyHandler;

/** An upstream so busy that it accepts nobody: its backlog is full, and the next connect waits. Not on Windows. */
public final class FullBacklog implements Closeable {
    private static final int HANDSHAKE_MS = 100; // on loopback it is a matter of microseconds

    private final ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    private final List<Socket> waiting = new ArrayList<>();

    public FullBacklog() throws IOException {
        for (boolean full = false; !full; ) {
            if (waiting.size() > 64) throw new IOException("this system accepts connections beyond the backlog");
            Socket socket = new Socket();
            waiting.add(socket);
            try {
                socket.connect(server.getLocalSocketAddress(), HANDSHAKE_MS);
            } catch (SocketTimeoutException timeout) {
                full = true;
            }
        }
    }

    /** The address of this upstream, as a proxy's target. */
    public String target() {
        return "http://127.0.0.1:" + server.getLocalPort();
    }

    /** Shortens the connect timeout of a proxy that has been started. */
    public static void setConnectTimeout(ProxyHandler proxy, Duration timeout) {
        for (SelectorManager manager : proxy.getHttpClient().getContainedBeans(SelectorManager.class))
            manager.setConnectTimeout(timeout.toMillis());
    }

    @Override
    public void close() throws IOException {
        for (Socket socket : waiting) socket.close();
        server.close();
    }
}
