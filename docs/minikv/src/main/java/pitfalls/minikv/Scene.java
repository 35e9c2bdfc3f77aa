package pitfalls.minikv;

import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.eclipse.jetty.util.ajax.JSON;

/** Three nodes as processes, what is done to them, and what is seen of them: the demo without its page. */
final class Scene implements AutoCloseable {
    private static final Duration LOOK_EACH = Duration.ofMillis(200);
    private static final Duration LOOK_TIMEOUT = Duration.ofMillis(600);
    private static final Duration ASK_TIMEOUT = Duration.ofSeconds(15);
    private static final int RECENT = 100;

    private final List<Actor> actors = new ArrayList<>();
    private final Deque<Map<String, Object>> recent = new ArrayDeque<>();
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(task -> {
        var thread = new Thread(task, "look");
        thread.setDaemon(true);
        return thread;
    });
    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(LOOK_TIMEOUT)
            .build();
    private final PrintWriter out;
    private volatile BiConsumer<String, Map<String, ?>> audience = (type, event) -> {};
    private String lastState;
    private String leader;
    private long leaderLostAt;

    /** A node, and what is known of it. */
    private final class Actor {
        private final Member member;
        private final NodeProcess process;
        private volatile boolean isPaused;
        private boolean wasAlive;
        private volatile Map<?, ?> status = Map.of();

        private Actor(Member member, NodeProcess process) {
            this.member = member;
            this.process = process;
        }

        private Map<String, Object> state() {
            Map<String, Object> state = new LinkedHashMap<>();
            state.put("node", member.id());
            state.put("url", "http://" + member.http() + "/");
            state.put("pid", process.isAlive() ? process.pid() : null);
            state.put("state", !process.isAlive() ? "down" : isPaused ? "paused" : status.isEmpty() ? "silent" : "up");
            Map<?, ?> known = status;
            for (String part : List.of("role", "term", "leader", "committed", "applied", "keys"))
                state.put(part, known.get(part));
            return state;
        }
    }

    /**
     * A scene whose nodes are not started yet.
     *
     * @param members as {@link Member#parseAll} reads them
     * @param folder for their logs
     * @param front where the page may ask for the scene
     * @param out is told what happens
     */
    Scene(String members, Path folder, String front, PrintWriter out) {
        this.out = out;
        for (Member member : Member.parseAll(members)) {
            var process =
                    new NodeProcess(member.id(), members, folder, line -> onLine(member.id(), line), "--demo", front);
            actors.add(new Actor(member, process));
        }
    }

    /** Starts the nodes, and tells that audience from now on. */
    void start(BiConsumer<String, Map<String, ?>> audience) throws IOException {
        this.audience = audience;
        leaderLostAt = System.nanoTime();
        for (Actor actor : actors) actor.process.start();
        clock.scheduleWithFixedDelay(this::look, 0, LOOK_EACH.toMillis(), TimeUnit.MILLISECONDS);
    }

    boolean has(String id) {
        return actors.stream().anyMatch(actor -> actor.member.id().equals(id));
    }

    private Actor actor(String id) {
        return actors.stream()
                .filter(actor -> actor.member.id().equals(id))
                .findFirst()
                .orElseThrow();
    }

    /** What is known at the moment. */
    Map<String, Object> state() {
        return Map.of("nodes", actors.stream().map(Actor::state).toArray());
    }

    /** What was told lately. */
    synchronized List<Map<String, Object>> recent() {
        return List.copyOf(recent);
    }

