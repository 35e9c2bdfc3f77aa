package pitfalls.fuzz;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The upstream of a proxy that is fuzzed, on a free port of loopback: a thread for each connection, and a fuzzer that serves it. */
public final class FuzzUpstream implements AutoCloseable {
    /** The target of a plain GET. */
    static final String ALIVE = "/alive";

    private static final int BACKLOG = 1024;

    private final ServerSocket server = new ServerSocket(0, BACKLOG, InetAddress.getByName("127.0.0.1"));
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private volatile Service service;

    /** What a fuzzer does with what reaches its upstream. */
    interface Service {
        /** Answers a request of which the head was read; returns whether the connection goes on. */
        boolean answer(StrictReader.Head head, Received received, OutputStream out)
                throws IOException, StrictReader.Malformed, StrictReader.BrokenOff;

        /** Is told that what a proxy has sent is not a request. */
        void onMalformed(Received received, String complaint);
    }

    /** What has come on a connection: the last of it, and what is still to be read. */
    record Received(TailStream tail, StrictReader reader) {
        byte[] readBody(StrictReader.Head head) throws IOException, StrictReader.Malformed, StrictReader.BrokenOff {
            return reader.readBody(head, StrictReader.framingOfRequest(head));
        }
    }

    /**
     * Listens.
     *
     * @throws IOException if no port is free
     */
    public FuzzUpstream() throws IOException {
        start(this::accept);
    }

    private static void start(Runnable task) {
        var thread = new Thread(task, "fuzz-upstream");
        thread.setDaemon(true);
        thread.start();
    }

    /** {@return where it listens: the address to which the proxy has to forward} */
    public InetSocketAddress address() {
        return (InetSocketAddress) server.getLocalSocketAddress();
    }

    void setService(Service service) {
        this.service = service;
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket connection = server.accept();
                open.add(connection);
                start(() -> serve(connection));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void serve(Socket connection) {
        try (connection) {
            connection.setTcpNoDelay(true);
            serve(connection.getInputStream(), connection.getOutputStream());
        } catch (IOException | StrictReader.BrokenOff x) {
            // the proxy has given up, as it does when a client leaves
        } finally {
            open.remove(connection);
        }
    }

    private void serve(InputStream in, OutputStream out) throws IOException, StrictReader.BrokenOff {
        var tail = new TailStream(in);
        var received = new Received(tail, new StrictReader(tail));
        try {
            boolean goesOn = true;
            while (goesOn) {
                StrictReader.Head head = received.reader().readRequestHead();
                goesOn = head != null && answer(head, received, out) && !head.isLast();
            }
        } catch (StrictReader.Malformed x) {
            service.onMalformed(received, x.getMessage());
        }
    }

    private boolean answer(StrictReader.Head head, Received received, OutputStream out)
            throws IOException, StrictReader.Malformed, StrictReader.BrokenOff {
        if (!head.target().equals(ALIVE)) return service.answer(head, received, out);
        received.readBody(head);
        out.write(answer(head.target(), head.method(), false));
        return true;
    }

    /** A response with that body, which tells in a header for which target it is. */
    static byte[] answer(String target, String method, boolean isChunked) {
        String body = "an answer to " + target;
        String framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: " + body.length();
        String framed = isChunked ? Integer.toHexString(body.length()) + "\r\n" + body + "\r\n0\r\n\r\n" : body;
        return ("HTTP/1.1 200 OK\r\nX-Echo: " + target + "\r\n" + framing + "\r\n\r\n"
                        + (method.equals("HEAD") ? "" : framed))
                .getBytes(StandardCharsets.ISO_8859_1);
    }

    @Override
    public void close() throws IOException {
        server.close();
        for (Socket connection : open) connection.close();
    }
}
