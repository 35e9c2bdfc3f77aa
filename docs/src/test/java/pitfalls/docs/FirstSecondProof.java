package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import pitfalls.program.ReverseProxy;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;

/**
 * How long the first users of a new instance wait, beside those of one that has served for a while. It measures the table of
 * {@code docs/fleet.md} with {@code -Dupdate} only, for which the machine should have nothing else to do.
 */
@DisabledOnOs(OS.WINDOWS) // where a process cannot be asked to end
class FirstSecondProof implements LoopbackTest {
    private static final int CONNECTIONS = 20;
    private static final int REQUESTS_A_SECOND = 200;
    private static final int INSTANCES = 5;
    private static final Duration SECOND = Duration.ofSeconds(1);
    private static final Duration WARM = Duration.ofSeconds(10);
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Path folder = Path.of("target", "first-second").toAbsolutePath(); // stays, to look at

    private int count;

    private record Instance(ServerProcess process, InetSocketAddress address) {}

    /** An instance with the options of the unit for systemd, once it is ready. */
    private Instance start(String target, String... options) throws Exception {
        InetSocketAddress address = ServerProcess.reserve(loopback);
        List<String> command = new ArrayList<>(List.of(
                Program.JAVA,
                "-XX:+UseSerialGC",
                "-Xms17m",
                "-Xmn16m",
                "-Xmx256m",
                "-classpath",
                System.getProperty("java.class.path"),
                ReverseProxy.class.getName(),
                "--listen=" + ServerProcess.authorityOf(address),
                "--target=" + target));
        command.addAll(List.of(options));
        Path output = Files.createDirectories(folder).resolve("instance-" + count++ + ".log");
        var process = loopback.started(new ServerProcess(address, output, new ProcessBuilder(command)));
        if (List.of(options).contains("--health")) awaitReady(address);
        return new Instance(process, address);
    }

    /** The first second of a new instance, which has the machine for itself. */
    private List<Long> firstSecond(String target, String... options) throws Exception {
        Instance instance = start(target, options);
        List<Long> micros = load(instance.address(), SECOND);
        instance.process().stop();
        return micros;
    }

    private static void awaitReady(InetSocketAddress address) throws IOException, InterruptedException {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (System.nanoTime() < end) {
            try (var client = connect(address)) {
                if (client.sendRequest("GET /ready").receiveResponse().status() == 200) return;
            }
            Thread.sleep(100); // as often as a probe might ask
        }
        throw new IOException("it is not ready");
    }

    private static RawConnection connect(InetSocketAddress address) throws IOException {
        var client = new RawConnection(new Socket(address.getAddress(), address.getPort()));
        client.receivesNothingFor(Duration.ofMillis(1));
        return client;
    }

    /** Clients for so long, each with a connection; returns how long each request took from the moment at which it was due, in µs. */
    private static List<Long> load(InetSocketAddress address, Duration time) throws InterruptedException {
        Queue<Long> micros = new ConcurrentLinkedQueue<>();
        List<Thread> clients = new ArrayList<>();
        long begin = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(50);
        long interval = TimeUnit.SECONDS.toNanos(CONNECTIONS) / REQUESTS_A_SECOND;
        for (int i = 0; i < CONNECTIONS; i++) {
            long first = begin + i * interval / CONNECTIONS;
            var client = new Thread(() -> {
                try (var connection = connect(address)) {
                    for (long due = first; due - begin < time.toNanos(); due += interval) {
                        while (due - System.nanoTime() > 0) LockSupport.parkNanos(due - System.nanoTime());
                        int status = connection
                                .sendRequest("GET /x")
                                .receiveResponse()
                                .status();
                        long took = TimeUnit.NANOSECONDS.toMicros(System.nanoTime() - due);
                        micros.add(status == 200 ? took : Long.MAX_VALUE);
                    }
                } catch (IOException x) {
                    micros.add(Long.MAX_VALUE); // the worst that can happen to a user
                }
            });
            client.start();
            clients.add(client);
        }
        for (Thread client : clients) client.join();
        return List.copyOf(micros);
    }

    /** The median of what the seconds have, so that a moment in which the machine did something else does not count. */
    private static String row(String name, List<List<Long>> seconds) {
        String row = String.format(
                Locale.ROOT,
                "| %s | %d | %.1f ms | %.1f ms |\n",
                name,
                seconds.stream().mapToInt(List::size).sum(),
                median(seconds, 50),
                median(seconds, 99));
        System.err.print(row);
        return row;
    }

    private static double median(List<List<Long>> seconds, int percent) {
        List<Double> ms = seconds.stream()
                .map(micros -> micros.stream().sorted().toList())
                .map(sorted -> sorted.get(sorted.size() * percent / 100 - 1) / 1000.0)
                .sorted()
                .toList();
        return ms.get(ms.size() / 2);
    }

    @Test
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    void the_table_has_the_figures_of_this_machine() throws Exception {
        assumeTrue(Page.UPDATE, "To prove this, measure anew with -Dupdate");
        try (var upstream = new FleetUpstream()) {
            Instance warm = start(upstream.target());
            load(warm.address(), WARM); // which also warms these clients
            List<List<Long>> ofWarm = new ArrayList<>();
            List<List<Long>> ofNew = new ArrayList<>();
            List<List<Long>> ofReady = new ArrayList<>();
            for (int i = 0; i < INSTANCES; i++) {
                ofWarm.add(load(warm.address(), SECOND));
                ofNew.add(firstSecond(upstream.target()));
                ofReady.add(firstSecond(upstream.target(), "--health"));
            }
            assertThat(ofWarm)
                    .as("seconds of the warm instance")
                    .allSatisfy(micros ->
                            assertThat(micros).hasSize(REQUESTS_A_SECOND).doesNotContain(Long.MAX_VALUE));
            Generated.assertEqual(
                    "docs/fleet.md",
                    "first second",
                    "| an instance | requests | p50 | p99 |\n|---|--:|--:|--:|\n"
                            + row("that has served for a while", ofWarm)
                            + row("without `--health`, as soon as its port is open", ofNew)
                            + row("with `--health`, as soon as it is ready", ofReady));
        }
    }
}
