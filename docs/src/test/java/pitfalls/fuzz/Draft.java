package pitfalls.fuzz;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/** A message in the making: its lines with their ends, and its body with its framing, as bytes in ISO-8859-1. */
final class Draft {
    static final String CRLF = "\r\n";

    String startLine;
    final List<String> fields = new ArrayList<>();
    String end = CRLF;
    String body = "";

    Draft(String startLine, String... fields) {
        this.startLine = startLine + CRLF;
        for (String field : fields) add(field);
    }

    /** Adds a field line. */
    Draft add(String line) {
        fields.add(line + CRLF);
        return this;
    }

    /** Adds a field line anywhere. */
    void insert(RandomGenerator random, String line) {
        fields.add(random.nextInt(fields.size() + 1), line);
    }

    /** The whole message. */
    String render() {
        return startLine + String.join("", fields) + end + body;
    }

    /** Sets a body and the field that frames it. */
    void setBody(RandomGenerator random, String content) {
        if (random.nextBoolean()) {
            add("Content-Length: " + content.length());
            body = content;
        } else {
            add("Transfer-Encoding: chunked");
            body = chunked(random, content);
        }
    }

    private static String chunked(RandomGenerator random, String content) {
        var chunks = new StringBuilder();
        for (int at = 0; at < content.length(); ) {
            int size = 1 + random.nextInt(content.length() - at);
            String extension = random.nextInt(10) == 0 ? ";a=\"b;c\"" : "";
            chunks.append(Integer.toHexString(size)).append(extension).append(CRLF);
            chunks.append(content, at, at + size).append(CRLF);
            at += size;
        }
        String trailer = random.nextInt(5) == 0 ? "X-Trailer: t" + CRLF : "";
        return chunks.append("0").append(CRLF).append(trailer).append(CRLF).toString();
    }
}
