package pitfalls.docs;

import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.time.Duration;
import java.time.LocalTime;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import pitfalls.program.Balancer;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;

/**
 * What comes to a fleet through its balancer: requests on new connections and on kept ones, uploads of five seconds, event streams and
 * WebSockets.
 * Each client connects again where its connection ends as it may, behind a whole answer. Everything else is a failure.
 */
final class FleetTraffic implements AutoCloseable {
    private static final int NEW_CONNECTIONS_PER_SECOND = 150;
    private static final int KEPT_CONNECTIONS = 32;
    private static final int UPLOADS = 3;
    private static final int PIECES = 50; // of an upload, ten a second
    private static final int STREAMS = 3;
    private static final int WEB_SOCKETS = 3;
    private static final int WAITING = 300; // at most, on new connections
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final String PIECE = "x".repeat(1000);

    private final Balancer balancer;
    private final CountDownLatch ending = new CountDownLatch(1);
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Semaphore waiting = new Semaphore(WAITING);
    private final AtomicInteger onNewConnections = new AtomicInteger();
    private final AtomicInteger onKeptConnections = new AtomicInteger();
    private final AtomicInteger uploads = new AtomicInteger();
    private final Queue<String> failures = new ConcurrentLinkedQueue<>();
    private final Map<String, Long> signals = new ConcurrentHashMap<>();
    private final Queue<Long> streamsEndedAfterMs = new ConcurrentLinkedQueue<>();
    private final Queue<Long> webSocketsEndedAfterMs = new ConcurrentLinkedQueue<>();
    private volatile long longestLagMs;
    private final AtomicInteger killed = new AtomicInteger();
    private final Queue<Socket> streams = new ConcurrentLinkedQueue<>();
    private final HttpClient http = HttpClient.newBuilder().executor(threads).build();

    FleetTraffic(Balancer balancer) {
        this.balancer = balancer;
    }

    private interface Client {
        void play() throws Exception;
    }

    /** Begins to send. */
    void begin() {
        threads.execute(() -> play("pace", this::requestOnNewConnections));
        for (int i = 0; i < KEPT_CONNECTIONS; i++) {
            int pauseMs = 20 + i;
            threads.execute(() -> play("kept", () -> requestOnKeptConnection(pauseMs)));
        }
        for (int i = 0; i < UPLOADS; i++) threads.execute(() -> play("upload", this::upload));
        for (int i = 0; i < STREAMS; i++) threads.execute(() -> play("stream", this::readEvents));
        for (int i = 0; i < WEB_SOCKETS; i++) threads.execute(() -> play("WebSocket", this::readMessages));
    }

    private void play(String what, Client client) {
        while (ending.getCount() > 0) {
            try {
                client.play();
            } catch (Exception x) {
                if (ending.getCount() > 0) fail(what + ": " + x);
                rest();
            }
        }
    }

    /** Where nothing works, it need not be tried all the time. */
    private void rest() {
        try {
            ending.await(100, TimeUnit.MILLISECONDS);
        } catch (InterruptedException x) {
            Thread.currentThread().interrupt();
        }
    }

    private RawConnection connect() throws IOException {
        return new RawConnection(connected());
    }

    private Socket connected() throws IOException {
        return new Socket(balancer.url().getHost(), balancer.url().getPort());
    }

    private void requestOnNewConnections() throws InterruptedException {
        long next = System.nanoTime();
        while (!ending.await(Math.max(0, next - System.nanoTime()), TimeUnit.NANOSECONDS)) {
            next += TimeUnit.SECONDS.toNanos(1) / NEW_CONNECTIONS_PER_SECOND;
            if (!waiting.tryAcquire()) continue; // the machine is too busy for more
            threads.execute(() -> {
                onNewConnections.incrementAndGet();
                try (var client = connect()) {
                    check("new", answer(client.sendRequest("GET /x")));
                } catch (IOException x) {
                    fail("new: " + x);
                } finally {
                    waiting.release();
                }
            });
        }
    }

    private void requestOnKeptConnection(int pauseMs) throws Exception {
        try (var client = connect()) {
            while (!ending.await(pauseMs, TimeUnit.MILLISECONDS)) {
                if (!client.receivesNothingFor(Duration.ofMillis(1))) return; // it was closed while it was idle
                onKeptConnections.incrementAndGet();
                RawMessage response = answer(client.sendRequest("GET /x"));
                check("kept", response);
                if (response.field("Connection").contains("close")) return;
            }
        }
    }

    private void upload() throws Exception {
        try (var client = connect()) {
            client.sendRequest("POST /upload", "Content-Length: " + PIECES * PIECE.length());
            for (int i = 0; i < PIECES; i++) {
                client.send(PIECE);
                Thread.sleep(100);
            }
            check("upload", answer(client));
            uploads.incrementAndGet();
        }
    }

