package pitfalls.http2;

import java.io.EOFException;
import java.io.IOException;
import java.net.SocketException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import pitfalls.http2.Http2Peer.Frame;
import pitfalls.support.RawConnection;

/**
 * A client or an upstream in one exchange, in HTTP/1.1 or HTTP/2, so that one test can say what holds for both. Names of fields are in
 * lower case; what HTTP/2 has in pseudo-headers is told as such of HTTP/1.1 too.
 */
public abstract class Side {

    /** The header of a message, or its trailers. */
    public record Head(List<String> lines) {
        /** The values of all fields with that name. */
        public List<String> field(String name) {
            return lines.stream()
                    .filter(line -> line.startsWith(name + ": "))
                    .map(line -> line.substring(name.length() + 2))
                    .toList();
        }

        /** The status of a response. */
        public int status() {
            return Integer.parseInt(field(":status").get(0));
        }
    }

    /** What came behind a header. */
    public record Body(String text, Head trailers, boolean complete) {}

    /** The client's side of the next exchange on this connection. */
    public static Side client(boolean isHttp2, RawConnection connection) throws IOException {
        return isHttp2 ? new Two(Http2Peer.client(connection), true) : new One(connection, true);
    }

    /** The upstream's side of the first exchange on this connection. */
    public static Side upstream(boolean isHttp2, RawConnection connection) throws IOException {
        return isHttp2 ? new Two(Http2Peer.server(connection), false) : new One(connection, false);
    }

    /** Sends a request that has no body. */
    public Side request(String method, String path, String... fields) throws IOException {
        return request(method, path, true, fields);
    }

    /** Sends the header of a request, whose body of unknown length may follow. */
    public abstract Side request(String method, String path, boolean last, String... fields) throws IOException;

    /** Sends the header of a response, whose body of unknown length follows. */
    public abstract Side respond(int status, String... fields) throws IOException;

    /** Sends a response without a body. */
    public abstract Side respondOnly(int status, String... fields) throws IOException;

    /** Sends an interim response. */
    public abstract Side interim(int status, String... fields) throws IOException;

    /** Sends a piece of the body. */
    public abstract Side piece(String text) throws IOException;

    /** Ends the body, with these trailers. */
    public abstract Side end(String... trailers) throws IOException;

    /** Breaks off in the middle. */
    public abstract void breakOff() throws IOException;

    /** The next header, interim ones included. */
    public abstract Head head() throws IOException;

    /** The next piece of a body. */
    public abstract String receivePiece() throws IOException;

    /** The rest of a body. */
    public abstract Body body() throws IOException;

    /** Waits until the other side has broken off. */
    public abstract void awaitBreakOff() throws IOException;

    private static final class One extends Side {
        private final RawConnection connection;
        private final boolean isClient;
        private Head received;

        private One(RawConnection connection, boolean isClient) {
            this.connection = connection;
            this.isClient = isClient;
        }

        private Side send(String startLine, String... fields) throws IOException {
            connection.send(startLine + "\r\n" + lines(fields) + "\r\n");
            return this;
        }

        private static String lines(String... fields) {
            var lines = new StringBuilder();
            for (String field : fields) lines.append(field).append("\r\n");
            return lines.toString();
        }

        @Override
        public Side request(String method, String path, boolean last, String... fields) throws IOException {
            String framing = last ? "" : "\r\nTransfer-Encoding: chunked";
            return send(method + " " + path + " HTTP/1.1\r\nHost: www.example.com" + framing, fields);
        }

        @Override
        public Side respond(int status, String... fields) throws IOException {
            boolean hasLength = lines(fields).toLowerCase(Locale.ROOT).contains("content-length");
            return send("HTTP/1.1 " + status + " x" + (hasLength ? "" : "\r\nTransfer-Encoding: chunked"), fields);
        }

        @Override
        public Side respondOnly(int status, String... fields) throws IOException {
            return send("HTTP/1.1 " + status + " x" + (status == 204 ? "" : "\r\nContent-Length: 0"), fields);
        }

        @Override
        public Side interim(int status, String... fields) throws IOException {
            return send("HTTP/1.1 " + status + " x", fields);
        }

        @Override
        public Side piece(String text) throws IOException {
            connection.send(Integer.toHexString(text.length()) + "\r\n" + text + "\r\n");
            return this;
        }

        @Override
        public Side end(String... trailers) throws IOException {
            connection.send("0\r\n" + lines(trailers) + "\r\n");
            return this;
        }

        @Override
        public void breakOff() throws IOException {
            connection.close();
        }

