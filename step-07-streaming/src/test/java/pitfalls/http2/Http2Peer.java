package pitfalls.http2;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.http2.hpack.HpackDecoder;
import org.eclipse.jetty.http2.hpack.HpackException;
import org.eclipse.jetty.util.NanoTime;
import pitfalls.support.Loopback;
import pitfalls.support.RawConnection;

/**
 * One end of a connection on which every frame of HTTP/2 counts (RFC 9113): the tests' client, or a scripted upstream. It sends what
 * no library would send. What it receives besides headers, bodies, ends and answers to pings is answered, and not reported.
 */
public final class Http2Peer {
    public static final int DATA = 0;
    public static final int HEADERS = 1;
    public static final int PRIORITY = 2;
    public static final int RST_STREAM = 3;
    public static final int SETTINGS = 4;
    public static final int PING = 6;
    public static final int GOAWAY = 7;
    public static final int WINDOW_UPDATE = 8;
    public static final int CONTINUATION = 9;

    public static final int END_STREAM = 1;
    public static final int ACK = 1;
    public static final int END_HEADERS = 4;

    public static final int NO_ERROR = 0;
    public static final int PROTOCOL_ERROR = 1;
    public static final int INTERNAL_ERROR = 2;
    public static final int REFUSED_STREAM = 7;
    public static final int CANCEL = 8;
    public static final int ENHANCE_YOUR_CALM = 11;

    private static final String PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    private static final int DEFAULT_WINDOW = 65_535;
    private static final int MAX_FRAME = 16_384;
    private static final int INITIAL_WINDOW_SIZE = 4;
    private static final byte[] BIG_WINDOW = {0x3f, 0, 0, 0};

    private final RawConnection connection;
    private final HpackDecoder decoder = new HpackDecoder(1 << 20, NanoTime::now);
    private boolean givesWindows = true;
    private final Map<Integer, Integer> windows = new HashMap<>();
    private int firstWindow = DEFAULT_WINDOW;

    private Http2Peer(RawConnection connection) {
        this.connection = connection;
    }

    /**
     * A frame that was received.
     *
     * @param type such as {@link #HEADERS}
     * @param flags such as {@link #END_STREAM}
     * @param stream 0 for the connection
     * @param payload what is in it, for headers the fields, one a line
     */
    public record Frame(int type, int flags, int stream, String payload) {

        /** Whether the stream ends with it. */
        public boolean isLast() {
            return type <= HEADERS && (flags & END_STREAM) != 0;
        }

        /** The status of a response. */
        public int status() {
            return Integer.parseInt(field(":status").get(0));
        }

        /** The values of all fields with that name. */
        public List<String> field(String name) {
            return payload.lines()
                    .filter(line -> line.startsWith(name + ": "))
                    .map(line -> line.substring(name.length() + 2))
                    .toList();
        }

        /** The error code of an RST_STREAM or a GOAWAY. */
        public int error() {
            int at = type == GOAWAY ? 4 : 0;
            return ByteBuffer.wrap(payload.getBytes(ISO_8859_1)).getInt(at);
        }
    }

    /** The client's end of a connection that has just begun. */
    public static Http2Peer client(RawConnection connection) throws IOException {
        connection.send(PREFACE);
        var peer = new Http2Peer(connection);
        peer.send(SETTINGS, 0, 0, new byte[0]);
        return peer;
    }

    /** The server's end of a connection that has just begun, with these settings, each a key and a value. */
    public static Http2Peer server(RawConnection connection, int... settings) throws IOException {
        String preface = connection.receive(PREFACE.length());
        if (!preface.equals(PREFACE)) throw new IOException("this is no HTTP/2: " + preface);
        var peer = new Http2Peer(connection);
        var payload = ByteBuffer.allocate(settings.length * 3);
        for (int i = 0; i < settings.length; i += 2)
            payload.putShort((short) settings[i]).putInt(settings[i + 1]);
        peer.send(SETTINGS, 0, 0, payload.array());
        return peer;
    }

    /** From now on, does not say that it has taken what it receives. */
    public Http2Peer keepWindows() {
        givesWindows = false;
        return this;
    }

    /** The connection below, for its end. */
    public RawConnection connection() {
        return connection;
    }

    /** Sends this frame and nothing else. */
    public synchronized Http2Peer send(int type, int flags, int stream, byte[] payload) throws IOException {
        var frame = ByteBuffer.allocate(9 + payload.length);
        frame.put((byte) (payload.length >> 16)).putShort((short) payload.length);
        frame.put((byte) type).put((byte) flags).putInt(stream).put(payload);
        connection.send(frame.array());
        return this;
    }

