package pitfalls.fuzz;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads HTTP/1.1 messages exactly as RFC 9112 has a sender write them, and refuses everything else: it is the judge of what a
 * proxy sends. The parsers of well-kept libraries do not fit here. They forgive a bare LF or a space before a colon, as they have
 * to, and then they would not notice that a proxy sends one.
 *
 * <p>There is one exception: a target may contain any characters but white space and controls, since a proxy may pass on what a
 * client has sent.
 */
final class StrictReader {
    private static final int LONGEST_LINE = 1 << 20;

    private static final String TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
    private static final String TEXT = "[\\t\\x20-\\x7E\\x80-\\xFF]*";
    private static final String QUOTED =
            "\"(?:[\\t\\x20\\x21\\x23-\\x5B\\x5D-\\x7E\\x80-\\xFF]|\\\\" + TEXT.replace("*", "") + ")*\"";
    private static final Pattern REQUEST_LINE =
            Pattern.compile("(" + TOKEN + ") ([^\\x00-\\x20\\x7F]+) HTTP/1\\.([01])");
    private static final Pattern STATUS_LINE = Pattern.compile("HTTP/1\\.([01]) ([1-9][0-9]{2}) " + TEXT);
    private static final Pattern FIELD_LINE = Pattern.compile("(" + TOKEN + "):[ \\t]*(" + TEXT + ")");
    private static final Pattern CHUNK_SIZE = Pattern.compile(
            "([0-9A-Fa-f]{1,8})(?:[ \\t]*;[ \\t]*" + TOKEN + "(?:[ \\t]*=[ \\t]*(?:" + TOKEN + "|" + QUOTED + "))?)*");
    private static final Pattern LENGTH = Pattern.compile("[0-9]{1,9}");
    private static final Pattern HOST = Pattern.compile("[A-Za-z0-9._~!$&'()*+,;=:\\[\\]%-]*");

    private final InputStream in;
    private int position;
    private List<Field> trailers = List.of();

    StrictReader(InputStream in) {
        this.in = in;
    }

    StrictReader(byte[] bytes) {
        this(new ByteArrayInputStream(bytes));
    }

    /** How a body ends. */
    enum Framing {
        NONE,
        LENGTH,
        CHUNKED,
        TO_THE_END
    }

    /** A header or trailer field. */
    record Field(String name, String value) {}

    /** What comes before a body: of a request, {@code status} is 0; of a response, method and target are empty. */
    record Head(String method, String target, int status, boolean isHttp10, List<Field> fields) {
        /** The values of all lines with that name. */
        List<String> values(String name) {
            return fields.stream()
                    .filter(field -> field.name().equalsIgnoreCase(name))
                    .map(Field::value)
                    .toList();
        }

        /** Whether {@code Connection} has that option. */
        boolean connectionHas(String option) {
            return values("Connection").stream()
                    .flatMap(value -> List.of(value.split(",")).stream())
                    .anyMatch(value -> value.strip().equalsIgnoreCase(option));
        }

        /** Whether the connection serves no further message after this one. */
        boolean isLast() {
            return connectionHas("close") || (isHttp10 && !connectionHas("keep-alive"));
        }
    }

    /** The message breaks the rules. */
    static class Malformed extends Exception {
        private static final long serialVersionUID = 1L;

        Malformed(String complaint) {
            super(complaint, null, false, false);
        }
    }

    /** A line ends with LF alone, which is no doubt an end. */
    static final class BareLineFeed extends Malformed {
        private static final long serialVersionUID = 1L;

        BareLineFeed() {
            super("a line ends with a bare LF");
        }
    }

    /** The connection ended in good order, but within a message. */
    static final class BrokenOff extends Exception {
        private static final long serialVersionUID = 1L;

        BrokenOff() {
            super("it ends in the middle of a message", null, false, false);
        }
    }

    /** How many bytes were read so far. */
    int position() {
        return position;
    }

    /** The head of the next request; {@code null} at the end. */
    Head readRequestHead() throws IOException, Malformed, BrokenOff {
        String line = readFirstLine();
        if (line == null) return null;
        Matcher request = match(REQUEST_LINE, line, "a request line");
        Head head =
                new Head(request.group(1), request.group(2), 0, request.group(3).equals("0"), readFields());
        List<String> hosts = head.values("Host");
        check(hosts.size() == 1 || (head.isHttp10() && hosts.isEmpty()), "it has " + hosts.size() + " Host lines");
        if (!hosts.isEmpty()) match(HOST, hosts.get(0), "a host");
        framingOf(head);
        return head;
    }

    /** The head of the next response; {@code null} at the end. */
    Head readResponseHead() throws IOException, Malformed, BrokenOff {
        String line = readFirstLine();
        if (line == null) return null;
        Matcher status = match(STATUS_LINE, line, "a status line");
        Head head = new Head(
                "", "", Integer.parseInt(status.group(2)), status.group(1).equals("0"), readFields());
        boolean hasFraming = !head.values("Content-Length").isEmpty()
                || !head.values("Transfer-Encoding").isEmpty();
        check(!hasFraming || (head.status() >= 200 && head.status() != 204), head.status() + " announces a body");
        framingOf(head);
        return head;
    }

