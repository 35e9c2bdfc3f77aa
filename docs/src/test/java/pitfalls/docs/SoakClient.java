package pitfalls.docs;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.Arrays;
import java.util.Map;
import pitfalls.docs.SoakRequest.Client;
import pitfalls.docs.SoakRequest.Fault;

/** A client of the soak, with one connection, or none. */
final class SoakClient implements AutoCloseable {
    /** An answer that has not come after this time will not come. */
    private static final int PATIENCE_MILLIS = 60_000;

    /** How an upload ends that the client has not sent to its end. */
    static final String LEFT_IN_UPLOAD = "left: in its upload";

    private static final String WRONG = "WRONG: ";
    private static final byte[] PAUSE = new byte[0];

    private final InetSocketAddress proxy;
    private Socket socket;
    private InputStream in;

    /** A client of the proxy at that address. */
    SoakClient(InetSocketAddress proxy) {
        this.proxy = proxy;
    }

    /** Whether that outcome must not be. */
    static boolean isWrong(String outcome) {
        return outcome.startsWith(WRONG);
    }

    /** Whether the client has got the whole answer of the upstream. */
    static boolean isAnswered(String outcome) {
        return outcome.equals("answered");
    }

    /** Sends a request, and says in a few words how it ended. */
    String send(SoakRequest request) throws InterruptedException {
        boolean kept = socket != null;
        String outcome;
        try {
            if (!kept) connect(request.client() == Client.READS_SLOWLY);
            outcome = exchange(request);
        } catch (SocketTimeoutException x) {
            outcome = WRONG + "nothing comes, and no end";
        } catch (SoakMessage.Malformed x) {
            outcome = WRONG + "no HTTP: " + x.getMessage();
        } catch (EOFException x) {
            outcome = "cut: within the response";
        } catch (IOException x) {
            outcome = "cut: " + x.getMessage();
        }
        if (!isAnswered(outcome)) close();
        return outcome;
    }

    private void connect(boolean small) throws IOException {
        socket = new Socket();
        if (small) socket.setReceiveBufferSize(4096);
        socket.setSoTimeout(PATIENCE_MILLIS);
        socket.setTcpNoDelay(true);
        socket.connect(proxy);
        in = new BufferedInputStream(socket.getInputStream(), 1024);
    }

    private String exchange(SoakRequest request) throws IOException, InterruptedException {
        byte[] bytes = SoakMessage.of(
                request.method() + " " + request.target() + " HTTP/1.1",
                Map.of("Host", "soak.example"),
                request.isUpload() ? request.body() : PAUSE,
                request.isUpload() && request.chunked());
        int head = new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf("\r\n\r\n") + 4;
        if (request.client() == Client.LEAVES_IN_HEAD) return leave(bytes, head / 2, "left: in its head");
        if (request.client() == Client.LEAVES_IN_UPLOAD && bytes.length > head)
            return leave(bytes, bytes.length - 1 - (int) (request.id() % (bytes.length - head)), LEFT_IN_UPLOAD);
        IOException notSent = null;
        try {
            send(bytes, request.client() == Client.SENDS_SLOWLY);
        } catch (IOException x) {
            notSent = x; // the proxy may have answered before
        }
        if (request.client() == Client.LEAVES_IN_DOWNLOAD) {
            if (request.id() % 2 == 0) in.read();
            close();
            return "left: in its download";
        }
        SoakMessage response = SoakMessage.readHead(in);
        while (response != null && response.firstLine().startsWith("HTTP/1.1 1")) response = SoakMessage.readHead(in);
        if (response == null) return notSent == null ? WRONG + "an end in place of an answer" : "cut: in its upload";
        return judge(request, response);
    }

    private String judge(SoakRequest request, SoakMessage response) throws IOException {
        String status = response.firstLine().split(" ")[1];
        InputStream from = request.client() == Client.READS_SLOWLY ? new Slow(in) : in;
        byte[] body = response.readBody(from, true);
        String id = response.fields().get("x-id");
        if (id == null) {
            String detail = response.fields().getOrDefault("proxy-status", "").replaceAll("^[^;]*;\\s*error=|;.*", "");
            return status.startsWith("2") ? WRONG + "an answer of nobody's" : "refused: " + status + " " + detail;
        }
        if (!id.equals(Long.toString(request.id()))) return WRONG + "the answer to another request";
        if (!status.equals("200") || !Arrays.equals(body, request.answer())) return WRONG + "another body";
        if (isHalf(request.fault())) return WRONG + "a half that looks whole";
        if ("close".equals(response.fields().get("connection"))) close();
        return "answered";
    }

    private static boolean isHalf(Fault fault) {
        return fault == Fault.HALF || fault == Fault.HALF_RESET || fault == Fault.HALF_HANG;
    }

    private String leave(byte[] bytes, int length, String outcome) throws IOException {
        socket.getOutputStream().write(bytes, 0, length);
        close();
        return outcome;
    }

    private void send(byte[] bytes, boolean slowly) throws IOException, InterruptedException {
        OutputStream out = socket.getOutputStream();
        int pieces = slowly ? 10 : 1;
        for (int at = 0; at < pieces; at++) {
            int from = (int) ((long) bytes.length * at / pieces);
            out.write(bytes, from, (int) ((long) bytes.length * (at + 1) / pieces) - from);
            if (slowly) Thread.sleep(100);
        }
    }

    @Override
    public void close() {
        try {
            if (socket != null) socket.close();
        } catch (IOException x) {
            // it is closed
        }
        socket = null;
    }

    /** Pauses before each piece that it reads. */
    private static final class Slow extends java.io.FilterInputStream {
        private Slow(InputStream in) {
            super(in);
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            try {
                Thread.sleep(5);
            } catch (InterruptedException x) {
                throw new IOException(x);
            }
            return super.read(bytes, offset, Math.min(length, 4096));
        }
    }
}
