package pitfalls.lab;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Phaser;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.eclipse.jetty.proxy.ProxyHandler;
import pitfalls.docs.OnStep;
import pitfalls.lab.Move.Kind;
import pitfalls.lab.Move.Side;
import pitfalls.step04.RetryPolicy;
import pitfalls.step05.HopDetectingProxy;
import pitfalls.step05.HopMark;
import pitfalls.step07.Timeouts;
import pitfalls.step07.UpgradeContract;
import pitfalls.support.Gate;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.ScriptedUpstream;

/**
 * What a reader has put together to break a proxy: an upstream, a client, and the proxy of a step between them. It is played on the
 * proxy of the step before, too. What a proxy does not know yet, it does not heed.
 *
 * @param step the number of the step, 1 to 7
 * @param retries how often a request may be sent again, 0 to 3
 * @param mark how the proxy knows its own requests: {@code via}, {@code cdn-loop}, or the name of a header
 * @param timeouts milliseconds; those that are not there are the proxy's own
 * @param upstream what the upstream does
 * @param client what the client does
 */
record Bench(
        int step, int retries, String mark, Map<String, Integer> timeouts, List<Move> upstream, List<Move> client) {
    static final int MOST_MOVES = 24;
    static final int MOST_BYTES = 8 * 1024;
    static final int LONGEST_WAIT_MS = 3000;

    private static final List<String> TIMEOUTS = List.of("response", "head", "stream", "client");
    private static final Set<String> KEYS = Set.of("step", "retries", "mark", "timeouts", "upstream", "client");

    /** How long the upstream of a client that has left is looked at. */
    private static final Duration REST = Duration.ofSeconds(1);

    private static final Loopback LOOPBACK = LoopbackTest.loopback;

    /**
     * Played once.
     *
     * @param recording what passed
     * @param receipts what the client got, each time that it read a response
     * @param requests how many connections brought a request to the upstream
     * @param broken whether the proxy ended a connection that the upstream had not done with
     * @param failed in which of the exchanges the client could not do all that it was to do
     * @param isOver whether the client left, and the upstream had done its work soon after that
     */
    record Played(
            Recording recording,
            List<Receipt> receipts,
            int requests,
            boolean broken,
            Set<Integer> failed,
            boolean isOver) {}

    /** Reads what the page sends, or throws one sentence that says what is wrong with it. */
    static Bench parse(String text) {
        Object json;
        try {
            json = Json.parse(text);
        } catch (RuntimeException unreadable) {
            throw new IllegalArgumentException("The bench reads JSON, and this is none.");
        }
        if (!(json instanceof Map<?, ?> map) || !KEYS.containsAll(map.keySet()))
            throw new IllegalArgumentException(
                    "The bench reads an object with " + String.join(", ", sorted(KEYS)) + ".");
        Map<String, Integer> timeouts = timeouts(map.get("timeouts"));
        String mark = map.get("mark") instanceof String name && !name.isEmpty() ? name : "via";
        markOf(mark);
        List<Move> upstream = moves(Side.UPSTREAM, map.get("upstream"));
        List<Move> client = moves(Side.CLIENT, map.get("client"));
        var bench = new Bench(
                number("The step", map.get("step"), 1, 7),
                map.containsKey("retries") ? number("The number of retries", map.get("retries"), 0, 3) : 0,
                mark,
                timeouts,
                upstream,
                client);
        Move.scripts(upstream, new CompletableFuture<>());
        bench.exchanges();
        return bench;
    }

    private static int number(String what, Object json, int least, int most) {
        if (json instanceof Long number && number >= least && number <= most) return number.intValue();
        throw new IllegalArgumentException(
                what + " must be a number from " + least + " to " + most + ", not " + json + ".");
    }

    private static Map<String, Integer> timeouts(Object json) {
        Map<String, Integer> timeouts = new LinkedHashMap<>();
        if (json == null) return timeouts;
        if (!(json instanceof Map<?, ?> map) || !TIMEOUTS.containsAll(map.keySet()))
            throw new IllegalArgumentException("The timeouts are an object with " + String.join(", ", TIMEOUTS) + ".");
        for (String name : TIMEOUTS)
            if (map.containsKey(name)) timeouts.put(name, number("The timeout '" + name + "'", map.get(name), 1, 5000));
        return timeouts;
    }

    private static List<Move> moves(Side side, Object json) {
        String whose = "The " + side.name().toLowerCase();
        if (!(json instanceof Object[] texts) || !Stream.of(texts).allMatch(String.class::isInstance))
            throw new IllegalArgumentException(whose + " is a list of moves, such as \"wait 300\".");
        if (texts.length > MOST_MOVES)
            throw new IllegalArgumentException(
                    whose + " has " + texts.length + " moves. It may have " + MOST_MOVES + ".");
        int bytes = Stream.of(texts).mapToInt(text -> ((String) text).length()).sum();
        if (bytes > MOST_BYTES)
            throw new IllegalArgumentException(
                    whose + " has moves of " + bytes + " bytes. It may have " + MOST_BYTES + ".");
        List<Move> moves =
                Stream.of(texts).map(text -> Move.parse(side, (String) text)).toList();
        int waits = moves.stream().mapToInt(Move::waits).sum();
        if (waits > LONGEST_WAIT_MS)
            throw new IllegalArgumentException(
                    whose + " waits for " + waits + " ms. It may wait for " + LONGEST_WAIT_MS + " in all.");
        return moves;
    }

    private static List<String> sorted(Set<String> keys) {
        return keys.stream().sorted().toList();
    }

    private static HopMark markOf(String mark) {
        return switch (mark) {
            case "via" -> HopMark.via();
            case "cdn-loop" -> HopMark.cdnLoop();
            default -> HopMark.field(mark);
        };
    }

    /** Plays it on the proxy of the step before, if there is one, and on that of the step; for the page. */
    Map<String, Object> play(Consumer<Map<String, Object>> marks) {
        Played left = step == 1 ? null : playOn(step - 1, mark -> marks.accept(mark.json(0)));
        Played right = playOn(step, mark -> marks.accept(mark.json(1)));
        var nothing = new Recording(0, List.of(), 0, 0, "");
        Map<String, Object> json =
                new LinkedHashMap<>(Json.of(Comparison.of(left == null ? nothing : left.recording, right.recording)));
        json.put("outcomes", List.of(left == null ? "" : told(left), told(right)));
        json.put("java", new BenchSource(this, right).java());
        return json;
    }

    private static String told(Played played) {
        if (!played.recording.passed()) return played.recording.failure();
        List<String> sentences = new ArrayList<>();
        for (Receipt receipt : played.receipts) sentences.add("The client gets " + receipt.told() + ".");
        sentences.add("The upstream gets "
                + (played.requests == 0
                        ? "no request."
                        : played.requests == 1 ? "one request." : played.requests + " connections with a request."));
        return String.join(" ", sentences);
    }

    /** Plays it on the proxy of that step. */
    Played playOn(int number, Consumer<Mark> live) {
        List<Receipt> receipts = Collections.synchronizedList(new ArrayList<>());
        var broken = new AtomicBoolean();
        var requests = new AtomicInteger();
        Set<Integer> failed = ConcurrentHashMap.newKeySet();
        var isOver = new AtomicBoolean();
        Recording recording = Stage.play(
                number,
                () -> {
                    var target = new CompletableFuture<String>();
                    var begun = new Gate("a request has reached the upstream");
                    var connections = new Phaser(1);
                    ScriptedUpstream upstream = LOOPBACK.scripted(Move.scripts(this.upstream, target).stream()
                            .map(script -> script(script, begun, connections, broken))
                            .toArray(ScriptedUpstream.Script[]::new));
                    target.complete(upstream.target());
                    RawConnection client = LOOPBACK.connect(LOOPBACK.serve(newProxy(number, upstream.target())));
                    List<Exchange> exchanges = exchanges();
                    for (int i = 0; i < exchanges.size(); i++) {
                        if (!has(exchanges.get(i).calls, client)) failed.add(i);
                        if (exchanges.get(i).isRead) receipts.add(Receipt.read(client, exchanges.get(i).isHead));
                    }
                    if (leaves()) isOver.set(begun.opensWithin(REST) && ends(connections));
                    requests.set(upstream.connections());
                },
                live);
        return new Played(recording, List.copyOf(receipts), requests.get(), broken.get(), failed, isOver.get());
    }

    /**
     * What a client does until it has read a response.
     *
     * @param calls what it sends and waits
     * @param isRead whether it reads a response then; only the last exchange does not
     * @param isHead whether that has no body
     */
    record Exchange(List<Call> calls, boolean isRead, boolean isHead) {}

    /** What the client does. */
    List<Exchange> exchanges() {
        List<Exchange> exchanges = new ArrayList<>();
        boolean isHead = false;
        int begin = 0;
        for (int i = 0; i <= client.size(); i++) {
            boolean isRead = i < client.size() && client.get(i).is(Kind.RESPONSE);
            if (i < client.size() && client.get(i).is(Kind.REQUEST))
                isHead = client.get(i).value().startsWith("HEAD ");
            if (i < client.size() && !isRead) continue;
            exchanges.add(new Exchange(Move.calls(client.subList(begin, i), null), isRead, isHead));
            begin = i + 1;
        }
        return exchanges;
    }

    /** Whether the client ends its connection itself. */
    boolean leaves() {
        return client.stream().anyMatch(move -> move.is(Kind.CLOSE) || move.is(Kind.RESET));
    }

    private static ScriptedUpstream.Script script(
            List<Call> calls, Gate begun, Phaser connections, AtomicBoolean broken) {
        return connection -> {
            connections.register();
            begun.open();
            try {
                for (Call call : calls) call.action().on(connection);
            } catch (IOException ended) {
                broken.set(true);
            } finally {
                connections.arriveAndDeregister();
            }
        };
    }

    /** Whether the client could do all of this. If it could not, a response may have come all the same. */
    private static boolean has(List<Call> calls, RawConnection client) throws Exception {
        try {
            for (Call call : calls) call.action().on(client);
            return true;
        } catch (IOException ended) {
            return false;
        }
    }

    /** Whether the upstream's connections come to their end soon. */
    private static boolean ends(Phaser connections) throws InterruptedException {
        try {
            connections.awaitAdvanceInterruptibly(connections.arrive(), REST.toMillis(), TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException stillThere) {
            return false;
        }
    }

    private ProxyHandler newProxy(int number, String target) throws ReflectiveOperationException {
        ProxyHandler proxy = OnStep.tests(UpgradeContract.class, number).newProxy(target, timeoutsOfProxy(), policy());
        if (proxy instanceof HopDetectingProxy detecting) detecting.setHopMark(markOf(mark));
        return proxy;
    }

    private RetryPolicy policy() {
        return retries == 0
                ? RetryPolicy.none()
                : RetryPolicy.idempotent().withAttempts(1 + retries).withBackoff(Duration.ZERO, Duration.ZERO);
    }

    private Timeouts timeoutsOfProxy() {
        Timeouts limits = Timeouts.defaults();
        for (var each : timeouts.entrySet()) {
            Duration time = Duration.ofMillis(each.getValue());
            limits = switch (each.getKey()) {
                case "response" -> limits.withResponse(time);
                case "head" -> limits.withHead(time);
                case "stream" -> limits.withStream(time);
                default -> limits.withClient(time);
            };
        }
        return limits;
    }
}
