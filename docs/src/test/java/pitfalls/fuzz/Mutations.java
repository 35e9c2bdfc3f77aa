package pitfalls.fuzz;

import static pitfalls.fuzz.Draft.CRLF;

import java.util.List;
import java.util.random.RandomGenerator;

/** Small ways to make a message wrong, or strange: of its grammar first, then of its bytes. */
final class Mutations {
    /** Lines that say again, or otherwise, how long a body is. */
    private static final List<String> FRAMING = List.of(
            "Content-Length: 0",
            "Content-Length: 5",
            "Content-Length: 7",
            "Content-Length: +5",
            "Content-Length: -5",
            "Content-Length: 0x5",
            "Content-Length: 5a",
            "Content-Length: 5, 5",
            "Content-Length: 5, 6",
            "Content-Length: 005",
            "Content-Length:",
            "Content-Length: 5 5",
            "Content-Length: 99999999999999999999",
            "Content-Length : 5",
            " Content-Length: 5",
            "content-length:5",
            "Content-Length: \0005",
            "Content_Length: 5",
            "Transfer-Encoding: chunked",
            "Transfer-Encoding: Chunked",
            "Transfer-Encoding:\tchunked",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: \013chunked",
            "Transfer-Encoding: chunked;q=1",
            "Transfer-Encoding:\r\n chunked",
            "Transfer-Encoding : chunked",
            "Transfer-Encoding: \"chunked\"",
            "Transfer-Encoding:",
            "Transfer-Encoding: x\nTransfer-Encoding: chunked",
            "Transfer\u00adEncoding: chunked",
            "X: y\rTransfer-Encoding: chunked",
            "\0Transfer-Encoding: chunked");

    /** Lines that are malformed, or mean something to a proxy. */
    private static final List<String> FIELDS = List.of(
            "X: a\r\n b",
            "X: a\r\n\tb",
            " X: leading",
            "X : y",
            "X\t: y",
            ": nameless",
            "no colon",
            "X:",
            "X: \0",
            "X: a\rb",
            "X: a\nY: b",
            "X: \u007F",
            "X: \u00fc\u00ff",
            "X\0: y",
            "X Y: z",
            "X: \033[2J",
            "(X): y",
            "X: \u0085",
            "Connection: close",
            "Connection: keep-alive",
            "Connection: X-Tag",
            "Connection: Host",
            "Connection: Content-Length",
            "Connection: Transfer-Encoding",
            "Connection: close, X",
            "Connection: ,",
            "Connection: Upgrade",
            "Proxy-Connection: keep-alive",
            "Keep-Alive: timeout=0",
            "Upgrade: websocket",
            "Upgrade: h2c, ,",
            "TE: trailers",
            "TE: gzip",
            "Trailer: X-Trailer",
            "Trailer: Content-Length",
            "Expect: 100-continue",
            "Expect: y",
            "Host: again.example",
            "Host: a b",
            "Host:",
            "Host: a\0",
            "Max-Forwards: 0",
            "Max-Forwards: -1",
            "Via: 1.1 x",
            "Forwarded: for=\"",
            "X-Forwarded-For: \", ;",
            "Content-Type: \"",
            "Date: yesterday",
            "Location: //x:y\\",
            "Set-Cookie: a=b; c",
            "Content-Encoding: gzip",
            "Retry-After: 1",
            "Age: -1",
            "Warning: \"");

    /** What a line or a chunk size can end with instead of CRLF. */
    private static final List<String> ENDS =
            List.of("\n", "\r", "\n\r", "\r\r\n", " \r\n", "\t\r\n", "\0\r\n", "", "\r\n\r\n");

    /** Sizes of chunks, with what may stand beside them. */
    private static final List<String> SIZES = List.of(
            "0",
            "00",
            "+1",
            "-1",
            "0x1",
            " 1",
            "1 ",
            "1\t",
            "1;",
            "1;a",
            "1;a=b",
            "1;a=\"\r\n\"",
            "1;\n",
            "1;a\0",
            "1 ;a",
            "G",
            "",
            "FFFFFFFF",
            "FFFFFFFFFFFFFFFFF",
            "100000001",
            "0;x",
            "1\u00a0",
            "1,1",
            "1.0");

