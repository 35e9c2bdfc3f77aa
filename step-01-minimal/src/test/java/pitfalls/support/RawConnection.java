package pitfalls.support;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import javax.net.ssl.ExtendedSSLSession;
import javax.net.ssl.SSLSocket;

/**
 * One end of a TCP connection on which every byte counts: the tests' client, or a {@link ScriptedUpstream}'s side.
 * Text is ISO-8859-1, so that a char is a byte. Reads give up after {@link Loopback#PATIENCE}.
 */
public final class RawConnection implements Closeable {
    private static final int EXCERPT = 2000;

    private final Socket socket;
    private final Socket tcp;
    private final InputStream in;
    private final ByteArrayOutputStream sent = new ByteArrayOutputStream();
    private final ByteArrayOutputStream received = new ByteArrayOutputStream();

    /** A connection whose bytes are those of this socket. */
    public RawConnection(Socket socket) throws IOException {
        this(socket, socket);
    }

    /** A connection whose bytes go through the first socket, for TLS, and are those of the second one. */
    RawConnection(Socket socket, Socket tcp) throws IOException {
        this.socket = socket;
        this.tcp = tcp;
        socket.setTcpNoDelay(true);
        socket.setSoTimeout((int) Loopback.PATIENCE.toMillis());
        in = new BufferedInputStream(new FilterInputStream(socket.getInputStream()) {
            @Override
            public int read(byte[] bytes, int offset, int length) throws IOException {
                int count = super.read(bytes, offset, length);
                if (count > 0) remember(received, bytes, offset, count);
                return count;
            }
        });
    }

    /** Sends these bytes and nothing else. */
    public RawConnection send(String text) throws IOException {
        return send(text.getBytes(ISO_8859_1));
    }

    /** Sends these bytes and nothing else. */
    public RawConnection send(byte[] bytes) throws IOException {
        socket.getOutputStream().write(bytes);
        remember(sent, bytes, 0, bytes.length);
        return this;
    }

    /** Sends a request line with these fields, a {@code Host} field among them, and the empty line. */
    public RawConnection sendRequest(String requestLine, String... fields) throws IOException {
        var head = new StringBuilder(requestLine + " HTTP/1.1\r\nHost: www.example.com\r\n");
        for (String field : fields) head.append(field).append("\r\n");
        return send(head + "\r\n");
    }

    /** The next request, with its body. */
    public RawMessage receiveRequest() throws IOException {
        String head = receiveHead();
        return receiveBody(new RawMessage(head, "", true), false);
    }

    /** The next response, interim ones (1xx) included; not for responses to HEAD. */
    public RawMessage receiveResponse() throws IOException {
        var response = new RawMessage(receiveHead(), "", true);
        int status = response.status();
        boolean bodyless = status < 200 || status == 204 || status == 304;
        return bodyless ? response : receiveBodyOf(response);
    }

    /** The body of the response whose head was received before. */
    public RawMessage receiveBodyOf(RawMessage response) throws IOException {
        return receiveBody(response, true);
    }

    /** What both sides agreed on in TLS: who the client asked for, and who it is. */
    public ExtendedSSLSession tlsSession() {
        return (ExtendedSSLSession) ((SSLSocket) socket).getSession();
    }

    /** The next start line and fields; the body, if any, is left for later calls. */
    public String receiveHead() throws IOException {
        var head = new StringBuilder();
        for (String line = receiveLine(); !line.equals("\r\n"); line = receiveLine()) head.append(line);
        return head.toString();
    }

    /**
     * The content of the next chunk of a chunked body; empty for the last one. It does not wait for the CRLF behind
     * the content, which Jetty sends only with the next chunk.
     */
    public String receiveChunk() throws IOException {
        String line = receiveLine();
        if (line.equals("\r\n")) line = receiveLine();
        int size = Integer.parseInt(line.strip(), 16);
        if (size == 0) receiveHead();
        return receive(size);
    }

