package pitfalls.fuzz;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A client's connection to a proxy. What it has sent may be unfinished, so that the proxy waits for more; therefore, it ends its
 * output after a moment without an answer.
 */
final class FuzzClient implements AutoCloseable {
    private static final int QUIET_MS = 60;
    private static final int PATIENCE_MS = 15_000;
    private static final Pattern INSIDE =
            Pattern.compile("\\b(?:java|javax|jdk|org|com)\\.[a-z]+\\.|\\bpitfalls\\.|Exception|\\tat |[Jj]etty");

    private final Socket socket = new Socket();
    private final ByteArrayOutputStream received = new ByteArrayOutputStream();
    private final byte[] buffer = new byte[8192];
    private int at;
    private int limit;

    /** Neither an answer nor an end came. */
    static final class Hangs extends IOException {
        private static final long serialVersionUID = 1L;

        Hangs(IOException cause) {
            super("neither more bytes nor an end within " + PATIENCE_MS / 1000 + " s", cause);
        }
    }

    FuzzClient(InetSocketAddress proxy) throws IOException {
        socket.connect(proxy, PATIENCE_MS);
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(PATIENCE_MS);
    }

    /** Sends this; that the proxy has closed meanwhile is an answer like another. */
    void send(Input input) {
        try {
            input.writeTo(socket.getOutputStream());
        } catch (IOException closed) {
            // what it has answered can be read
        }
    }

    /** Sends this text. */
    void send(String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** From now on, the output ends after a moment without an answer. */
    void endOutputWhenQuiet() throws IOException {
        socket.setSoTimeout(QUIET_MS);
    }

    /** Ends the output, as nothing more is to be sent. */
    void endOutput() throws IOException {
        if (!socket.isOutputShutdown()) socket.shutdownOutput();
        socket.setSoTimeout(PATIENCE_MS);
    }

    /** What it receives. */
    InputStream in() {
        return new InputStream() {
            @Override
            public int read() throws IOException {
                if (at == limit) fill();
                return limit < 0 ? -1 : buffer[at++] & 0xFF;
            }
        };
    }

    private void fill() throws IOException {
        if (limit < 0) return;
        at = 0;
        try {
            limit = socket.getInputStream().read(buffer);
        } catch (SocketTimeoutException quiet) {
            if (socket.getSoTimeout() == PATIENCE_MS) throw new Hangs(quiet);
            endOutput();
            fill();
            return;
        }
        if (limit > 0) received.write(buffer, 0, limit);
    }

    /** What an answer told that is nobody's business; {@code null} if it was nothing. */
    String told() {
        Matcher inside = INSIDE.matcher(received.toString(StandardCharsets.ISO_8859_1));
        return inside.find() ? inside.group() : null;
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
