package pitfalls.docs;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import pitfalls.support.RawConnection;

/** What a fleet forwards to: answers at once, or when it has read an upload, or with an event every now and then for ever. */
final class FleetUpstream implements AutoCloseable {
    private static final Duration BETWEEN_EVENTS = Duration.ofMillis(200);
    private static final String OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    private final ServerSocket server = new ServerSocket(0, 500, InetAddress.getLoopbackAddress());
    private final Queue<Socket> sockets = new ConcurrentLinkedQueue<>();

    FleetUpstream() throws IOException {
        start(this::accept);
    }

    private static void start(Runnable task) {
        var thread = new Thread(task, "fleet-upstream");
        thread.setDaemon(true);
        thread.start();
    }

    /** Its address. */
    String target() {
        return "127.0.0.1:" + server.getLocalPort();
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket socket = server.accept();
                sockets.add(socket);
                start(() -> serve(socket));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void serve(Socket socket) {
        try (var connection = new RawConnection(socket)) {
            while (true) {
                while (connection.receivesNothingFor(Duration.ofSeconds(1))) {
                    // A kept connection waits for its next request.
                }
                String head = connection.receiveHead();
                if (head.startsWith("GET /events")) sendEvents(connection);
                if (head.startsWith("POST")) connection.receive(lengthOf(head));
                connection.send(OK);
            }
        } catch (IOException | InterruptedException ended) {
            // This is how it should end.
        } finally {
            sockets.remove(socket);
        }
    }

    private static int lengthOf(String head) {
        return Integer.parseInt(head.replaceAll("(?is).*content-length: *(\\d+).*", "$1"));
    }

    private static void sendEvents(RawConnection connection) throws IOException, InterruptedException {
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        while (true) {
            connection.send("8\r\ndata: x\n\r\n");
            Thread.sleep(BETWEEN_EVENTS.toMillis());
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
        for (Socket socket : sockets) socket.close();
    }
}