    /** Bytes that mean something. */
    private static final String BYTES = "\0\t\n\013\r \"%,-/0:;=?@\\\u007F\u0080\u0085\u00a0\u00ff";

    private Mutations() {}

    /** One of these. */
    static <T> T pick(RandomGenerator random, List<T> choices) {
        return choices.get(random.nextInt(choices.size()));
    }

    /** Changes something about that message. */
    static void apply(RandomGenerator random, Draft draft) {
        switch (random.nextInt(12)) {
            case 0, 1, 2 -> draft.insert(random, pick(random, FRAMING) + CRLF);
            case 3, 4 -> draft.insert(random, pick(random, FIELDS) + CRLF);
            case 5 -> draft.insert(random, "X-Long: " + "x".repeat(1 << random.nextInt(17)) + CRLF);
            case 6 -> replaceLineEnd(random, draft);
            case 7 -> draft.end = pick(random, ENDS);
            case 8, 9 -> draft.body = replaceChunkSize(random, draft.body);
            case 10 -> draft.body = changeBytes(random, draft.body);
            default -> changeLine(random, draft);
        }
    }

    private static void replaceLineEnd(RandomGenerator random, Draft draft) {
        int line = random.nextInt(draft.fields.size() + 1);
        String end = pick(random, ENDS);
        if (line == draft.fields.size()) draft.startLine = withEnd(draft.startLine, end);
        else draft.fields.set(line, withEnd(draft.fields.get(line), end));
    }

    private static String withEnd(String line, String end) {
        return line.endsWith(CRLF) ? line.substring(0, line.length() - 2) + end : line;
    }

    private static void changeLine(RandomGenerator random, Draft draft) {
        int line = random.nextInt(draft.fields.size() + 1);
        if (line == draft.fields.size()) draft.startLine = changeBytes(random, draft.startLine);
        else draft.fields.set(line, changeBytes(random, draft.fields.get(line)));
    }

    /** A body that is not chunked gets what looks like a chunk. */
    private static String replaceChunkSize(RandomGenerator random, String body) {
        String size = pick(random, SIZES) + (random.nextInt(4) == 0 ? pick(random, ENDS) : CRLF);
        return switch (random.nextInt(4)) {
            case 0 -> size + body.substring(Math.min(body.length(), body.indexOf('\n') + 1));
            case 1 -> size + body;
            case 2 ->
                body.replace(
                        "0\r\n\r\n",
                        pick(
                                random,
                                List.of(
                                        "",
                                        "0",
                                        "0\r",
                                        "0\r\n",
                                        "0\r\n\r",
                                        "0\n\n",
                                        "0\r\nX: y\r\n",
                                        "0\r\nContent-Length: 5\r\n\r\n",
                                        "0\r\n X\r\n\r\n",
                                        "0\r\nX\r\n\r\n",
                                        "0\r\nX: \0\r\n\r\n")));
            default -> body.replaceFirst("\r\n", pick(random, ENDS));
        };
    }

    /** Changes, adds or removes a byte or some. */
    static String changeBytes(RandomGenerator random, String text) {
        if (text.isEmpty()) return text;
        var bytes = new StringBuilder(text);
        int at = random.nextInt(text.length());
        int to = Math.min(text.length(), at + 1 + random.nextInt(4));
        switch (random.nextInt(6)) {
            case 0 -> bytes.setCharAt(at, (char) random.nextInt(256));
            case 1 -> bytes.setCharAt(at, BYTES.charAt(random.nextInt(BYTES.length())));
            case 2 -> bytes.insert(at, BYTES.charAt(random.nextInt(BYTES.length())));
            case 3 -> bytes.delete(at, to);
            case 4 -> bytes.insert(at, text, at, to);
            default -> bytes.setCharAt(at, (char) (text.charAt(at) ^ (1 << random.nextInt(8))));
        }
        return bytes.toString();
    }
}
