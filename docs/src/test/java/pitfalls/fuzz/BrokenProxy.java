package pitfalls.fuzz;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** Proxies with a fault that everybody knows, for a look at what a fuzzer finds. */
final class BrokenProxy implements AutoCloseable {
    private final ServerSocket server = new ServerSocket(0, 1024, InetAddress.getByName("127.0.0.1"));
    private final InetSocketAddress upstream;
    private final Fault fault;

    /** What it does with a client's connection and one of its own to the upstream. */
    interface Fault {
        void serve(Socket client, Socket upstream) throws IOException, StrictReader.Malformed, StrictReader.BrokenOff;
    }

    BrokenProxy(FuzzUpstream upstream, Fault fault) throws IOException {
        this.upstream = upstream.address();
        this.fault = fault;
        start(this::accept);
    }

    InetSocketAddress address() {
        return (InetSocketAddress) server.getLocalSocketAddress();
    }

    private static Thread start(Runnable task) {
        var thread = new Thread(task, "broken-proxy");
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket client = server.accept();
                start(() -> serve(client));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void serve(Socket client) {
        try (client;
                var connection = new Socket(upstream.getAddress(), upstream.getPort())) {
            fault.serve(client, connection);
        } catch (IOException | StrictReader.Malformed | StrictReader.BrokenOff x) {
            // the connections end
        }
    }

    /** Passes every byte on as it is. */
    static void relay(Socket client, Socket upstream) throws IOException {
        Thread requests = start(() -> copy(client, upstream));
        copy(upstream, client);
        client.close();
        requests.interrupt();
    }

    private static void copy(Socket from, Socket to) {
        try {
            from.getInputStream().transferTo(to.getOutputStream());
            to.shutdownOutput();
        } catch (IOException closed) {
            // so is the other one, soon
        }
    }

    /** Takes no request for one with a body, so that the body becomes the next request. */
    static void forgetBodies(Socket client, Socket upstream)
            throws IOException, StrictReader.Malformed, StrictReader.BrokenOff {
        start(() -> copy(upstream, client));
        var requests = new StrictReader(client.getInputStream());
        for (var head = requests.readRequestHead(); head != null; head = requests.readRequestHead()) {
            upstream.getOutputStream()
                    .write((head.method() + " " + head.target() + " HTTP/1.1\r\nHost: x\r\n\r\n")
                            .getBytes(StandardCharsets.ISO_8859_1));
        }
    }

    /** Ends every response as if it had been whole. */
    static void completeEverything(Socket client, Socket upstream)
            throws IOException, StrictReader.Malformed, StrictReader.BrokenOff {
        start(() -> copy(client, upstream));
        var responses = new StrictReader(upstream.getInputStream());
        var head = responses.readResponseHead();
        byte[] body = new byte[0];
        try {
            body = responses.readBody(head, StrictReader.framingOfResponse(head, "GET"));
        } catch (StrictReader.Malformed | StrictReader.BrokenOff x) {
            // nobody will know
        }
        var echo = head.values("X-Echo").isEmpty() ? "" : head.values("X-Echo").get(0);
        client.getOutputStream()
                .write(("HTTP/1.1 " + head.status() + " X\r\nX-Echo: " + echo + "\r\nConnection: close\r\n\r\n")
                        .getBytes(StandardCharsets.ISO_8859_1));
        client.getOutputStream().write(body);
    }

    @Override
    public void close() throws IOException {
        server.close();
    }
}
