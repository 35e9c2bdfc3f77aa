package pitfalls.http2;

import java.io.EOFException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.eclipse.jetty.http.HttpHeader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;

/** A message of HTTP/1.1 as text, which is translated from or to HTTP/2. */
final class Http1Message {
    private static final Logger LOG = LoggerFactory.getLogger("versions");
    private static final List<String> ANY_HOP = List.of("close", "keep-alive", "te");

    private Http1Message() {}

    /** Where the pieces of a body go, and its end: to a stream of HTTP/2. */
    static class Sink {
        private final Http2Peer peer;
        private final int stream;

        Sink(Http2Peer peer, int stream) {
            this.peer = peer;
            this.stream = stream;
        }

        private void piece(String text) throws IOException, InterruptedException {
            peer.dataInWindow(stream, text);
        }

        void end(String... trailers) throws IOException {
            if (trailers.length == 0) peer.data(stream, "", true);
            else peer.headers(stream, true, trailers);
        }
    }

    /** What HTTP/2 has no word for. The test's result says nothing of the proxy then, and the log says why. */
    static IOException untranslatable(String what) {
        LOG.warn("HTTP/2 has no {}", what);
        return new IOException("HTTP/2 has no " + what);
    }

    /** The fields of a head for HTTP/2: in lower case, and without those that belong to a connection of HTTP/1.1. */
    static List<String> fields(String head) throws IOException {
        List<String> fields = new ArrayList<>();
        for (String line : head.lines().skip(1).toList()) {
            int colon = line.indexOf(':');
            boolean isField = colon > 0 && !line.substring(0, colon).contains(" ");
            if (!isField) throw untranslatable("line that is no field");
            String name = line.substring(0, colon).toLowerCase(Locale.ROOT);
            String value = line.substring(colon + 1).strip();
            switch (name) {
                case "connection" -> {
                    for (String option : value.toLowerCase(Locale.ROOT).split(" *, *"))
                        if (!ANY_HOP.contains(option)) throw untranslatable("Connection");
                }
                case "transfer-encoding" -> {
                    if (!value.equals("chunked")) throw untranslatable("Transfer-Encoding");
                }
                case "keep-alive", "proxy-connection", "upgrade" -> throw untranslatable("field of a connection");
                case "te" -> {
                    if (!value.equals("trailers")) throw untranslatable("coding of a connection");
                    fields.add("te: trailers");
                }
                default -> fields.add(name + ": " + value);
            }
        }
        return fields;
    }

    /** The same the other way round: a line of a head, with its usual letters. */
    static String line(String field) {
        int colon = field.indexOf(": ");
        String name = field.substring(0, colon);
        HttpHeader known = HttpHeader.CACHE.get(name);
        if (known != null) return known.asString() + field.substring(colon) + "\r\n";
        var usual = new StringBuilder(name);
        for (int i = 0; i < usual.length(); i++)
            if (i == 0 || usual.charAt(i - 1) == '-') usual.setCharAt(i, Character.toUpperCase(usual.charAt(i)));
        return usual + field.substring(colon) + "\r\n";
    }

    /** Passes on the body that is framed by this head, piece by piece; one of unknown length goes to the end of the connection. */
    static void passBody(RawMessage head, boolean toEnd, RawConnection from, Sink to)
            throws IOException, InterruptedException {
        if (!head.field("Transfer-Encoding").isEmpty()) {
            passChunks(from, to);
        } else if (!head.field("Content-Length").isEmpty()) {
            long left = length(head);
            while (left > 0) {
                String piece = from.receiveSome((int) Math.min(left, 16_384));
                if (piece.isEmpty()) throw new EOFException("half a body");
                left -= piece.length();
                to.piece(piece);
            }
            to.end();
        } else if (toEnd) {
            for (String piece = from.receiveSome(16_384); !piece.isEmpty(); piece = from.receiveSome(16_384))
                to.piece(piece);
            to.end();
        } else {
            to.end();
        }
    }

    private static long length(RawMessage head) throws IOException {
        try {
            return Long.parseLong(head.field("Content-Length").get(0));
        } catch (NumberFormatException x) {
            throw untranslatable("length that is no number");
        }
    }

    private static void passChunks(RawConnection from, Sink to) throws IOException, InterruptedException {
        while (true) {
            String line = receiveLine(from);
            int size;
            try {
                size = Integer.parseInt(line.split(";")[0].strip(), 16);
            } catch (NumberFormatException x) {
                throw untranslatable("chunk");
            }
            if (size == 0) break;
            for (int left = size; left > 0; ) {
                String piece = from.receiveSome(Math.min(left, 16_384));
                if (piece.isEmpty()) throw new EOFException("half a chunk");
                left -= piece.length();
                to.piece(piece);
            }
            if (!from.receive(2).equals("\r\n")) throw untranslatable("chunk");
        }
        to.end(fields("\r\n" + from.receiveHead()).toArray(String[]::new));
    }

    private static String receiveLine(RawConnection from) throws IOException {
        var line = new StringBuilder();
        while (line.indexOf("\r\n") < 0) line.append(from.receive(1));
        return line.toString();
    }
}
