package pitfalls.docs;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import pitfalls.docs.SoakRequest.Fault;

/**
 * The upstream of the soak, a process that is killed and stopped at any time. Each request is a line in a file: {@code
 * seen} when its head is here, and {@code whole} or {@code wrong} when its body is.
 */
final class SoakUpstream {
    private final FileChannel records;
    private final Set<Long> seen = ConcurrentHashMap.newKeySet();

    private SoakUpstream(Path records) throws IOException {
        this.records = FileChannel.open(records, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    /** Serves on that port of loopback until it is killed; the second argument is the file. */
    public static void main(String[] args) throws IOException {
        var upstream = new SoakUpstream(Path.of(args[1]));
        var threads = Executors.newCachedThreadPool();
        try (var server = new ServerSocket(Integer.parseInt(args[0]), 1000, InetAddress.getLoopbackAddress())) {
            while (true) {
                Socket socket = server.accept();
                threads.execute(() -> upstream.serve(socket));
            }
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            socket.setTcpNoDelay(true);
            InputStream in = new BufferedInputStream(socket.getInputStream());
            while (answer(in, socket)) {
                // the next one
            }
        } catch (IOException | InterruptedException left) {
            // the proxy knows why
        }
    }

    /** Whether there may be another request. */
    private boolean answer(InputStream in, Socket socket) throws IOException, InterruptedException {
        SoakMessage head = SoakMessage.readHead(in);
        if (head == null) return false;
        String[] line = head.firstLine().split(" ");
        var request = SoakRequest.parse(line[0], line[1]);
        record(request, "seen");
        boolean again = !seen.add(request.id());
        byte[] body = head.readBody(in, false);
        record(request, Arrays.equals(body, request.isUpload() ? request.body() : new byte[0]) ? "whole" : "wrong");
        return answer(request, again, socket);
    }

    private boolean answer(SoakRequest request, boolean again, Socket socket) throws IOException, InterruptedException {
        OutputStream out = socket.getOutputStream();
        Fault fault = request.fault();
        byte[] response = SoakMessage.of(
                "HTTP/1.1 200 OK", Map.of("X-Id", Long.toString(request.id())), request.answer(), request.chunked());
        switch (fault) {
            case RESET, RESET_ONCE -> {
                if (fault == Fault.RESET || !again) return reset(socket);
            }
            case CLOSE_ONCE -> {
                if (!again) return false;
            }
            case HALF, HALF_RESET, HALF_HANG -> {
                out.write(response, 0, response.length - 1 - (int) (request.id() % (response.length / 2)));
                if (fault == Fault.HALF_RESET) return reset(socket);
                if (fault == Fault.HALF_HANG) awaitEnd(socket);
                return false;
            }
            case HANG -> {
                awaitEnd(socket);
                return false;
            }
            case GARBAGE -> {
                out.write("HTTP/9 x\r\nA\0b\r\n\r\n".getBytes(US_ASCII));
                return false;
            }
            case EXTRA -> {
                var both = new java.io.ByteArrayOutputStream();
                both.write(response);
                both.write("HTTP/1.1 200 OK\r\nX-Id: none\r\nContent-Length: 5\r\n\r\nWRONG".getBytes(US_ASCII));
                out.write(both.toByteArray());
                return true;
            }
            case SLOW -> {
                for (int at = 0, pieces = 10; at < pieces; at++) {
                    int from = (int) ((long) response.length * at / pieces);
                    out.write(response, from, (int) ((long) response.length * (at + 1) / pieces) - from);
                    Thread.sleep(50);
                }
                return true;
            }
            default -> {
                // below
            }
        }
        out.write(response);
        return fault != Fault.STALE;
    }

    private static boolean reset(Socket socket) throws IOException {
        socket.setSoLinger(true, 0);
        return false;
    }

    private static void awaitEnd(Socket socket) throws IOException {
        while (socket.getInputStream().read() >= 0) {
            // nothing is expected
        }
    }

    /** A line is whole or not there, also where this process is killed. */
    private void record(SoakRequest request, String what) throws IOException {
        String line = request.id() + " " + request.method() + " " + what + "\n";
        if (records.write(ByteBuffer.wrap(line.getBytes(US_ASCII))) < line.length()) throw new EOFException();
    }
}