    /** Reads empty lines, which a server should forgive before a request. */
    static int skipEmptyLines(String text, int start) {
        int at = start;
        while (text.startsWith("\r\n", at)) at += 2;
        return at;
    }

    /** How the body of a request ends. */
    static Framing framingOfRequest(Head head) throws Malformed {
        Framing framing = framingOf(head);
        return framing == Framing.TO_THE_END ? Framing.NONE : framing;
    }

    /** How the body of a response to that method ends. */
    static Framing framingOfResponse(Head head, String method) throws Malformed {
        boolean hasNone = method.equals("HEAD") || head.status() < 200 || head.status() == 204 || head.status() == 304;
        return hasNone ? Framing.NONE : framingOf(head);
    }

    private static Framing framingOf(Head head) throws Malformed {
        List<String> lengths = head.values("Content-Length");
        List<String> codings = head.values("Transfer-Encoding");
        check(lengths.isEmpty() || codings.isEmpty(), "it has Content-Length and Transfer-Encoding");
        if (!codings.isEmpty()) {
            check(codings.size() == 1 && codings.get(0).equalsIgnoreCase("chunked"), "Transfer-Encoding is " + codings);
            check(!head.isHttp10(), "it is of HTTP/1.0 and chunked");
            return Framing.CHUNKED;
        }
        if (lengths.isEmpty()) return Framing.TO_THE_END;
        check(lengths.size() == 1, "it has " + lengths.size() + " Content-Length lines");
        match(LENGTH, lengths.get(0), "a length");
        return Framing.LENGTH;
    }

    /** The body of a message with that head. */
    byte[] readBody(Head head, Framing framing) throws IOException, Malformed, BrokenOff {
        var body = new ByteArrayOutputStream();
        trailers = List.of();
        switch (framing) {
            case LENGTH -> read(Integer.parseInt(head.values("Content-Length").get(0)), body);
            case CHUNKED -> readChunks(body);
            case TO_THE_END -> {
                for (int b = next(); b >= 0; b = next()) body.write(b);
            }
            case NONE -> {}
        }
        return body.toByteArray();
    }

    private void readChunks(ByteArrayOutputStream body) throws IOException, Malformed, BrokenOff {
        while (true) {
            Matcher line = match(CHUNK_SIZE, readLine(), "a chunk size");
            long size = Long.parseLong(line.group(1), 16);
            if (size == 0) break;
            read(size, body);
            check(readLine().isEmpty(), "a chunk is longer than it says");
        }
        trailers = readFields();
    }

    /** The trailer fields of the last body. */
    List<Field> trailers() {
        return trailers;
    }

    private void read(long length, ByteArrayOutputStream body) throws IOException, BrokenOff {
        for (long i = 0; i < length; i++) body.write(nextOrBrokenOff());
    }

    private List<Field> readFields() throws IOException, Malformed, BrokenOff {
        List<Field> fields = new ArrayList<>();
        for (String line = readLine(); !line.isEmpty(); line = readLine()) {
            Matcher field = match(FIELD_LINE, line, "a field line");
            fields.add(new Field(field.group(1), field.group(2).strip()));
        }
        return fields;
    }

    private String readFirstLine() throws IOException, Malformed, BrokenOff {
        int first = next();
        return first < 0 ? null : readLine(first);
    }

    private String readLine() throws IOException, Malformed, BrokenOff {
        return readLine(nextOrBrokenOff());
    }

    private String readLine(int first) throws IOException, Malformed, BrokenOff {
        var line = new ByteArrayOutputStream();
        for (int b = first; b != '\r'; b = nextOrBrokenOff()) {
            if (b == '\n') throw new BareLineFeed();
            check(line.size() < LONGEST_LINE, "a line is too long");
            line.write(b);
        }
        check(nextOrBrokenOff() == '\n', "there is a bare CR");
        return line.toString(StandardCharsets.ISO_8859_1);
    }

    private int nextOrBrokenOff() throws IOException, BrokenOff {
        int b = next();
        if (b < 0) throw new BrokenOff();
        return b;
    }

    private int next() throws IOException {
        int b = in.read();
        if (b >= 0) position++;
        return b;
    }

    private static Matcher match(Pattern pattern, String text, String what) throws Malformed {
        Matcher matcher = pattern.matcher(text);
        check(matcher.matches(), "'" + text + "' is not " + what);
        return matcher;
    }

    /** Refuses trailer fields that would frame a message (RFC 9110, section 6.5.1), for what a proxy sends. */
    void checkTrailers() throws Malformed {
        for (Field trailer : trailers) {
            boolean isFraming = trailer.name().matches("(?i)Content-Length|Transfer-Encoding|Host");
            check(!isFraming, "a trailer is " + trailer.name());
        }
    }

    private static void check(boolean condition, String complaint) throws Malformed {
        if (!condition) throw new Malformed(complaint);
    }
}
