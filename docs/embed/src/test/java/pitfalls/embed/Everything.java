package pitfalls.embed;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.zip.CRC32;
import pitfalls.support.Gate;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream.Script;

/** An upstream that does whatever the last part of the path asks for; one request for each connection. */
final class Everything implements Script {
    static final int LARGE = 200_000;
    static final String EVENT = "data: 1\n\n";

    private final BlockingQueue<Gate> gates = new LinkedBlockingQueue<>();

    /** What the next stream or death waits for after its first bytes, or what opens when it has ended. */
    Gate gate(String event) {
        var gate = new Gate(event);
        gates.add(gate);
        return gate;
    }

    static String sum(String body) {
        var sum = new CRC32();
        sum.update(body.getBytes(ISO_8859_1));
        return body.length() + " bytes, " + Long.toHexString(sum.getValue());
    }

    @Override
    public void play(RawConnection connection) throws Exception {
        String head = connection.receiveHead();
        String target = head.split(" ", 3)[1];
        String path = target.split("\\?", 2)[0];
        String what = path.substring(path.lastIndexOf('/') + 1);
        switch (what) {
            case "large" -> answer(connection, "x".repeat(LARGE));
            case "upload" -> answer(connection, sum(body(connection, head)));
            case "stream" -> {
                begin(connection, "text/event-stream");
                gates.remove().await();
                connection.send(chunk(EVENT) + "0\r\n\r\n");
            }
            case "quiet" -> {
                begin(connection, "text/event-stream");
                connection.send(chunk(EVENT));
                Gate left = gates.remove();
                connection.awaitEnd();
                left.open();
            }
            case "chat" -> {
                connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat/2\r\n\r\n");
                connection.send("echo of " + connection.receive(5));
            }
            case "dies-before" -> body(connection, head);
            case "dies-behind-the-head" -> {
                body(connection, head);
                begin(connection, "text/plain");
            }
            case "dies-within" -> {
                body(connection, head);
                begin(connection, "text/plain");
                connection.send(chunk("abc"));
                Gate arrived = gates.poll();
                if (arrived != null) arrived.await();
            }
            default -> answer(connection, target);
        }
    }

    private static String body(RawConnection connection, String head) throws Exception {
        var request = new RawMessage(head, "", true);
        boolean hasBody = !request.field("Content-Length").isEmpty()
                || !request.field("Transfer-Encoding").isEmpty();
        return hasBody ? connection.receiveBodyOf(request).body() : "";
    }

    private static void begin(RawConnection connection, String type) throws Exception {
        connection.send("HTTP/1.1 200 OK\r\nContent-Type: " + type + "\r\nTransfer-Encoding: chunked\r\n\r\n");
    }

    private static String chunk(String content) {
        return Integer.toHexString(content.length()) + "\r\n" + content + "\r\n";
    }

    private static void answer(RawConnection connection, String body) throws Exception {
        connection.send(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/octet-stream\r\nContent-Length: "
                        + body.length() + "\r\n\r\n" + body);
    }
}