    /** Exactly that many bytes. */
    public String receive(int length) throws IOException {
        byte[] bytes = in.readNBytes(length);
        if (bytes.length < length)
            throw new EOFException("the connection ended after " + new String(bytes, ISO_8859_1));
        return new String(bytes, ISO_8859_1);
    }

    /** What has arrived, that many bytes at most, and one at least; empty at the end of the connection. */
    public String receiveSome(int length) throws IOException {
        byte[] bytes = new byte[length];
        int count = in.read(bytes);
        return count < 0 ? "" : new String(bytes, 0, count, ISO_8859_1);
    }

    /** Reads that many bytes, and forgets them. */
    public void skip(long length) throws IOException {
        in.skipNBytes(length);
    }

    /** Every byte until the other side closes the connection. */
    public String receiveToEnd() throws IOException {
        return new String(in.readAllBytes(), ISO_8859_1);
    }

    /** Waits for the first byte, and leaves it to be read; false if the connection ends without one. */
    public boolean begins() throws IOException {
        in.mark(1);
        boolean begins = in.read() >= 0;
        in.reset();
        return begins;
    }

    /** Whether nothing arrives within that time: no byte, and no end of the connection. */
    public boolean receivesNothingFor(Duration time) throws IOException {
        socket.setSoTimeout((int) time.toMillis());
        try {
            begins();
            return false;
        } catch (SocketTimeoutException timeout) {
            return true;
        } finally {
            socket.setSoTimeout((int) Loopback.PATIENCE.toMillis());
        }
    }

    /** Whether the other side has ended the connection, in whatever way, with nothing more to read before. */
    public boolean ended() throws IOException {
        try {
            return in.read() < 0;
        } catch (SocketException reset) {
            return true;
        }
    }

    /** Waits until the other side has ended the connection, in whatever way; reads what comes before. */
    public void awaitEnd() throws IOException {
        try {
            in.transferTo(OutputStream.nullOutputStream());
        } catch (SocketException reset) {
            // This is an end too.
        }
    }

    /** Ends this side's output and leaves the other direction open: a FIN, or over TLS a {@code close_notify}. */
    public void shutdownOutput() throws IOException {
        socket.shutdownOutput();
    }

    /** Ends the connection with an RST, as a crashed process does. */
    public void reset() throws IOException {
        tcp.setSoLinger(true, 0);
        tcp.close();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }

    /** The first bytes that were sent, for the message of a failure. */
    public String sent() {
        return sent.toString(ISO_8859_1);
    }

    /** The first bytes that arrived, for the message of a failure; some of them may not have been asked for yet. */
    public String received() {
        return received.toString(ISO_8859_1);
    }

    private static void remember(ByteArrayOutputStream excerpt, byte[] bytes, int offset, int length) {
        excerpt.write(bytes, offset, Math.min(length, EXCERPT - excerpt.size()));
    }

    private RawMessage receiveBody(RawMessage message, boolean untilEnd) throws IOException {
        var body = new ByteArrayOutputStream();
        boolean complete = true;
        try {
            if (message.field("Transfer-Encoding").contains("chunked")) {
                for (String chunk = receiveChunk(); !chunk.isEmpty(); chunk = receiveChunk())
                    body.writeBytes(chunk.getBytes(ISO_8859_1));
            } else if (!message.field("Content-Length").isEmpty()) {
                int length = Integer.parseInt(message.field("Content-Length").get(0));
                body.writeBytes(in.readNBytes(length));
                complete = body.size() == length;
            } else if (untilEnd) {
                in.transferTo(body);
            }
        } catch (EOFException | SocketException ended) {
            complete = false;
        }
        return new RawMessage(message.head(), body.toString(ISO_8859_1), complete);
    }

    private String receiveLine() throws IOException {
        var line = new StringBuilder();
        for (int b = in.read(); b >= 0; b = in.read()) {
            line.append((char) b);
            if (b == '\n') return line.toString();
        }
        throw new EOFException("the connection ended after '" + line + "'");
    }
}