    /** Sends a header with these fields, such as {@code :method: GET}. */
    public synchronized Http2Peer headers(int stream, boolean last, String... fields) throws IOException {
        byte[] block = block(fields);
        int length = Math.min(block.length, MAX_FRAME);
        int end = length == block.length ? END_HEADERS : 0;
        send(HEADERS, end | (last ? END_STREAM : 0), stream, Arrays.copyOf(block, length));
        for (int at = length; at < block.length; at += MAX_FRAME) {
            int to = Math.min(block.length, at + MAX_FRAME);
            send(CONTINUATION, to == block.length ? END_HEADERS : 0, stream, Arrays.copyOfRange(block, at, to));
        }
        return this;
    }

    /** Sends the header of a request that has no body. */
    public Http2Peer get(int stream, String path, String... fields) throws IOException {
        return headers(stream, true, request("GET", path, fields));
    }

    /** Sends the header of a request whose body follows. */
    public Http2Peer post(int stream, String path, String... fields) throws IOException {
        return headers(stream, false, request("POST", path, fields));
    }

    private static String[] request(String method, String path, String... fields) {
        List<String> all = new ArrayList<>(
                List.of(":method: " + method, ":scheme: http", ":authority: www.example.com", ":path: " + path));
        all.addAll(List.of(fields));
        return all.toArray(String[]::new);
    }

    /** Sends a piece of a body. */
    public Http2Peer data(int stream, String text, boolean last) throws IOException {
        return send(DATA, last ? END_STREAM : 0, stream, text.getBytes(ISO_8859_1));
    }

    /** Sends a piece of a body when the other end has room for it, of which another thread is told while it receives. */
    public void dataInWindow(int stream, String text) throws IOException, InterruptedException {
        for (int at = 0; at < text.length(); ) {
            int room = takeRoom(stream, Math.min(text.length() - at, MAX_FRAME));
            data(stream, text.substring(at, at + room), false);
            at += room;
        }
    }

