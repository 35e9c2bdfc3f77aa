package pitfalls.docs;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Base64;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.regex.Pattern;
import pitfalls.support.RawConnection;

/**
 * What a fleet forwards to: answers at once, or when it has read an upload, or with an event or a message of a WebSocket every now and then
 * for ever. The first of them is what {@code Via} says, by which a client knows its instance.
 */
final class FleetUpstream implements AutoCloseable {
    private static final Duration BETWEEN_EVENTS = Duration.ofMillis(200);
    private static final String END_OF_KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455, section 1.3
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
                if (head.startsWith("GET /events")) sendEvents(connection, head);
                if (head.startsWith("GET /socket")) sendMessages(connection, head);
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

    private static String field(String head, String name) {
        return Pattern.compile("(?im)^" + name + ": *(.*?) *\r?$")
                .matcher(head)
                .results()
                .map(found -> found.group(1))
                .findFirst()
                .orElse("");
    }

    private static void sendEvents(RawConnection connection, String head) throws IOException, InterruptedException {
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        String event = "data: " + field(head, "Via") + "\n";
        while (true) {
            connection.send(Integer.toHexString(event.length()) + "\r\n" + event + "\r\n");
            Thread.sleep(BETWEEN_EVENTS.toMillis());
        }
    }

    private static void sendMessages(RawConnection connection, String head) throws IOException, InterruptedException {
        connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: " + acceptOf(field(head, "Sec-WebSocket-Key")) + "\r\n\r\n");
        byte[] message = field(head, "Via").getBytes(StandardCharsets.US_ASCII);
        while (true) {
            connection.send(new byte[] {(byte) 0x81, (byte) message.length}); // a whole text of less than 126 bytes
            connection.send(message);
            Thread.sleep(BETWEEN_EVENTS.toMillis());
        }
    }

    private static String acceptOf(String key) {
        try {
            byte[] bytes = (key + END_OF_KEY).getBytes(StandardCharsets.US_ASCII);
            return Base64.getEncoder()
                    .encodeToString(MessageDigest.getInstance("SHA-1").digest(bytes));
        } catch (NoSuchAlgorithmException x) {
            throw new IllegalStateException(x);
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
        for (Socket socket : sockets) socket.close();
    }
}
