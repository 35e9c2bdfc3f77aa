package pitfalls.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.Closeable;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;

/**
 * An upstream for what MockWebServer cannot say: half a status line, a reset, a chunk when the test wants it.
 * The first connection with a request plays the first script, the second the second, and the last script serves all
 * that follow.
 * A connection is closed when its script ends.
 */
public final class ScriptedUpstream implements Closeable {
    private final ServerSocket server;
    private final SSLContext tls;
    private final List<Script> scripts;
    private final AtomicInteger connections = new AtomicInteger();
    private final Queue<Socket> open = new ConcurrentLinkedQueue<>();
    private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();

    /** What to say on one connection. An exception is reported when the test ends. */
    public interface Script {
        void play(RawConnection connection) throws Exception;
    }

    /** Over TLS, if there is a context for it. A certificate of the client's is asked for, and need not come. */
    ScriptedUpstream(ServerSocket server, SSLContext tls, Script... scripts) {
        this.tls = tls;
        this.server = server;
        this.scripts = List.of(scripts);
        start("upstream", this::accept);
    }

    /** The address of this upstream, as a proxy's target. */
    public String target() {
        return target("127.0.0.1");
    }

    /** The same by another name of this machine, such as {@code localhost}. */
    public String target(String host) {
        return (tls == null ? "http://" : "https://") + host + ":" + port();
    }

    /** The port of this upstream. */
    public int port() {
        return server.getLocalPort();
    }

    /** How many connections brought a request so far; Jetty may open one more in advance. */
    public int connections() {
        return connections.get();
    }

    /** Waits until that many connections have brought a request. */
    public void awaitConnections(int count) throws InterruptedException {
        synchronized (connections) {
            long deadline = System.nanoTime() + Loopback.PATIENCE.toNanos();
            while (connections.get() < count && System.nanoTime() < deadline) connections.wait(100);
        }
        assertThat(connections).as("connections with a request").hasValueGreaterThanOrEqualTo(count);
    }

    @Override
    public void close() throws IOException {
        server.close();
        for (Socket socket : open) socket.close();
        assertThat(failures).as("failures in the upstream's scripts").isEmpty();
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket socket = server.accept();
                open.add(socket);
                start("upstream-connection", () -> play(socket));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void play(Socket socket) {
        try (socket) {
            playScript(socket); // and keeps its failure, before the end of the connection tells that it is over
        } catch (IOException closing) {
            failures.add(closing);
        }
    }

    private void playScript(Socket socket) {
        try {
            var connection = new RawConnection(tls == null ? socket : secured(socket), socket);
            if (begins(connection)) nextScript().play(connection);
        } catch (Throwable failure) {
            if (!server.isClosed()) failures.add(failure);
        }
    }

    /** Whether a request comes. If the client does not trust this upstream, none does, however the connection ends. */
    private static boolean begins(RawConnection connection) {
        try {
            return connection.begins();
        } catch (IOException refused) {
            return false;
        }
    }

    /** Closing the socket below does not say goodbye in TLS. */
    private Socket secured(Socket socket) throws IOException {
        var secure = (SSLSocket) tls.getSocketFactory().createSocket(socket, null, socket.getPort(), false);
        secure.setUseClientMode(false);
        secure.setWantClientAuth(true);
        return secure;
    }

    private Script nextScript() {
        synchronized (connections) {
            connections.notifyAll();
            return scripts.get(Math.min(connections.getAndIncrement(), scripts.size() - 1));
        }
    }

    private static void start(String name, Runnable task) {
        var thread = new Thread(task, name);
        thread.setDaemon(true);
        thread.start();
    }
}
