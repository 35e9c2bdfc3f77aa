package pitfalls.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * An upstream for what MockWebServer cannot say: half a status line, a reset, a chunk when the test wants it.
 * The first connection plays the first script, the second the second, and the last script serves all that follow.
 * A connection is closed when its script ends.
 */
public final class ScriptedUpstream implements Closeable {
    private final ServerSocket server;
    private final List<Script> scripts;
    private final AtomicInteger connections = new AtomicInteger();
    private final Queue<Socket> open = new ConcurrentLinkedQueue<>();
    private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();

    /** What to say on one connection. An exception is reported when the test ends. */
    public interface Script {
        void play(RawConnection connection) throws Exception;
    }

    ScriptedUpstream(String address, Script... scripts) throws IOException {
        this.server = new ServerSocket(0, 50, InetAddress.getByName(address));
        this.scripts = List.of(scripts);
        start("upstream", this::accept);
    }

    /** The address of this upstream, as a proxy's target. */
    public String target() {
        return "http://127.0.0.1:" + port();
    }

    /** The port of this upstream. */
    public int port() {
        return server.getLocalPort();
    }

    /** How many connections were accepted so far. */
    public int connections() {
        return connections.get();
    }

    /** Waits until that many connections were accepted. */
    public void awaitConnections(int count) throws InterruptedException {
        synchronized (connections) {
            long deadline = System.nanoTime() + Loopback.PATIENCE.toNanos();
            while (connections.get() < count && System.nanoTime() < deadline) connections.wait(100);
        }
        assertThat(connections).as("connections that were accepted").hasValueGreaterThanOrEqualTo(count);
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
                int index = connections.getAndIncrement();
                synchronized (connections) {
                    connections.notifyAll();
                }
                Script script = scripts.get(Math.min(index, scripts.size() - 1));
                start("upstream-" + index, () -> play(script, socket));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void play(Script script, Socket socket) {
        try (socket) {
            script.play(new RawConnection(socket));
        } catch (Throwable failure) {
            if (!server.isClosed()) failures.add(failure);
        }
    }

    private static void start(String name, Runnable task) {
        var thread = new Thread(task, name);
        thread.setDaemon(true);
        thread.start();
    }
}
