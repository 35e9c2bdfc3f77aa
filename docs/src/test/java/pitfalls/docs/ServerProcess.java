package pitfalls.docs;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketException;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.jetty.util.component.AbstractLifeCycle;
import pitfalls.support.Loopback;

/** A server in a process of its own, which has started when something listens at its address. */
final class ServerProcess extends AbstractLifeCycle {
    /** How long a server may take to start; some read many files first. */
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final SocketAddress address;
    private final Path output;
    private final ProcessBuilder builder;
    private Process process;

    /**
     * A process that is not started yet.
     *
     * @param address where it will listen: an address from {@link #reserve}, or a file for a socket
     * @param output the file for what it prints
     * @param builder its command and environment
     */
    ServerProcess(SocketAddress address, Path output, ProcessBuilder builder) {
        this.address = address;
        this.output = output;
        this.builder = builder.redirectErrorStream(true).redirectOutput(output.toFile());
    }

    /**
     * A port of loopback that nobody else is given until the test ends. A server can listen there if it sets
     * {@code SO_REUSEADDR}, as most do.
     */
    static InetSocketAddress reserve(Loopback loopback) throws Exception {
        return loopback.started(new Reservation()).address();
    }

    /** Host and port, as in a URL. */
    static String authorityOf(InetSocketAddress address) {
        return address.getHostString() + ":" + address.getPort();
    }

    /** The number of its process, of which the last one counts. */
    long pid() {
        return process.pid();
    }

    /** Sends it a signal: {@code KILL}, {@code STOP}, {@code CONT}. */
    void signal(String name) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-" + name, Long.toString(pid())).start().waitFor();
    }

    /** Waits until it has ended by itself, and kills it if it does not within that time; says which. */
    boolean awaitEnd(Duration limit) throws InterruptedException {
        boolean ended = process.waitFor(limit.toMillis(), MILLISECONDS);
        if (!ended) process.destroyForcibly();
        return ended;
    }

    @Override
    protected void doStart() throws Exception {
        process = builder.start();
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!listens()) {
            boolean ended = process.waitFor(10, MILLISECONDS);
            if (!ended && System.nanoTime() < deadline) continue;
            doStop();
            throw new IOException("it does not listen, and says: " + Files.readString(output));
        }
    }

    private boolean listens() throws IOException {
        try (var channel = SocketChannel.open(address)) {
            return channel.isConnected();
        } catch (SocketException refused) {
            return false;
        }
    }

    @Override
    protected void doStop() throws InterruptedException {
        List<ProcessHandle> all = new ArrayList<>(process.descendants().toList());
        process.destroy();
        if (!process.waitFor(Loopback.PATIENCE.toMillis(), MILLISECONDS)) all.add(process.toHandle());
        all.forEach(ProcessHandle::destroyForcibly);
    }

    /** A port that is bound, so that nobody else is given it, and shared, so that the server can listen on it. */
    private static final class Reservation extends AbstractLifeCycle {
        private final Socket socket = new Socket();

        private InetSocketAddress address() {
            return (InetSocketAddress) socket.getLocalSocketAddress();
        }

        @Override
        protected void doStart() throws IOException {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress("127.0.0.1", 0));
        }

        @Override
        protected void doStop() throws IOException {
            socket.close();
        }
    }
}
