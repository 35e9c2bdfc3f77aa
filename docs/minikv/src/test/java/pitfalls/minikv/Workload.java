package pitfalls.minikv;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import pitfalls.minikv.Operation.Kind;

/**
 * Clients that put, delete, append and read through all nodes, and write down what they were told. An append is sent until it is acknowledged,
 * always with the same {@code Idempotency-Key}, and to the next node each time; everything else is sent once.
 */
final class Workload {
    /** No request takes longer than that, unless the node that it is sent to is itself paused. */
    static final Duration LIMIT = Duration.ofSeconds(10);

    private static final int CLIENTS_PER_NODE = 2;
    private static final int PACE_MS = 8;
    private static final int REGISTERS = 4;
    private static final int LISTS = 2;

    /** Statuses that say that it did not work this time. */
    private static final Set<Integer> UNAVAILABLE = Set.of(502, 503, 504, 508);

    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(2))
            .build();
    private final List<Member> members;
    private final Queue<Operation> history = new ConcurrentLinkedQueue<>();
    private final Queue<String> surprises = new ConcurrentLinkedQueue<>();
    private final CountDownLatch stop = new CountDownLatch(1);
    private final List<Thread> clients = new ArrayList<>();
    private final AtomicInteger requests = new AtomicInteger();
    private final AtomicInteger changes = new AtomicInteger();
    private final AtomicLong longest = new AtomicLong();
    private final AtomicLongArray pausedUntil;
    private volatile int round;

    Workload(List<Member> members) {
        this.members = members;
        pausedUntil = new AtomicLongArray(members.size());
        for (int i = 0; i < members.size(); i++) pausedUntil.set(i, System.nanoTime());
    }

    void start() {
        for (int i = 0; i < members.size() * CLIENTS_PER_NODE; i++) {
            int number = i;
            var client = new Thread(() -> run(number), "client " + number);
            clients.add(client);
            client.start();
        }
    }

    /** Has all clients finish what they are about. */
    void stop() throws InterruptedException {
        stop.countDown();
        for (Thread client : clients) client.join();
    }

    /** From now on, other keys are used: nobody can tell in time whether thousands of operations on one key have an order. */
    void nextRound() {
        round++;
    }

    /** What was asked for and told. */
    List<Operation> history() {
        return List.copyOf(history);
    }

    /** Answers that nobody should get. */
    List<String> surprises() {
        return List.copyOf(surprises);
    }

    int requests() {
        return requests.get();
    }

    /** How many changes were acknowledged so far. */
    int changes() {
        return changes.get();
    }

    Duration longest() {
        return Duration.ofNanos(longest.get());
    }

    /** That node does nothing from now on, for as long as somebody likes: what it is asked for may take as long. */
    void pausing(Member node) {
        pausedUntil.set(members.indexOf(node), Long.MAX_VALUE);
    }

    /** The node goes on. */
    void goesOn(Member node) {
        pausedUntil.set(members.indexOf(node), System.nanoTime());
    }

    private void run(int number) {
        var random = new Random(number);
        try {
            for (int i = 0; !stop.await(PACE_MS, TimeUnit.MILLISECONDS); i++) {
                int node = random.nextInt(members.size());
                boolean isList = random.nextInt(3) == 0;
                String key = (isList ? "list-" + random.nextInt(LISTS) : "register-" + random.nextInt(REGISTERS))
                        + "-of-round-" + round;
                String text = number + "-" + i + ";";
                int dice = random.nextInt(10);
                if (dice < 4) read(node, key);
                else if (isList) append(node, key, text);
                else change(node, key, dice < 9 ? Kind.PUT : Kind.DELETE, text);
            }
        } catch (InterruptedException x) {
            throw new IllegalStateException(x);
        }
    }

    /** Reads once, and writes down what came. */
    void read(int node, String key) {
        readAt(node, key, "/v1/kv/" + key);
    }

    /** The same, of what that node has, which may be old. */
    void readStale(int node, String key) {
        readAt(node, key, "/v1/kv/" + key + "?stale=true");
    }

    /** Puts once, writes down whether that was acknowledged, and returns it. */
    boolean put(int node, String key, String text) {
        return change(node, key, Kind.PUT, text);
    }

    private void readAt(int node, String key, String path) {
        long begin = System.nanoTime();
        var response = send(node, request(node, path).GET());
        if (response == null || UNAVAILABLE.contains(response.statusCode())) return;
        boolean found = response.statusCode() == 200;
        if (found || response.body().contains("\"no_such_key\"")) {
            history.add(new Operation(Kind.READ, key, found ? response.body() : null, begin, System.nanoTime()));
        } else {
            surprises.add("GET " + key + ": " + response.statusCode() + " " + response.body());
        }
    }

    private boolean change(int node, String key, Kind kind, String text) {
        var request = request(node, "/v1/kv/" + key);
        if (kind == Kind.PUT) request.PUT(BodyPublishers.ofString(text));
        else request.DELETE();
        long begin = System.nanoTime();
        boolean done = isDone(send(node, request), kind + " " + key);
        history.add(new Operation(kind, key, text, begin, done ? System.nanoTime() : Operation.NEVER));
        return done;
    }

    private void append(int node, String key, String text) {
        long begin = System.nanoTime();
        boolean done = false;
        for (int i = 0; !done && (i == 0 || stop.getCount() > 0); i++) {
            int next = (node + i) % members.size();
            var request = request(next, "/v1/kv/" + key + "/append")
                    .header(Api.IDEMPOTENCY_KEY, key + " " + text)
                    .POST(BodyPublishers.ofString(text));
            done = isDone(send(next, request), "append to " + key);
        }
        history.add(new Operation(Kind.APPEND, key, text, begin, done ? System.nanoTime() : Operation.NEVER));
    }

    private boolean isDone(HttpResponse<String> response, String what) {
        if (response == null || UNAVAILABLE.contains(response.statusCode())) return false;
        if (response.statusCode() != 200) {
            surprises.add(what + ": " + response.statusCode() + " " + response.body());
            return false;
        }
        changes.incrementAndGet();
        return true;
    }

    private HttpRequest.Builder request(int node, String path) {
        return HttpRequest.newBuilder(URI.create("http://" + members.get(node).http() + path))
                .timeout(LIMIT);
    }

    private HttpResponse<String> send(int node, HttpRequest.Builder request) {
        long begin = System.nanoTime();
        requests.incrementAndGet();
        try {
            return http.send(request.build(), BodyHandlers.ofString());
        } catch (IOException x) {
            return null; // the node was killed, or is not there yet
        } catch (InterruptedException x) {
            throw new IllegalStateException(x);
        } finally {
            if (pausedUntil.get(node) < begin) accountFor(System.nanoTime() - begin, request);
        }
    }

    private void accountFor(long time, HttpRequest.Builder request) {
        if (time > LIMIT.toNanos()) surprises.add("after " + time / 1_000_000 + " ms: " + request.build());
        longest.accumulateAndGet(time, Math::max);
    }
}
