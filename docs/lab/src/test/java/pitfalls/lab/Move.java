package pitfalls.lab;

import static pitfalls.lab.Move.Side.CLIENT;
import static pitfalls.lab.Move.Side.UPSTREAM;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * One thing that a client or an upstream of the bench does. In a link it is a word, and its value after a space: {@code wait 300}.
 *
 * @param kind what is done
 * @param value with what; empty if the kind takes nothing
 */
record Move(Kind kind, String value) {
    /** What a redirect may begin with: the upstream's own address, which nobody knows before it listens. */
    static final String OWN_ADDRESS = "UPSTREAM";

    /** How long an upstream that has nothing more to do keeps its connection. */
    private static final Duration STAY = Duration.ofSeconds(2);

    private static final String TEXT = "(?s).+";
    private static final String FIELD_LINE = "[^:\\r\\n]+:[^\\r\\n]*";

    /** Who moves. */
    enum Side {
        CLIENT,
        UPSTREAM;

        /** What this side can do. */
        List<Kind> kinds() {
            return Stream.of(Kind.values())
                    .filter(kind -> kind.sides.contains(this))
                    .toList();
        }

        private Kind kind(String word) {
            return kinds().stream()
                    .filter(kind -> kind.word.equals(word))
                    .findFirst()
                    .orElseThrow(() -> new IllegalArgumentException("'" + word + "' is not a move of the "
                            + name().toLowerCase() + ". Write one of: "
                            + kinds().stream().map(kind -> kind.word).collect(Collectors.joining(", ")) + "."));
        }
    }

    /** What can be done: its word in a link, what it says on the page, a value to begin with, and which values there are. */
    enum Kind {
        TAKE("take", "reads the request", "", "", UPSTREAM),
        ANSWER("answer", "a whole response, with this body", "hello", TEXT, UPSTREAM),
        HEAD("head", "status line", "200 OK", "[1-9]\\d\\d( [^\\r\\n]*)?", UPSTREAM),
        REQUEST("request", "request line", "GET /x", "[^ \\r\\n]+ [^ \\r\\n]+", CLIENT),
        FIELD("field", "header", "Content-Length: 10", FIELD_LINE, CLIENT, UPSTREAM),
        BODY("body", "bytes", "hello", TEXT, CLIENT, UPSTREAM),
        HALF("half", "half of this body", "0123456789", "(?s)..+", UPSTREAM),
        CHUNK("chunk", "a chunk", "hello", TEXT, CLIENT, UPSTREAM),
        TRAILER("trailer", "the last chunk, and a trailer", "X-Sum: 1", "|" + FIELD_LINE, CLIENT, UPSTREAM),
        EARLY_HINTS("103", "103, with this header", "Link: </a.css>; rel=preload", FIELD_LINE, UPSTREAM),
        SWITCH("101", "101, to this protocol", "echo", "[^\\s]+", UPSTREAM),
        REDIRECT("redirect", "302, to this address", OWN_ADDRESS + "/login", "[^\\s]+", UPSTREAM),
        RESPONSE("response", "reads the response", "", "", CLIENT),
        READ("read", "reads so many bytes", "5", "[1-9]\\d{0,3}", CLIENT, UPSTREAM),
        WAIT("wait", "waits, in ms up to 900", "300", "[1-9]\\d?|[1-8]\\d\\d|900", CLIENT, UPSTREAM),
        CLOSE("close", "ends the connection (FIN)", "", "", CLIENT, UPSTREAM),
        RESET("reset", "resets the connection (RST)", "", "", CLIENT, UPSTREAM),
        NEXT("next", "on the next connection:", "", "", UPSTREAM);

        private static final Set<Kind> WITH_ESCAPES = Set.of(ANSWER, BODY, HALF, CHUNK);

        private final String word;
        private final String label;
        private final String sample;
        private final Pattern pattern;
        private final Set<Side> sides;

        Kind(String word, String label, String sample, String pattern, Side... sides) {
            this.word = word;
            this.label = label;
            this.sample = sample;
            this.pattern = Pattern.compile(pattern);
            this.sides = Set.of(sides);
        }

        /** For the page. */
        Map<String, Object> json() {
            return Map.of("word", word, "label", label, "sample", sample, "takes", !sample.isEmpty());
        }
    }

    /** The move that is written like this. */
    static Move parse(Side side, String text) {
        int space = text.indexOf(' ');
        Kind kind = side.kind(space < 0 ? text : text.substring(0, space));
        String value = space < 0 ? "" : text.substring(space + 1);
        if (value.chars().anyMatch(c -> c > 0xff))
            throw new IllegalArgumentException("'" + text + "' has a character that is more than a byte.");
        if (!kind.pattern.matcher(value).matches())
            throw new IllegalArgumentException("'" + text + "' does not work. "
                    + (kind.sample.isEmpty()
                            ? "Write " + kind.word + ", without a value."
                            : "Write for instance: " + kind.word + " " + kind.sample));
        return new Move(kind, Kind.WITH_ESCAPES.contains(kind) ? translated(value) : value);
    }

