package pitfalls.program;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A balancer of layer 4: it gives each connection to the next instance of its list, passes bytes in both directions, and retries
 * nothing. A connection whose instance refuses it is closed. It knows of the instances what it is told, and may be told late.
 */
public final class Balancer implements AutoCloseable {
    private static final int BACKLOG = 500;
    private static final int BUFFER = 16 * 1024;

    private final ServerSocket server;
    private final List<InetSocketAddress> instances = new CopyOnWriteArrayList<>();
    private final AtomicInteger next = new AtomicInteger();
    private final Queue<Socket> open = new ConcurrentLinkedQueue<>();
    private final ExecutorService threads = Executors.newCachedThreadPool(task -> {
        var thread = new Thread(task, "balancer");
        thread.setDaemon(true);
        return thread;
    });

    /** A balancer that begins with these instances. */
    public Balancer(URI... instances) throws IOException {
        for (URI instance : instances) add(instance);
        server = new ServerSocket(0, BACKLOG, InetAddress.getLoopbackAddress());
        threads.execute(this::accept);
    }

    /** Where its clients connect to. */
    public URI url() {
        return URI.create("http://127.0.0.1:" + server.getLocalPort());
    }

    /** Gives connections to this instance too from now on. */
    public void add(URI instance) {
        instances.add(new InetSocketAddress(instance.getHost(), instance.getPort()));
    }

    /** Gives no more connections to this instance. Those that it has stay. */
    public void remove(URI instance) {
        instances.remove(new InetSocketAddress(instance.getHost(), instance.getPort()));
    }

    /** How many connections it has accepted. */
    public int connections() {
        return next.get();
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket client = server.accept();
                threads.execute(() -> serve(client));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void serve(Socket client) {
        var instance = new Socket();
        open.add(client);
        open.add(instance);
        try (client;
                instance) {
            client.setTcpNoDelay(true);
            instance.setTcpNoDelay(true);
            instance.connect(nextInstance());
            var answers = threads.submit(() -> pass(instance, client));
            pass(client, instance);
            answers.get();
        } catch (Exception x) {
            // The client sees that its connection ends.
        } finally {
            open.remove(client);
            open.remove(instance);
        }
    }

    private InetSocketAddress nextInstance() {
        List<InetSocketAddress> current = List.copyOf(instances);
        return current.get(next.getAndIncrement() % current.size());
    }

    /** Passes bytes until their end, and then that end; a reset ends both directions. */
    private static void pass(Socket from, Socket to) {
        try {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            byte[] buffer = new byte[BUFFER];
            for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) out.write(buffer, 0, count);
            to.shutdownOutput();
        } catch (IOException reset) {
            closeQuietly(from);
            closeQuietly(to);
        }
    }

    private static void closeQuietly(Socket socket) {
        try {
            socket.close();
        } catch (IOException x) {
            // It is closed.
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
        open.forEach(Balancer::closeQuietly);
        threads.shutdownNow();
    }
}
