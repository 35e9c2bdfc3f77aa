package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import pitfalls.program.Balancer;
import pitfalls.program.ReverseProxy;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;

/**
 * Three instances of the program, as processes, behind a balancer of layer 4 that retries nothing and is told a second too late that an
 * instance leaves, as Kubernetes does it.
 *
 * <p>With {@code -Dupdate} it measures the table of {@code docs/fleet.md}, which has nginx and Caddy in the same place.
 */
@DisabledOnOs(OS.WINDOWS) // where a process cannot be asked to end
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class FleetProof implements LoopbackTest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Duration STOP_DELAY = Duration.ofSeconds(2);
    private static final Duration STOP_TIMEOUT = Duration.ofSeconds(7);
    private static final int ROUNDS = 2;
    private static final Duration DEAD = Duration.ofSeconds(5);
    private static final int DEAD_CLIENTS = 90;
    private static final int DEAD_MS = 500;

    private final Path folder = Path.of("target", "fleet").toAbsolutePath(); // stays, to look at

    private int count;

    /** An instance of the program. */
    private FleetInstance start(String target, String... options) throws Exception {
        var all = new ArrayList<>(List.of("--target=" + target));
        all.addAll(List.of(options));
        return start(List.of(), all);
    }

    private FleetInstance start(List<String> ofJava, List<String> options) throws Exception {
        InetSocketAddress address = ServerProcess.reserve(loopback);
        List<String> command = new ArrayList<>(List.of(
                Program.JAVA, "-XX:+ExitOnOutOfMemoryError", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx64m"));
        command.addAll(ofJava);
        command.addAll(List.of("-classpath", System.getProperty("java.class.path"), ReverseProxy.class.getName()));
        command.add("--listen=" + ServerProcess.authorityOf(address));
        command.add("--via=" + nextName());
        command.addAll(options);
        FleetInstance instance = start(address, command, "TERM");
        if (options.contains("--health")) awaitReady(instance);
        return instance;
    }

    private static void awaitReady(FleetInstance instance) throws InterruptedException {
        URI ready = instance.url().resolve("/ready");
        await(() -> get(ready).equals("ready\n"), PATIENCE);
    }

    private FleetInstance start(InetSocketAddress address, List<String> command, String signal) throws Exception {
        String name = nextName();
        count++;
        Path output = Files.createDirectories(folder).resolve(name + ".log");
        var process = loopback.started(new ServerProcess(address, output, new ProcessBuilder(command)));
        return new FleetInstance(
                name, process, URI.create("http://" + ServerProcess.authorityOf(address)), output, signal);
    }

    private String nextName() {
        return "instance-" + count;
    }

    /** The streams and WebSockets have to know their instance, so here each of them has a name of its own. */
    @Test
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    void no_request_fails_while_all_instances_are_replaced_twice_and_streams_and_WebSockets_end_at_the_stop_limit()
            throws Exception {
        try (var upstream = new FleetUpstream();
                var traffic = replaceAll(() -> start(
                        upstream.target(),
                        "--health",
                        "--stop-delay=" + STOP_DELAY.toMillis() / 1000.0 + "s",
                        "--stop-timeout=" + STOP_TIMEOUT.toSeconds() + "s"))) {
            System.err.println("fleet: " + traffic);
            if (!traffic.failures().isEmpty())
                assumeTrue(
                        traffic.longestLagMs() < STOP_DELAY.toMillis() * 3 / 4,
                        "To prove this, give the balancer time: it noticed after " + traffic.longestLagMs() + " ms");
            assertThat(traffic.failures()).isEmpty();
            assertThat(traffic.killed())
                    .as("instances that did not end by themselves")
                    .isZero();
            assertThat(traffic.requests()).as("requests").isGreaterThan(100);
            assertThat(traffic.uploads()).as("uploads that took five seconds").isPositive();
            long limit = STOP_DELAY.plus(STOP_TIMEOUT).toMillis();
            assertThat(traffic.streamsEndedAfterMs())
                    .as("how long after the SIGTERM of its instance a stream has ended, in ms")
                    .isNotEmpty()
                    .allMatch(ms -> ms >= limit);
            assertThat(traffic.webSocketsEndedAfterMs())
                    .as("the same for a WebSocket")
                    .isNotEmpty()
                    .allMatch(ms -> ms >= limit);
        }
    }

    /** It takes three minutes, so it does so with {@code -Dupdate} only. */
    @Test
    @Timeout(value = 20, unit = TimeUnit.MINUTES)
    void the_table_has_the_figures_of_this_machine() throws Exception {
        assumeTrue(Page.UPDATE, "To prove this, measure anew with -Dupdate");
        var table = new StringBuilder(
                "| proxy | requests | failed | on new connections | on kept ones | uploads |\n|---|--:|--:|--:|--:|--:|\n");
        String delay = "--stop-delay=" + STOP_DELAY.toSeconds() + "s";
        table.append(row("this proxy, `" + delay + "`", target -> start(target, "--health", delay)));
        table.append(row("this proxy without it", target -> start(target)));
        for (Peer peer : Peer.installed())
            if (peer == Peer.NGINX || peer == Peer.CADDY)
                table.append(row(peer.heading(folder), target -> start(peer, target)));
        Generated.assertEqual("docs/fleet.md", "fleet", table.toString());
    }

    private String row(String name, StartingTo starting) throws Exception {
        try (var upstream = new FleetUpstream();
                var traffic = replaceAll(() -> starting.start(upstream.target()))) {
            String row = traffic.row(name);
            System.err.print(row);
            return row;
        }
    }

    private interface StartingTo {
        FleetInstance start(String target) throws Exception;
    }

    /** nginx stops gracefully by SIGQUIT, the others by SIGTERM. */
    private FleetInstance start(Peer peer, String target) throws Exception {
        InetSocketAddress address = ServerProcess.reserve(loopback);
        Path own = Files.createDirectories(folder.resolve("peer-" + count));
        List<String> command = peer.command(own, ServerProcess.authorityOf(address), target, false);
        return start(address, command, peer == Peer.NGINX ? "QUIT" : "TERM");
    }

    private interface Starting {
        FleetInstance start() throws Exception;
    }

    /** Replaces three instances one after another, so many times, under load, and waits until the last old one has ended. */
    private FleetTraffic replaceAll(Starting starting) throws Exception {
        List<FleetInstance> instances = new ArrayList<>();
        List<FleetInstance> old = new ArrayList<>();
        var balancer = new Balancer();
        for (int i = 0; i < 3; i++) instances.add(starting.start());
        for (FleetInstance instance : instances) balancer.add(instance.url());
        var traffic = new FleetTraffic(balancer);
        traffic.begin();
        pause(Duration.ofSeconds(1));
        for (int i = 0; i < 3 * ROUNDS; i++) {
            FleetInstance next = starting.start();
            balancer.add(next.url());
            FleetInstance leaving = instances.set(i % 3, next);
            traffic.noteSignal(leaving.name());
            leaving.askToEnd();
            pause(Duration.ofSeconds(1)); // until the balancer notices
            balancer.remove(leaving.url());
            traffic.noteRemoved(leaving.name());
            pause(STOP_DELAY.minusSeconds(1));
            old.add(leaving);
        }
        for (FleetInstance each : old)
            traffic.noteEnd(each.awaitEnd(STOP_DELAY.plus(STOP_TIMEOUT).plus(PATIENCE)));
        traffic.end();
        return traffic;
    }

    private static void pause(Duration time) throws InterruptedException {
        Thread.sleep(time.toMillis());
    }

    private static void await(BooleanSupplier condition, Duration limit) throws InterruptedException {
        long end = System.nanoTime() + limit.toNanos();
        while (!condition.getAsBoolean() && System.nanoTime() < end) pause(Duration.ofMillis(50));
    }

    private static String get(URI url) {
        try (var client = new RawConnection(new Socket(url.getHost(), url.getPort()))) {
            String path = url.getPath().isEmpty() ? "/x" : url.getPath();
            var response = client.sendRequest("GET " + path).receiveResponse();
            return response.status() == 200 ? response.body() : String.valueOf(response.status());
        } catch (IOException x) {
            return x.toString();
        }
    }

    private static HttpServer serve(String address, int port, String body) throws IOException {
        var server = HttpServer.create(new InetSocketAddress(address, port), 50);
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, bytes.length);
            exchange.getResponseBody().write(bytes);
            exchange.close();
        });
        server.start();
        return server;
    }

    @Test
    void a_name_that_moves_is_followed_and_one_that_was_unknown_is_known_after_a_second() throws Exception {
        assumeTrue(
                Files.isDirectory(Path.of("/proc/self/fd")),
                "To prove this, run it on Linux"); // all of 127.0.0.0/8 is loopback there
        Path hosts = Files.writeString(Files.createDirectories(folder).resolve("hosts"), "127.0.0.1 localhost\n");
        HttpServer old = serve("127.0.0.2", 0, "old");
        int port = old.getAddress().getPort();
        HttpServer next = serve("127.0.0.3", port, "next");
        try {
            var instance = start(
                    List.of("-Djdk.net.hosts.file=" + hosts, "-Dsun.net.inetaddr.ttl=1"),
                    List.of("--target=leader.internal:" + port));

            String unknown = get(instance.url());
            Files.writeString(hosts, "127.0.0.2 leader.internal\n");
            long known = System.nanoTime();
            await(() -> get(instance.url()).equals("old"), PATIENCE);
            long untilKnown = Duration.ofNanos(System.nanoTime() - known).toMillis();
            Files.writeString(hosts, "127.0.0.3 leader.internal\n");
            long moved = System.nanoTime();
            await(() -> get(instance.url()).equals("next"), PATIENCE);
            long untilFollowed = Duration.ofNanos(System.nanoTime() - moved).toMillis();

            System.err.println(
                    "fleet: a name is known after " + untilKnown + " ms, and followed after " + untilFollowed + " ms");
            assertThat(unknown).isEqualTo("502");
            assertThat(untilKnown)
                    .as("ms until a name is known, for which Java takes 10 s")
                    .isLessThan(9000);
            assertThat(untilFollowed).as("ms until a name is followed").isLessThan(20_000);
        } finally {
            old.stop(0);
            next.stop(0);
        }
    }

    /**
     * For five requests on their first attempt, one may be on another, so the upstream gets 1.2 requests for each. It may get some more
     * at the beginning and at the end, when few requests are in flight: each instance may have three retries in any case. Not counted are
     * those whose connection had been open before they came: they are sent again once, since such a connection may have gone stale.
     */
    @Test
    void an_upstream_that_dies_at_each_request_gets_a_fifth_more_from_three_instances_that_retry() throws Exception {
        var arrived = new AtomicInteger();
        var sent = new AtomicInteger();
        try (var server = new ServerSocket(0, 500, InetAddress.getLoopbackAddress())) {
            var upstream = new Thread(() -> refuseAll(server, arrived));
            upstream.setDaemon(true);
            upstream.start();
            List<FleetInstance> instances = new ArrayList<>();
            for (int i = 0; i < 3; i++) instances.add(start("127.0.0.1:" + server.getLocalPort(), "--retries=2"));
            List<Thread> clients = new ArrayList<>();
            long end = System.nanoTime() + DEAD.toNanos();
            for (int i = 0; i < DEAD_CLIENTS; i++) {
                URI url = instances.get(i % 3).url();
                int delayMs = i * DEAD_MS / DEAD_CLIENTS; // not all at once
                var client = new Thread(() -> {
                    for (pauseQuietly(delayMs); System.nanoTime() < end; ) {
                        sent.incrementAndGet();
                        get(url);
                    }
                });
                client.start();
                clients.add(client);
            }
            for (Thread client : clients) client.join();

            int replaced = 0;
            for (FleetInstance instance : instances) replaced += instance.count("the connection had gone stale");
            int again = arrived.get() - sent.get() - replaced;
            System.err.printf(
                    "fleet: for %s requests, an upstream that dies gets %s more, and %s whose connection was open before%n",
                    sent, again, replaced);
            // Three retries of three instances, for two attempts each, at the beginning and at the end.
            int few = 3 * 3 * 2 * 2;
            assertThat(again).isBetween(1, sent.get() / 5 + few);
        }
    }

    private static void pauseQuietly(int ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException x) {
            Thread.currentThread().interrupt();
        }
    }

    /** Reads a request, lets some time pass, and dies. */
    private static void refuseAll(ServerSocket server, AtomicInteger arrived) {
        while (!server.isClosed()) {
            try {
                Socket socket = server.accept();
                new Thread(() -> {
                            try (var connection = new RawConnection(socket)) {
                                connection.receiveHead();
                                arrived.incrementAndGet();
                                pause(Duration.ofMillis(DEAD_MS));
                            } catch (IOException | InterruptedException ended) {
                                // A connection that was opened in advance.
                            }
                        })
                        .start();
            } catch (IOException closed) {
                return;
            }
        }
    }
}