    private int takeRoom(int stream, int wanted) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + Loopback.PATIENCE.toNanos();
        synchronized (windows) {
            while (true) {
                int room = Math.min(wanted, Math.min(window(0), window(stream)));
                if (room > 0) {
                    windows.put(0, window(0) - room);
                    windows.put(stream, window(stream) - room);
                    return room;
                }
                if (System.nanoTime() >= deadline) throw new IOException("the other end takes no more");
                windows.wait(100);
            }
        }
    }

    private int window(int stream) {
        return windows.getOrDefault(stream, stream == 0 ? DEFAULT_WINDOW : firstWindow);
    }

    private void onWindow(int stream, int more) {
        synchronized (windows) {
            windows.put(stream, window(stream) + more);
            windows.notifyAll();
        }
    }

    private void onSettings(ByteBuffer settings) {
        synchronized (windows) {
            while (settings.hasRemaining()) {
                boolean isWindow = settings.getShort() == INITIAL_WINDOW_SIZE;
                int value = settings.getInt();
                if (!isWindow) continue;
                int more = value - firstWindow;
                firstWindow = value;
                windows.replaceAll((stream, window) -> stream == 0 ? window : window + more);
            }
            windows.notifyAll();
        }
    }

    /** Ends a stream with this error. */
    public Http2Peer reset(int stream, int error) throws IOException {
        return send(RST_STREAM, 0, stream, ByteBuffer.allocate(4).putInt(error).array());
    }

    /** Says that no stream beyond this one was or will be looked at. */
    public Http2Peer goAway(int lastStream, int error) throws IOException {
        return send(
                GOAWAY,
                0,
                0,
                ByteBuffer.allocate(8).putInt(lastStream).putInt(error).array());
    }

    /** Fields as literals without an index, which need no table (RFC 7541, section 6.2.2). */
    public static byte[] block(String... fields) {
        var block = new ByteArrayOutputStream();
        for (String field : fields) {
            int colon = field.indexOf(": ", 1);
            block.write(0);
            string(block, field.substring(0, colon));
            string(block, field.substring(colon + 2));
        }
        return block.toByteArray();
    }

    private static void string(ByteArrayOutputStream block, String text) {
        byte[] bytes = text.getBytes(ISO_8859_1);
        if (bytes.length < 127) {
            block.write(bytes.length);
        } else {
            block.write(127);
            int rest = bytes.length - 127;
            for (; rest >= 128; rest >>= 7) block.write(rest & 127 | 128);
            block.write(rest);
        }
        block.writeBytes(bytes);
    }

    /** The next frame that brings a header, a piece of a body, an end, or the answer to a ping. */
    public Frame receive() throws IOException {
        while (true) {
            var head = ByteBuffer.wrap(connection.receive(9).getBytes(ISO_8859_1));
            int length = (head.get() & 0xFF) << 16 | head.getShort() & 0xFFFF;
            int type = head.get();
            int flags = head.get();
            int stream = head.getInt();
            String payload = connection.receive(length);
            switch (type) {
                case HEADERS -> {
                    return new Frame(type, flags, stream, fields(payload, flags));
                }
                case DATA -> {
                    if (givesWindows) giveWindow(stream, length, (flags & END_STREAM) != 0);
                    return new Frame(type, flags, stream, payload);
                }
                case RST_STREAM, GOAWAY -> {
                    return new Frame(type, flags, stream, payload);
                }
                case SETTINGS -> {
                    if ((flags & ACK) == 0) {
                        onSettings(ByteBuffer.wrap(payload.getBytes(ISO_8859_1)));
                        answer(SETTINGS, ACK, 0, new byte[0]);
                    }
                }
                case PING -> {
                    if ((flags & ACK) != 0) return new Frame(type, flags, stream, payload);
                    answer(PING, ACK, 0, payload.getBytes(ISO_8859_1));
                }
                case WINDOW_UPDATE ->
                    onWindow(
                            stream,
                            ByteBuffer.wrap(payload.getBytes(ISO_8859_1)).getInt());
                default -> {}
            }
        }
    }

    /** Says that so much of a body was taken, which a peer that {@link #keepWindows() keeps windows} does not say by itself. */
    public void giveWindow(int stream, int length, boolean last) {
        if (length == 0) return; // it must say something (RFC 9113, section 6.9)
        byte[] taken = ByteBuffer.allocate(4).putInt(length).array();
        answer(WINDOW_UPDATE, 0, 0, taken);
        if (!last) answer(WINDOW_UPDATE, 0, stream, taken);
    }

    /** The other end may have ended the connection already, and said why. */
    private void answer(int type, int flags, int stream, byte[] payload) {
        try {
            send(type, flags, stream, payload);
        } catch (IOException ended) {
            // Told when the rest is read.
        }
    }

    /** The next frame of this type; the others are dropped. */
    public Frame receive(int type) throws IOException {
        Frame frame = receive();
        while (frame.type() != type) frame = receive();
        return frame;
    }

    /** The rest of a body, to the end of its stream. */
    public String receiveBody() throws IOException {
        var body = new StringBuilder();
        Frame frame;
        do {
            frame = receive();
            if (frame.type() == DATA) body.append(frame.payload());
            else if (frame.type() != HEADERS) throw new IOException("the body ended with " + frame);
        } while (!frame.isLast());
        return body.toString();
    }

    /** Lets the other end send as much as it likes. */
    public Http2Peer openWindow() throws IOException {
        return send(WINDOW_UPDATE, 0, 0, BIG_WINDOW);
    }

    private String fields(String payload, int flags) throws IOException {
        var block = new StringBuilder(payload);
        for (int more = flags; (more & END_HEADERS) == 0; ) {
            var head = ByteBuffer.wrap(connection.receive(9).getBytes(ISO_8859_1));
            int length = (head.get() & 0xFF) << 16 | head.getShort() & 0xFFFF;
            head.get();
            more = head.get();
            block.append(connection.receive(length));
        }
        try {
            MetaData message = decoder.decode(ByteBuffer.wrap(block.toString().getBytes(ISO_8859_1)));
            var fields = new StringBuilder();
            if (message instanceof MetaData.Response response) fields.append(":status: " + response.getStatus() + "\n");
            if (message instanceof MetaData.Request request) {
                fields.append(":method: " + request.getMethod() + "\n");
                fields.append(":scheme: " + request.getHttpURI().getScheme() + "\n");
                fields.append(":authority: " + request.getHttpURI().getAuthority() + "\n");
                fields.append(":path: " + request.getHttpURI().getPathQuery() + "\n");
            }
            for (HttpField field : message.getHttpFields())
                fields.append(field.getName() + ": " + field.getValue() + "\n");
            return fields.toString();
        } catch (HpackException x) {
            throw new IOException(x);
        }
    }
}
