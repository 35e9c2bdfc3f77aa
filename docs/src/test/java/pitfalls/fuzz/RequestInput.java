package pitfalls.fuzz;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static pitfalls.fuzz.Draft.CRLF;
import static pitfalls.fuzz.Mutations.pick;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What one client sends on one connection: some requests, most of them changed so that they are wrong or strange. Each has a target that
 * no other has, and bodies and headers hold decoys: text that looks like another request. The same seed and
 * number always make the same input.
 */
final class RequestInput implements Input {
    private static final List<String> METHODS = List.of(
            "GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT",
            "FOO");
    private static final List<String> VERSIONS = List.of(
            "HTTP/1.0",
            "HTTP/1.1 ",
            " HTTP/1.1",
            "HTTP/1.2",
            "HTTP/2.0",
            "http/1.1",
            "HTTP/1.1\t",
            "HTTP/11",
            "HTTP/1.",
            "",
            "HTTP/0.9");
    private static final List<String> TARGETS = List.of(
            "http://other.example%s",
            "%s?q={a}|b",
            "/%s",
            "%s/../x",
            "%s/%%00%%0d%%0a",
            "%s#f",
            "%s\\x",
            "*%s",
            "other.example:80%s",
            "%s\tx",
            "%s x",
            "%s\u00fc",
            "%s;a=b",
            "HTTP://[::1]:80%s",
            "http://u:p@h%s",
            "%s%%zz",
            "%s/./.");

    private static final Pattern HEAD = Pattern.compile("[\\s\\x00]*[^\\r\\n]*((?:\\r?\\n[^\\r\\n]+)*)\\r?\\n\\r?\\n");

    private final long number;
    private final String text;
    private final int[] pieces;
    private final List<Sent> sent;

    /**
     * A request that the input contains.
     *
     * @param line its first line, or what stands in its place
     * @param head what a strict reader makes of it; {@code null} if it is malformed
     * @param body its body; {@code null} if that breaks off or is malformed
     */
    record Sent(String line, StrictReader.Head head, byte[] body) {
        boolean isHead() {
            return line.startsWith("HEAD");
        }

        /** Whether a request for that target may be this one: some proxies change an absolute URL to its path. */
        boolean mayBeFor(String target) {
            return line.contains(target)
                    || (target.startsWith("/") && target.length() > 1 && line.contains(target.substring(1)));
        }
    }

    private RequestInput(long number, String text, int[] pieces, List<Sent> sent) {
        this.number = number;
        this.text = text;
        this.pieces = pieces;
        this.sent = sent;
    }

    /** The input of that number. */
    static RequestInput of(long seed, long number) {
        var random = new SplittableRandom(Tags.mix(seed, number));
        List<Draft> drafts = new ArrayList<>();
        for (int i = 0, n = 1 + (random.nextInt(3) == 0 ? random.nextInt(3) : 0); i < n; i++) {
            drafts.add(draft(random, Tags.of(seed, number * 8 + i)));
        }
        if (random.nextInt(10) > 0) mutate(random, drafts);
        return of(random, number, drafts);
    }

    /** What an upstream has received, where nobody can tell which input it came from. */
    static RequestInput unknown(String received) {
        return new RequestInput(-1, received, new int[0], List.of());
    }

    private static Draft draft(RandomGenerator random, String tag) {
        String method = pick(random, METHODS);
        var draft = new Draft(method + " /r-" + tag + " HTTP/1.1", "Host: fuzz.example", "X-Tag: " + tag);
        String decoy = "GET /smuggled-" + tag + " HTTP/1.1" + CRLF + "Host: fuzz.example" + CRLF + CRLF;
        if (random.nextInt(8) == 0) draft.add("X-Decoy: " + decoy.substring(0, decoy.indexOf('\r')));
        boolean hasBody = random.nextInt(method.startsWith("P") ? 8 : 3) > 0 && !method.equals("CONNECT");
        if (hasBody)
            draft.setBody(
                    random,
                    pick(
                            random,
                            List.of("hello", "", decoy, "01234" + decoy, "0" + CRLF + CRLF + decoy, "x".repeat(9000))));
        if (random.nextInt(15) == 0) draft.add("Expect: 100-continue");
        if (random.nextInt(15) == 0) draft.add("Connection: close");
        return draft;
    }

