package pitfalls.fuzz;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static pitfalls.fuzz.Draft.CRLF;
import static pitfalls.fuzz.Mutations.pick;

import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/**
 * What an upstream answers to one request: a response, with some interim ones before it and some of another one behind it, most of
 * them changed so that they are wrong or strange. The same seed and number always make the same input.
 */
final class ResponseInput implements Input {
    private static final List<String> STATUSES = List.of(
            "200 OK",
            "200 OK",
            "200 OK",
            "200 OK",
            "204 No Content",
            "304 Not Modified",
            "206 Partial Content",
            "404 Not Found",
            "301 Moved",
            "500 Error",
            "205 Reset Content",
            "418 ",
            "599 X");
    private static final List<String> START_LINES = List.of(
            "HTTP/1.0 200 OK",
            "HTTP/1.1 200",
            "HTTP/1.1  200 OK",
            "HTTP/1.1 20 OK",
            "HTTP/1.1 2000 OK",
            "HTTP/1.2 200 OK",
            "HTTP/2 200 OK",
            "http/1.1 200 OK",
            "HTTP/1.1\t200\tOK",
            "HTTP/1.1 099 X",
            "HTTP/1.1 999 X",
            "HTTP/1.1 101 Switching",
            "HTTP/1.1 100 Continue",
            "HTTP/1.1 103 Hints",
            "HTTP/1.1 200 \0",
            "HTTP/1.1 200 a\rb",
            "ICY 200 OK",
            "",
            "<html>",
            "HTTP/1.1 -200 OK",
            "HTTP/1.1 200OK",
            "HTTP/1.1 0x200 OK",
            "HTTP/1.1 200 \u00fc");
    private static final List<String> INTERIM = List.of(
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
            "HTTP/1.1 102 Processing\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            "HTTP/1.1 199 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "\r\n",
            "HTTP/1.1 103\r\n\r\n");

    private final long number;
    private final String tag;
    private final String method;
    private final String text;
    private final int[] pieces;

    private ResponseInput(long number, String tag, String method, String text, int[] pieces) {
        this.number = number;
        this.tag = tag;
        this.method = method;
        this.text = text;
        this.pieces = pieces;
    }

    /**
     * What a client has to get.
     *
     * @param head of the final response; {@code null} if it is malformed or not there
     * @param body its body; {@code null} if that is malformed, or not whole
     * @param mayBeForgiven whether only the end of a line is wrong
     * @param staysOpen whether the connection can serve the next request
     */
    record Meaning(StrictReader.Head head, byte[] body, boolean mayBeForgiven, boolean staysOpen) {}

    /**
     * The input of that number. What is behind a response comes with it: if it came later, it could be the answer to the next request, as
     * far as a proxy can see.
     */
    static ResponseInput of(long seed, long number) {
        var random = new SplittableRandom(Tags.mix(seed, ~number));
        String tag = Tags.of(seed, ~number);
        String method = pick(random, List.of("GET", "GET", "GET", "HEAD", "POST"));
        Draft draft = draft(random, tag, method);
        int mutations = random.nextInt(10) == 0 ? 0 : 1 + (random.nextInt(3) == 0 ? random.nextInt(3) : 0);
        for (int i = 0; i < mutations; i++) mutate(random, draft);
        String interim = random.nextInt(8) == 0 ? pick(random, INTERIM) : "";
        String smuggled = "HTTP/1.1 200 OK\r\nX-Echo: /smuggled-" + tag + "\r\nContent-Length: 8\r\n\r\nsmuggled";
        String behind = draft.body.length() < 1000 && random.nextInt(8) == 0
                ? pick(random, List.of(smuggled, "x", CRLF, "\0", smuggled.substring(0, 30)))
                : "";
        String text = interim + draft.render() + behind;
        if (random.nextInt(6) == 0) text = text.substring(0, random.nextInt(text.length() + 1));
        int[] pieces = !behind.isEmpty() || random.nextInt(3) > 0
                ? new int[0]
                : random.ints(1 + random.nextInt(4), 0, Math.max(1, text.length()))
                        .sorted()
                        .toArray();
        return new ResponseInput(number, tag, method, text, pieces);
    }

    private static Draft draft(RandomGenerator random, String tag, String method) {
        String status = pick(random, STATUSES);
        var draft = new Draft("HTTP/1.1 " + status, "X-Echo: /r-" + tag, "Content-Type: text/plain");
        String smuggled = "HTTP/1.1 200 OK\r\nX-Echo: /smuggled-" + tag + "\r\n\r\n";
        String content = pick(
                random, List.of("hello", "", smuggled, "01234" + smuggled, "0\r\n\r\n" + smuggled, "x".repeat(40_000)));
        boolean endsWithConnection = random.nextInt(6) == 0;
        boolean hasNone = status.startsWith("204") && random.nextInt(4) > 0;
        if (endsWithConnection) draft.body = content;
        else if (!hasNone) draft.setBody(random, content);
        boolean isLeftOut = method.equals("HEAD") || status.startsWith("304") || status.startsWith("204");
        if (isLeftOut && random.nextInt(4) > 0) draft.body = "";
        if (random.nextInt(10) == 0) draft.add("Connection: close");
        return draft;
    }

    private static void mutate(RandomGenerator random, Draft draft) {
        switch (random.nextInt(12)) {
            case 0 -> draft.startLine = pick(random, START_LINES) + CRLF;
            case 1 -> draft.startLine = pick(random, List.of("\r\n", "\n", " ", "\0", "x")) + draft.startLine;
            case 2 -> draft.fields.remove(random.nextInt(draft.fields.size()));
            case 3 -> draft.fields.add(pick(random, draft.fields));
            default -> Mutations.apply(random, draft);
        }
        if (draft.fields.isEmpty()) draft.add("X: y");
    }

    /** What a strict reader makes of it. */
    Meaning meaning() {
        var reader = new StrictReader(text.getBytes(ISO_8859_1));
        StrictReader.Head head = null;
        try {
            do head = reader.readResponseHead();
            while (head != null && head.status() < 200 && head.status() != 101);
            if (head == null || head.status() == 101) return new Meaning(null, null, false, false);
            var framing = StrictReader.framingOfResponse(head, method);
            byte[] body = reader.readBody(head, framing);
            boolean staysOpen = !head.isLast() && framing != StrictReader.Framing.TO_THE_END;
            return new Meaning(head, body, false, staysOpen);
        } catch (java.io.IOException | StrictReader.Malformed | StrictReader.BrokenOff x) {
            boolean isFinal = head != null && head.status() >= 200;
            return new Meaning(isFinal ? head : null, null, x instanceof StrictReader.BareLineFeed, false);
        }
    }

    /** The method of the request that it answers. */
    String method() {
        return method;
    }

    /** What is in the target of that request, and nowhere else. */
    String tag() {
        return tag;
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
