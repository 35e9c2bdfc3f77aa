package pitfalls.docs;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * A message of HTTP/1.1, read strictly: what is not whole is an {@link EOFException}, what is no HTTP a {@link
 * Malformed}.
 *
 * @param firstLine of the request or the response
 * @param fields by their names in lower case
 */
record SoakMessage(String firstLine, Map<String, String> fields) {
    private static final int CHUNK = 3000;

    /** Something that HTTP/1.1 does not permit. */
    static final class Malformed extends IOException {
        private static final long serialVersionUID = 1;

        private Malformed(String what) {
            super(what);
        }
    }

    /** The bytes of a message. */
    static byte[] of(String firstLine, Map<String, String> fields, byte[] body, boolean chunked) {
        var out = new ByteArrayOutputStream();
        var head = new StringBuilder(firstLine).append("\r\n");
        fields.forEach(
                (name, value) -> head.append(name).append(": ").append(value).append("\r\n"));
        head.append(chunked ? "Transfer-Encoding: chunked" : "Content-Length: " + body.length)
                .append("\r\n\r\n");
        out.writeBytes(head.toString().getBytes(US_ASCII));
        if (!chunked) {
            out.writeBytes(body);
            return out.toByteArray();
        }
        for (int at = 0; at < body.length; at += CHUNK) {
            int length = Math.min(CHUNK, body.length - at);
            out.writeBytes((Integer.toHexString(length) + "\r\n").getBytes(US_ASCII));
            out.write(body, at, length);
            out.writeBytes("\r\n".getBytes(US_ASCII));
        }
        out.writeBytes("0\r\n\r\n".getBytes(US_ASCII));
        return out.toByteArray();
    }

    /** The next head; {@code null} at an end before it. */
    static SoakMessage readHead(InputStream in) throws IOException {
        int first = in.read();
        if (first < 0) return null;
        String line = (char) first + readLine(in);
        Map<String, String> fields = new LinkedHashMap<>();
        for (String field = readLine(in); !field.isEmpty(); field = readLine(in)) {
            int colon = field.indexOf(':');
            if (colon < 1) throw new Malformed("field '" + field + "'");
            String name = field.substring(0, colon).toLowerCase(Locale.ROOT);
            String before = fields.put(name, field.substring(colon + 1).strip());
            if (before != null && name.matches("content-length|transfer-encoding|x-id"))
                throw new Malformed("two lines of " + name);
        }
        return new SoakMessage(line, fields);
    }

    private static String readLine(InputStream in) throws IOException {
        var line = new StringBuilder();
        while (true) {
            int next = in.read();
            if (next < 0) throw new EOFException();
            if (next == '\n') break;
            line.append((char) next);
            if (line.length() > 10_000) throw new Malformed("a long line");
        }
        if (line.length() == 0 || line.charAt(line.length() - 1) != '\r') throw new Malformed("'" + line + "'");
        line.setLength(line.length() - 1);
        return line.toString();
    }

    /** The body behind that head. */
    byte[] readBody(InputStream in, boolean untilEnd) throws IOException {
        var body = new ByteArrayOutputStream();
        if (fields.containsKey("transfer-encoding")) {
            if (fields.containsKey("content-length")) throw new Malformed("both lengths");
            for (int size = readChunkSize(in); size > 0; size = readChunkSize(in)) {
                read(in, size, body);
                if (!readLine(in).isEmpty()) throw new Malformed("behind a chunk");
            }
            while (!readLine(in).isEmpty()) {
                // a trailer
            }
        } else if (fields.containsKey("content-length")) {
            read(in, Integer.parseInt(fields.get("content-length")), body);
        } else if (untilEnd) {
            in.transferTo(body);
        }
        return body.toByteArray();
    }

    private static int readChunkSize(InputStream in) throws IOException {
        String line = readLine(in);
        if (!line.matches("[0-9A-Fa-f]{1,7}")) throw new Malformed("size '" + line + "'");
        return Integer.parseInt(line, 16);
    }

    private static void read(InputStream in, int size, ByteArrayOutputStream body) throws IOException {
        byte[] read = in.readNBytes(size);
        body.writeBytes(read);
        if (read.length < size) throw new EOFException();
    }
}