    /** {@code \r\n} is two bytes, as in Java. */
    private static String translated(String value) {
        try {
            return value.translateEscapes();
        } catch (IllegalArgumentException unknown) {
            throw new IllegalArgumentException("'" + value
                    + "' has an escape that Java does not know. Write \\\\ for a backslash, \\r and \\n for the ends of lines, \\0 to"
                    + " \\377 for any byte.");
        }
    }

    boolean is(Kind other) {
        return kind == other;
    }

    /** How many milliseconds it waits. */
    int waits() {
        return is(Kind.WAIT) ? Integer.parseInt(value) : 0;
    }

    /** The scripts of an upstream: one for each connection. */
    static List<List<Call>> scripts(List<Move> moves, CompletableFuture<String> target) {
        List<List<Call>> scripts = new ArrayList<>();
        int begin = 0;
        for (int i = 0; i <= moves.size(); i++) {
            if (i < moves.size() && !moves.get(i).is(Kind.NEXT)) continue;
            List<Call> script = new ArrayList<>(calls(moves.subList(begin, i), target));
            if (i == begin || !moves.get(i - 1).endsTheConnection())
                script.add(new Call(".receivesNothingFor(" + java(STAY) + ");", it -> it.receivesNothingFor(STAY)));
            scripts.add(script);
            begin = i + 1;
        }
        return scripts;
    }

    /** What to do on one connection. A line and the headers after it are sent at once. */
    static List<Call> calls(List<Move> moves, CompletableFuture<String> target) {
        List<Call> calls = new ArrayList<>();
        for (int i = 0; i < moves.size(); i++) {
            Move move = moves.get(i);
            if (move.is(Kind.FIELD))
                throw new IllegalArgumentException("The header '" + move.value
                        + "' has to follow a request line, a status line, or another header.");
            if (!move.is(Kind.HEAD) && !move.is(Kind.REQUEST)) {
                calls.add(move.call(target));
                continue;
            }
            List<String> lines = new ArrayList<>();
            lines.add(move.is(Kind.HEAD) ? "HTTP/1.1 " + move.value : move.value + " HTTP/1.1");
            while (i + 1 < moves.size() && moves.get(i + 1).is(Kind.FIELD)) lines.add(moves.get(++i).value);
            calls.add(Call.sendHead(lines));
        }
        return calls;
    }

    private boolean endsTheConnection() {
        return is(Kind.CLOSE) || is(Kind.RESET);
    }

    private Call call(CompletableFuture<String> target) {
        return switch (kind) {
            case TAKE -> new Call(".receiveRequest();", it -> it.receiveRequest());
            case ANSWER -> Call.send("HTTP/1.1 200 OK\r\nContent-Length: " + value.length() + "\r\n\r\n" + value);
            case BODY -> Call.send(value);
            case HALF -> Call.send(value.substring(0, value.length() / 2));
            case CHUNK -> Call.send(Integer.toHexString(value.length()) + "\r\n" + value + "\r\n");
            case TRAILER -> Call.send("0\r\n" + (value.isEmpty() ? "" : value + "\r\n") + "\r\n");
            case EARLY_HINTS -> Call.sendHead(List.of("HTTP/1.1 103 Early Hints", value));
            case SWITCH ->
                Call.sendHead(List.of("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: " + value));
            case REDIRECT -> redirect(target);
            case READ -> {
                int length = Integer.parseInt(value);
                yield new Call(".receive(" + length + ");", it -> it.receive(length));
            }
            case WAIT -> {
                Duration time = Duration.ofMillis(waits());
                yield new Call(".receivesNothingFor(" + java(time) + ");", it -> it.receivesNothingFor(time));
            }
            case CLOSE -> new Call(".close();", it -> it.close());
            case RESET -> new Call(".reset();", it -> it.reset());
            case HEAD, REQUEST, FIELD, RESPONSE, NEXT -> throw new IllegalStateException(kind + " is more than a call");
        };
    }

    private Call redirect(CompletableFuture<String> target) {
        String head = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: ";
        if (!value.startsWith(OWN_ADDRESS)) return Call.send(head + value + "\r\n\r\n");
        String rest = value.substring(OWN_ADDRESS.length()) + "\r\n\r\n";
        return new Call(
                ".send(" + Call.literal(head) + " + target.get() + " + Call.literal(rest) + ");",
                it -> it.send(head + target.get() + rest));
    }

    /** How a time is written in Java. */
    static String java(Duration time) {
        return time.toMillis() % 1000 == 0
                ? "Duration.ofSeconds(" + time.toSeconds() + ")"
                : "Duration.ofMillis(" + time.toMillis() + ")";
    }
}