    private void readEvents() throws Exception {
        Socket socket = connected();
        streams.add(socket);
        try (var client = new RawConnection(socket)) {
            client.sendRequest("GET /events").receivesNothingFor(PATIENCE);
            String head = client.receiveHead();
            if (!head.startsWith("HTTP/1.1 200 ")) {
                fail("stream: " + head);
                return;
            }
            String event = client.receiveChunk();
            try {
                while (!client.receiveChunk().isEmpty()) {
                    // The next event follows.
                }
            } catch (IOException | NumberFormatException ended) {
                // As a stream ends that has no end.
            }
            noteEndOf(event, streamsEndedAfterMs);
        } finally {
            streams.remove(socket);
        }
    }

    private void readMessages() throws Exception {
        var messages = new Messages();
        URI url = balancer.url();
        WebSocket socket = http.newWebSocketBuilder()
                .buildAsync(URI.create("ws://" + url.getAuthority() + "/socket"), messages)
                .get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        try {
            while (ending.getCount() > 0) {
                if (!messages.ended.await(100, TimeUnit.MILLISECONDS)) continue;
                noteEndOf(messages.text, webSocketsEndedAfterMs);
                return;
            }
        } finally {
            socket.abort();
        }
    }

    /** Keeps a message, of which one is as good as another, and knows when no more will come. */
    private static final class Messages implements WebSocket.Listener {
        private final CountDownLatch ended = new CountDownLatch(1);
        private volatile String text = "";

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
            text = data.toString();
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int status, String reason) {
            ended.countDown();
            return null;
        }

        @Override
        public void onError(WebSocket socket, Throwable failure) {
            ended.countDown();
        }
    }

    /** Notes how long ago the instance that is named in that text was asked to end; one that never was should not have ended anything. */
    private void noteEndOf(String text, Queue<Long> endedAfterMs) {
        if (ending.getCount() == 0) return;
        long now = System.nanoTime();
        endedAfterMs.add(signals.entrySet().stream()
                .filter(signal -> text.strip().endsWith(" " + signal.getKey()))
                .map(signal -> TimeUnit.NANOSECONDS.toMillis(now - signal.getValue()))
                .findFirst()
                .orElse(-1L));
    }

    /** A new process on a busy machine may be slow, which is no failure. */
    private static RawMessage answer(RawConnection client) throws IOException {
        client.receivesNothingFor(PATIENCE);
        return client.receiveResponse();
    }

    private void check(String what, RawMessage response) {
        boolean isWhole = response.status() == 200
                && response.complete()
                && response.body().equals("ok");
        if (!isWhole)
            failures.add(what + ": " + response.head().lines().findFirst().orElse(""));
    }

    /** With the time, by which the logs of the instances can be searched. */
    private void fail(String failure) {
        failures.add(failure + " at " + LocalTime.now());
    }

    /** That instance is being asked to end. */
    void noteSignal(String instance) {
        signals.put(instance, System.nanoTime());
    }

    /** The balancer has noticed that this instance leaves. */
    void noteRemoved(String instance) {
        long lagMs = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - signals.get(instance));
        longestLagMs = Math.max(longestLagMs, lagMs);
    }

    /** How long the balancer needed at most, in ms. On a machine that is very busy it is later than it was meant to be. */
    long longestLagMs() {
        return longestLagMs;
    }

    /** Sends no more, and waits for the answers. */
    void end() throws InterruptedException, IOException {
        ending.countDown();
        for (Socket stream : streams) stream.close();
        threads.shutdown();
        threads.awaitTermination(60, TimeUnit.SECONDS);
    }

    /** An instance has ended, by itself or not. */
    void noteEnd(boolean byItself) {
        if (!byItself) killed.incrementAndGet();
    }

    int killed() {
        return killed.get();
    }

    /** A row of a table: requests, and how many of them failed. */
    String row(String name) {
        int all = requests() + uploads.get() + failed("upload");
        int failed = failed("new") + failed("kept") + failed("upload");
        return String.format(
                Locale.ROOT,
                "| %s | %d | %.1f %% | %d | %d | %d |\n",
                name,
                all,
                100.0 * failed / all,
                failed("new"),
                failed("kept"),
                failed("upload"));
    }

    private int failed(String what) {
        return (int) failures.stream()
                .filter(failure -> failure.startsWith(what + ":"))
                .count();
    }

    List<String> failures() {
        return List.copyOf(failures);
    }

    int requests() {
        return onNewConnections.get() + onKeptConnections.get();
    }

    int uploads() {
        return uploads.get();
    }

    /** For each stream that has ended, how long before that its instance was asked to end. */
    List<Long> streamsEndedAfterMs() {
        return List.copyOf(streamsEndedAfterMs);
    }

    /** The same for each WebSocket. */
    List<Long> webSocketsEndedAfterMs() {
        return List.copyOf(webSocketsEndedAfterMs);
    }

    @Override
    public String toString() {
        return onNewConnections + " requests on new connections, " + onKeptConnections + " on kept ones, " + uploads
                + " uploads, streams ended " + streamsEndedAfterMs + " ms after the signal, WebSockets "
                + webSocketsEndedAfterMs + ", a lag of " + longestLagMs + " ms, " + failures.size() + " failures";
    }

    @Override
    public void close() throws IOException {
        threads.shutdownNow();
        balancer.close();
    }
}
