package pitfalls.docs;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.eclipse.jetty.util.component.LifeCycle;
import pitfalls.support.Loopback;

/** One proxy, started for one row of {@code docs/beside-others.md}, and what the rows do with it. */
final class RowBench implements AutoCloseable {
    /** A request that any upstream answers. */
    static final String GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    /** An answer to it. */
    static final byte[] OK = bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

    private static final int WARM = 100;
    private static final int PATIENCE_MILLIS = 10_000;

    private final Loopback loopback = new Loopback();
    private final List<Socket> sockets = new ArrayList<>();
    private final Peer peer;
    private final Path folder;
    private ServerProcess process;
    private InetSocketAddress proxy;

    /** A bench for that proxy, which writes into that folder. */
    RowBench(Peer peer, Path folder) {
        this.peer = peer;
        this.folder = folder;
    }

    /** A port for something that the row starts by itself. */
    InetSocketAddress reserve() throws Exception {
        return ServerProcess.reserve(loopback);
    }

    /** Starts something that ends with this bench. */
    <T extends LifeCycle> T started(T part) throws Exception {
        return loopback.started(part);
    }

    /** Starts the proxy in front of an upstream that answers each request, and lets it answer some; 0 is no limit. */
    void startWarm(int descriptors) throws Exception {
        startCold(descriptors);
        count(WARM, 4, () -> isServed(PATIENCE_MILLIS));
    }

    /** Starts the proxy in front of an upstream that answers each request; with so many descriptors, or 0 for no limit. */
    void startCold(int descriptors) throws Exception {
        RowUpstream.Script answers = (socket, in) -> {
            for (var head = SoakMessage.readHead(in); head != null; head = SoakMessage.readHead(in)) {
                head.readBody(in, false);
                socket.getOutputStream().write(OK);
            }
        };
        start(started(new RowUpstream(answers)).authority(), false, descriptors);
    }

    /** Starts the proxy in front of an upstream of that script. */
    void startBefore(RowUpstream.Script script) throws Exception {
        start(started(new RowUpstream(script)).authority(), false, 0);
    }

    /** Starts the proxy in front of that address; with so many descriptors, or 0 for no limit. */
    void start(String target, boolean retries, int descriptors) throws Exception {
        proxy = reserve();
        List<String> command = new ArrayList<>();
        if (descriptors > 0) command.addAll(List.of("sh", "-c", "ulimit -n " + descriptors + " && exec \"$@\"", "sh"));
        command.addAll(peer.command(folder, ServerProcess.authorityOf(proxy), target, retries));
        process = loopback.started(new ServerProcess(
                proxy, folder.resolve("output.txt"), new Sandbox(folder).command(command.toArray(String[]::new))));
    }

    /** A connection to the proxy. */
    Socket connect() throws IOException {
        var socket = new Socket();
        socket.setSoTimeout(PATIENCE_MILLIS);
        socket.setTcpNoDelay(true);
        socket.connect(proxy, PATIENCE_MILLIS);
        return socket;
    }

    /** Connections on which that was sent, as far as the proxy takes them. */
    List<Socket> connect(int number, String text) {
        List<Socket> all = new ArrayList<>();
        for (int i = 0; i < number; i++) {
            try {
                Socket socket = connect();
                all.add(socket);
                socket.getOutputStream().write(bytes(text));
            } catch (IOException refused) {
                // one fewer
            }
        }
        sockets.addAll(all);
        return all;
    }

    /** Whether a client that sends a GET on a new connection has a 200 within that time. */
    boolean isServed(int millis) {
        return answerTo(GET, millis).startsWith("HTTP/1.1 200");
    }

    /** Sends that on a new connection and returns the first line of the response; empty if there is none. */
    String answerTo(String request, int millis) {
        try (Socket socket = connect()) {
            socket.setSoTimeout(millis);
            socket.getOutputStream().write(bytes(request));
            SoakMessage head = SoakMessage.readHead(new BufferedInputStream(socket.getInputStream()));
            return head == null ? "" : head.firstLine();
        } catch (IOException x) {
            return "";
        }
    }

    /** Whether a client that sends a GET on a new connection gets what looks like a whole response of status 200. */
    boolean isWhole() {
        try (Socket socket = connect()) {
            socket.setSoTimeout(3000);
            socket.getOutputStream().write(bytes("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
            InputStream in = new BufferedInputStream(socket.getInputStream());
            SoakMessage head = SoakMessage.readHead(in);
            if (head == null || !head.firstLine().startsWith("HTTP/1.1 200")) return false;
            head.readBody(in, true);
            return true;
        } catch (IOException x) {
            return false;
        }
    }

    /** How often that was true, of so many calls at once. */
    static int count(int calls, int threads, Callable<Boolean> call) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        try {
            List<Future<Boolean>> all = new ArrayList<>();
            for (int i = 0; i < calls; i++) all.add(pool.submit(call));
            int times = 0;
            for (var one : all) if (one.get()) times++;
            return times;
        } finally {
            pool.shutdownNow();
        }
    }

    /** Megabytes of memory that its processes have. */
    long residentMegabytes() throws IOException {
        long kilobytes = 0;
        var root = ProcessHandle.of(process.pid()).orElseThrow();
        for (var one : Stream.concat(Stream.of(root), root.descendants()).toList())
            for (String line : Files.readAllLines(Path.of("/proc", Long.toString(one.pid()), "status")))
                if (line.startsWith("VmRSS:")) kilobytes += Long.parseLong(line.replaceAll("\\D", ""));
        return kilobytes / 1024;
    }

    /** Closes a connection, if there is one. */
    static void close(Socket socket) {
        try {
            if (socket != null) socket.close();
        } catch (IOException x) {
            // it is closed
        }
    }

    /** The bytes of a message. */
    static byte[] bytes(String text) {
        return text.getBytes(ISO_8859_1);
    }

    @Override
    public void close() throws IOException {
        sockets.forEach(RowBench::close);
        try {
            loopback.afterEach(null);
        } catch (Exception x) {
            throw new IOException("could not stop what " + peer + " needs", x);
        }
    }
}