    private static void mutate(RandomGenerator random, List<Draft> drafts) {
        for (int i = 0, n = 1 + (random.nextInt(3) == 0 ? random.nextInt(3) : 0); i < n; i++) {
            Draft draft = pick(random, drafts);
            switch (random.nextInt(12)) {
                case 0 -> draft.startLine = draft.startLine.replace("HTTP/1.1", pick(random, VERSIONS));
                case 1 -> draft.startLine = changeTarget(random, draft.startLine);
                case 2 ->
                    draft.startLine = pick(random, List.of("\r\n", "\n", " ", "\0", "@", "\t", "\r\n\r\n", "\r"))
                            + draft.startLine;
                case 3 -> draft.fields.remove(random.nextInt(draft.fields.size()));
                case 4 -> draft.fields.add(pick(random, draft.fields));
                default -> Mutations.apply(random, draft);
            }
            if (draft.fields.isEmpty()) draft.add("X: y");
        }
    }

    private static String changeTarget(RandomGenerator random, String line) {
        int start = line.indexOf(' ') + 1;
        int end = line.indexOf(' ', start);
        if (start == 0 || end < 0) return line;
        return line.substring(0, start)
                + String.format(pick(random, TARGETS), line.substring(start, end))
                + line.substring(end);
    }

    private static RequestInput of(RandomGenerator random, long number, List<Draft> drafts) {
        int[] starts = new int[drafts.size()];
        var text = new StringBuilder();
        for (int i = 0; i < starts.length; i++) {
            starts[i] = text.length();
            text.append(drafts.get(i).render());
        }
        if (random.nextInt(12) == 0) text.setLength(random.nextInt(text.length()));
        String all = text.toString();
        int[] pieces = random.nextInt(3) > 0
                ? new int[0]
                : random.ints(1 + random.nextInt(4), 0, Math.max(1, all.length()))
                        .sorted()
                        .toArray();
        return new RequestInput(number, all, pieces, sentIn(all, starts));
    }

    /** The requests that a strict reader finds, then the one at which it stops, and what it finds from each draft behind that on. */
    private static List<Sent> sentIn(String text, int[] starts) {
        List<Sent> sent = new ArrayList<>();
        int stopped = read(text, 0, sent);
        for (int start : starts) {
            if (start <= stopped || start >= text.length()) continue;
            List<Sent> more = new ArrayList<>();
            read(text, start, more);
            more.forEach(request -> sent.add(new Sent(request.line(), null, null)));
        }
        return List.copyOf(sent);
    }

    /**
     * Reads from there on; returns where it stopped at what nobody can read, or the end. A malformed first line may be forgiven, or be answered
     * as an error, and the next request follows where the fields of this one say.
     */
    private static int read(String text, int from, List<Sent> sent) {
        int start = from;
        boolean isCertain = true;
        while ((start = StrictReader.skipEmptyLines(text, start)) < text.length()) {
            String rest = text.substring(start);
            Message message = Message.read(rest);
            String line = firstLine(rest);
            if (!message.isWhole() && message.head == null) {
                isCertain = false;
                String forgiven = forgiven(rest);
                message = Message.read(forgiven);
                start += rest.length() - forgiven.length();
            }
            sent.add(isCertain ? new Sent(line, message.head, message.body) : new Sent(line, null, null));
            if (!message.isWhole()) return start;
            if (message.head.isLast()) return text.length();
            start += message.length;
        }
        return text.length();
    }

    /** The same with a head that is well-formed as far as servers forgive it: another first line, LF as the end of a line, and codings. */
    private static String forgiven(String text) {
        Matcher head = HEAD.matcher(text);
        if (!head.lookingAt()) return text;
        return "GET / HTTP/1.1"
                + head.group(1)
                        .replaceAll("\\r?\\n", CRLF)
                        .replaceAll("(?i)(Transfer-Encoding:).*chunked", "$1 chunked")
                + CRLF + CRLF
                + text.substring(head.end());
    }

    /** A request as a strict reader reads it; without a head or a body where it cannot. */
    private record Message(StrictReader.Head head, byte[] body, int length) {
        static Message read(String text) {
            var reader = new StrictReader(text.getBytes(ISO_8859_1));
            StrictReader.Head head = null;
            byte[] body = null;
            try {
                head = reader.readRequestHead();
                body = reader.readBody(head, StrictReader.framingOfRequest(head));
            } catch (IOException | StrictReader.Malformed | StrictReader.BrokenOff x) {
                // so it has no head, or no body
            }
            return new Message(head, body, reader.position());
        }

        boolean isWhole() {
            return body != null;
        }
    }

    private static String firstLine(String text) {
        Matcher line = Pattern.compile("[\\s\\x00]*([^\\r\\n]*)").matcher(text);
        return line.find() ? line.group(1) : "";
    }

    /** The requests in here, in their order. */
    List<Sent> sent() {
        return sent;
    }

    @Override
    public long number() {
        return number;
    }

    @Override
    public String text() {
        return text;
    }

    @Override
    public int[] pieces() {
        return pieces;
    }
}