        @Override
        public Head head() throws IOException {
            List<String> lines = new ArrayList<>();
            String head = connection.receiveHead();
            String[] words = head.lines().findFirst().orElseThrow().split(" ");
            if (isClient) {
                lines.add(":status: " + words[1]);
            } else {
                lines.add(":method: " + words[0]);
                lines.add(":path: " + words[1]);
            }
            head.lines().skip(1).forEach(line -> lines.add(inLowerCase(line)));
            received = new Head(lines);
            if (!isClient) received.field("host").forEach(host -> lines.add(":authority: " + host));
            return received;
        }

        private static String inLowerCase(String line) {
            int colon = line.indexOf(':');
            return line.substring(0, colon).toLowerCase(Locale.ROOT) + ": "
                    + line.substring(colon + 1).strip();
        }

        @Override
        public String receivePiece() throws IOException {
            return connection.receiveChunk();
        }

        @Override
        public Body body() throws IOException {
            var text = new StringBuilder();
            List<String> trailers = new ArrayList<>();
            try {
                if (!received.field("content-length").isEmpty()) {
                    text.append(connection.receive(
                            Integer.parseInt(received.field("content-length").get(0))));
                    return new Body(text.toString(), new Head(trailers), true);
                }
                while (true) {
                    String line = connection.receive(1);
                    while (!line.endsWith("\r\n")) line += connection.receive(1);
                    if (line.equals("\r\n")) continue;
                    int size = Integer.parseInt(line.strip(), 16);
                    if (size == 0) break;
                    text.append(connection.receive(size));
                }
                connection.receiveHead().lines().forEach(line -> trailers.add(inLowerCase(line)));
                return new Body(text.toString(), new Head(trailers), true);
            } catch (EOFException | SocketException ended) {
                return new Body(text.toString(), new Head(trailers), false);
            }
        }

        @Override
        public void awaitBreakOff() throws IOException {
            connection.awaitEnd();
        }
    }

    private static final class Two extends Side {
        private final Http2Peer peer;
        private final boolean isClient;
        private int stream = 1;
        private boolean ended;

        private Two(Http2Peer peer, boolean isClient) {
            this.peer = peer;
            this.isClient = isClient;
        }

        @Override
        public Side request(String method, String path, boolean last, String... fields) throws IOException {
            List<String> all = new ArrayList<>(
                    List.of(":method: " + method, ":scheme: http", ":authority: www.example.com", ":path: " + path));
            for (String field : fields) all.add(One.inLowerCase(field));
            peer.headers(stream, last, all.toArray(String[]::new));
            return this;
        }

        @Override
        public Side respond(int status, String... fields) throws IOException {
            return response(status, false, fields);
        }

        private Side response(int status, boolean last, String... fields) throws IOException {
            List<String> all = new ArrayList<>(List.of(":status: " + status));
            for (String field : fields) all.add(One.inLowerCase(field));
            peer.headers(stream, last, all.toArray(String[]::new));
            return this;
        }

        @Override
        public Side respondOnly(int status, String... fields) throws IOException {
            return response(status, true, fields);
        }

        @Override
        public Side interim(int status, String... fields) throws IOException {
            return response(status, false, fields);
        }

        @Override
        public Side piece(String text) throws IOException {
            peer.data(stream, text, false);
            return this;
        }

        @Override
        public Side end(String... trailers) throws IOException {
            if (trailers.length == 0) {
                peer.data(stream, "", true);
                return this;
            }
            String[] lower = new String[trailers.length];
            for (int i = 0; i < trailers.length; i++) lower[i] = One.inLowerCase(trailers[i]);
            peer.headers(stream, true, lower);
            return this;
        }

        @Override
        public void breakOff() throws IOException {
            peer.reset(stream, isClient ? Http2Peer.CANCEL : Http2Peer.INTERNAL_ERROR);
        }

        @Override
        public Head head() throws IOException {
            Frame frame = peer.receive();
            if (frame.type() != Http2Peer.HEADERS) throw new IOException("instead of a header came " + frame);
            if (!isClient) stream = frame.stream();
            ended = frame.isLast();
            return new Head(frame.payload().lines().toList());
        }

        @Override
        public String receivePiece() throws IOException {
            return peer.receive(Http2Peer.DATA).payload();
        }

        @Override
        public Body body() throws IOException {
            var text = new StringBuilder();
            List<String> trailers = List.of();
            while (!ended) {
                Frame frame = peer.receive();
                ended = frame.isLast();
                if (frame.type() == Http2Peer.DATA) text.append(frame.payload());
                else if (frame.type() == Http2Peer.HEADERS)
                    trailers = frame.payload().lines().toList();
                else return new Body(text.toString(), new Head(trailers), false);
            }
            return new Body(text.toString(), new Head(trailers), true);
        }

        @Override
        public void awaitBreakOff() throws IOException {
            peer.receive(Http2Peer.RST_STREAM);
        }
    }
}