    /** Tells everybody. */
    private void say(String kind, String text) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("time", LocalTime.now().truncatedTo(ChronoUnit.MILLIS).toString());
        line.put("kind", kind);
        line.put("text", text);
        synchronized (this) {
            recent.add(line);
            if (recent.size() > RECENT) recent.remove();
        }
        out.println(LocalTime.now().truncatedTo(ChronoUnit.SECONDS) + "  " + text);
        out.flush();
        audience.accept("line", line);
    }

    private void onLine(String id, String line) {
        if (line.startsWith(RequestLine.BEGIN))
            say("request", "node " + id + "  " + line.substring(RequestLine.BEGIN.length()));
        else if (!line.startsWith("minikv: ")) say("log", "node " + id + "  " + line);
    }

    /** Does to a node what a button says. */
    void act(String id, String what) throws Exception {
        Actor actor = actor(id);
        switch (what) {
            case "kill" -> {
                check(actor.process.isAlive(), "Node " + id + " does not run.");
                long pid = actor.process.pid();
                actor.process.kill();
                actor.isPaused = false;
                say("act", "kill -9 " + pid + ": node " + id + " is gone");
            }
            case "start" -> {
                check(!actor.process.isAlive(), "Node " + id + " runs already.");
                actor.process.start();
                say("act", "node " + id + " is started again, with what it had");
            }
            case "pause" -> {
                check(actor.process.isAlive() && !actor.isPaused, "Node " + id + " does not run.");
                actor.process.signal("STOP");
                actor.isPaused = true;
                say(
                        "act",
                        "kill -STOP " + actor.process.pid() + ": node " + id
                                + " is paused, and its connections stay open");
            }
            default -> {
                check(actor.isPaused, "Node " + id + " is not paused.");
                actor.process.signal("CONT");
                actor.isPaused = false;
                say("act", "kill -CONT " + actor.process.pid() + ": node " + id + " goes on");
            }
        }
        clock.execute(this::look);
    }

    private static void check(boolean holds, String otherwise) {
        if (!holds) throw new IllegalStateException(otherwise);
    }

    /** Puts or gets a key through a node. */
    CompletableFuture<HttpResponse<String>> ask(String id, String what, String key, byte[] value) {
        String path = "/v1/kv/" + URLEncoder.encode(key, StandardCharsets.UTF_8);
        var request = HttpRequest.newBuilder(
                        URI.create("http://" + actor(id).member.http() + path))
                .timeout(ASK_TIMEOUT);
        if (what.equals("put")) request.PUT(BodyPublishers.ofByteArray(value));
        return http.sendAsync(request.build(), BodyHandlers.ofString());
    }

    /** Looks at all nodes, and tells what has changed. It runs on the clock's thread alone, since a node that is paused keeps it waiting. */
    private void look() {
        List<CompletableFuture<?>> answers = new ArrayList<>();
        for (Actor actor : actors) {
            if (actor.process.isAlive() && !actor.isPaused)
                answers.add(status(actor).thenAccept(status -> actor.status = status));
            else actor.status = Map.of();
            if (actor.wasAlive && !actor.process.isAlive()) onEnd(actor);
            actor.wasAlive = actor.process.isAlive();
        }
        CompletableFuture.allOf(answers.toArray(CompletableFuture[]::new)).join();
        tellOfLeader();
        String state = new JSON().toJSON(state());
        if (state.equals(lastState)) return;
        lastState = state;
        audience.accept("state", state());
    }

    private void onEnd(Actor actor) {
        if (actor.process.wasKilledHere()) return;
        actor.isPaused = false;
        say("act", "node " + actor.member.id() + " has ended: somebody has killed it");
    }

    private CompletableFuture<Map<?, ?>> status(Actor actor) {
        var request = HttpRequest.newBuilder(URI.create("http://" + actor.member.http() + "/v1/status"))
                .timeout(LOOK_TIMEOUT)
                .build();
        Function<HttpResponse<String>, Map<?, ?>> read = response -> (Map<?, ?>) new JSON().fromJSON(response.body());
        return http.sendAsync(request, BodyHandlers.ofString()).thenApply(read).exceptionally(failure -> Map.of());
    }

    private void tellOfLeader() {
        Actor leading = actors.stream()
                .filter(actor -> Objects.equals(actor.status.get("role"), "leader"))
                .max((a, b) -> Long.compare((Long) a.status.get("term"), (Long) b.status.get("term")))
                .orElse(null);
        String now = leading == null ? null : leading.member.id();
        if (Objects.equals(now, leader)) return;
        if (now == null) {
            leaderLostAt = System.nanoTime();
            say("raft", "nobody leads");
        } else {
            String after = leader == null
                    ? String.format(
                            Locale.ROOT, ", after %.1f s without a leader", (System.nanoTime() - leaderLostAt) / 1e9)
                    : "";
            say("raft", "node " + now + " leads, in term " + leading.status.get("term") + after);
        }
        leader = now;
    }

    @Override
    public void close() {
        clock.shutdownNow();
        for (Actor actor : actors) actor.process.end();
    }
}
