package pitfalls.support;

import java.util.List;

/**
 * An HTTP/1.1 message as it stood on the wire, one char per byte (ISO-8859-1).
 *
 * @param head the request or status line and the fields, each line with its CRLF
 * @param body the content, without the framing of its chunks
 * @param complete whether the body ended as its head announced; {@code false} where the connection ended first
 */
public record RawMessage(String head, String body, boolean complete) {

    /** The first line: {@code GET /x HTTP/1.1}, or {@code HTTP/1.1 200 OK}. */
    public String startLine() {
        return head.lines().findFirst().orElse("");
    }

    /** The second word of a request line. */
    public String target() {
        return startLine().split(" ")[1];
    }

    /** The second word of a status line. */
    public int status() {
        return Integer.parseInt(target());
    }

    /** The values of all the lines with that name, in any case, in the order of the wire. */
    public List<String> field(String name) {
        return head.lines()
                .skip(1)
                .map(line -> line.split(":", 2))
                .filter(parts -> parts[0].equalsIgnoreCase(name))
                .map(parts -> parts[1].strip())
                .toList();
    }

    /** The names of all fields, in the order of the wire. */
    public List<String> fieldNames() {
        return head.lines().skip(1).map(line -> line.split(":", 2)[0]).toList();
    }

    @Override
    public String toString() {
        return head + "\r\n" + body + (complete ? "" : "<the connection ended here>");
    }
}
