package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import pitfalls.program.ReverseProxy;
import pitfalls.support.LoopbackTest;

/**
 * Everything goes wrong at once, for a long time, and each request is accounted for.
 *
 * <p>Two proxies, one of them with retries, have the same upstream. It is killed or stopped every few seconds, and answers
 * as each request asks it to: well, slowly, by half, not at all. Some clients are slow, and some leave. {@code -Dsoak=PT1H}
 * sets how long it takes; ten minutes unless set, and some seconds among all proofs. {@code -Dsoak.seed} repeats the
 * choices of a run, though not its timing.
 */
class SoakProof implements LoopbackTest {
    private static final Duration TIME = Duration.parse(System.getProperty("soak"));
    private static final long SEED = Long.getLong("soak.seed", System.nanoTime());
    private static final int CLIENTS = 12; // of each proxy
    private static final int RETRIES = 2;
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Path FOLDER = Path.of("target", "soak"); // stays, to look at
    private static final Pattern USED = Pattern.compile("(?:total \\d+K, |\\b)used (\\d+)K");

    private final List<Proxy> proxies = new ArrayList<>();
    private final SoakAccounts accounts = new SoakAccounts();
    private final AtomicLong ids = new AtomicLong();
    private final SplittableRandom random = new SplittableRandom(SEED);
    private ServerProcess upstream;
    private Path records;

    /** A proxy in a process of its own. */
    private record Proxy(ServerProcess process, InetSocketAddress address, int retries) {}

    /** What a process holds when nobody uses it. */
    private record Held(int descriptors, int threads, long heapKilobytes) {}

    @Test
    @Timeout(value = 1, unit = TimeUnit.DAYS) // it ends when its time is over
    void under_all_faults_at_once_each_request_is_answered_or_refused_or_cut_and_done_once() throws Exception {
        assumeTrue(Files.isDirectory(Path.of("/proc/self/fd")), "To prove this, run it on Linux");
        System.err.println("soak: -Dsoak=" + TIME + " -Dsoak.seed=" + SEED);
        Files.createDirectories(FOLDER);
        records = FOLDER.resolve("records.txt").toAbsolutePath();
        Files.deleteIfExists(records);
        InetSocketAddress address = ServerProcess.reserve(loopback);
        upstream = start(address, 64, SoakUpstream.class, Integer.toString(address.getPort()), records.toString());
        for (int retries : List.of(0, RETRIES)) proxies.add(start(address, retries));

        play(TIME.dividedBy(6));
        List<Held> before = held();
        play(TIME);
        List<Held> after = held();
        List<String> complaints = accounts.complaints(records);

        System.err.println(accounts.table());
        System.err.println("held by each proxy before: " + before + "\nheld by each proxy after:  " + after);
        assertThat(complaints).isEmpty();
        for (int i = 0; i < proxies.size(); i++) {
            assertThat(after.get(i).descriptors).as("descriptors").isLessThanOrEqualTo(before.get(i).descriptors + 8);
            assertThat(after.get(i).threads).as("threads").isLessThanOrEqualTo(before.get(i).threads + 8);
            assertThat(after.get(i).heapKilobytes)
                    .as("kilobytes of heap")
                    .isLessThanOrEqualTo(before.get(i).heapKilobytes + 4096);
        }
    }

    /** Sends requests for that time, with all faults, and awaits that each has ended. */
    private void play(Duration time) throws Exception {
        long deadline = System.nanoTime() + time.toNanos();
        ExecutorService threads = Executors.newCachedThreadPool();
        try {
            List<Future<?>> clients = new ArrayList<>();
            for (Proxy proxy : proxies)
                for (int i = 0; i < CLIENTS; i++) {
                    SplittableRandom own = random.split();
                    clients.add(threads.submit(until(deadline, () -> ask(proxy, own))));
                }
            until(deadline, this::harm).call();
            for (Future<?> client : clients) client.get(5, TimeUnit.MINUTES);
        } finally {
            threads.shutdownNow();
        }
    }

    private interface Action {
        void run() throws Exception;
    }

    private static Callable<Void> until(long deadline, Action action) {
        return () -> {
            while (System.nanoTime() < deadline) action.run();
            return null;
        };
    }

    /** One client, which sends some requests on its connection. */
    private void ask(Proxy proxy, SplittableRandom own) throws InterruptedException {
        try (var client = new SoakClient(proxy.address)) {
            for (int left = own.nextInt(20); left >= 0; left--) {
                var request = SoakRequest.any(ids.getAndIncrement(), own);
                accounts.add(proxy.retries, request, client.send(request));
                Thread.sleep(own.nextInt(100));
            }
        }
    }

    /** Kills the upstream, or stops it for a while. */
    private void harm() throws Exception {
        Thread.sleep(random.nextInt(3000));
        if (random.nextBoolean()) {
            upstream.signal("KILL");
            Thread.sleep(random.nextInt(500));
            restart();
        } else {
            upstream.signal("STOP");
            Thread.sleep(random.nextInt(3000));
            upstream.signal("CONT");
        }
    }

    private void restart() throws Exception {
        upstream.stop();
        upstream.start();
    }

    /** What each proxy holds once all clients have left, and the upstream with its connections. */
    private List<Held> held() throws Exception {
        restart();
        List<Held> all = new ArrayList<>();
        for (Proxy proxy : proxies) {
            String pid = Long.toString(proxy.process.pid());
            Path descriptors = Path.of("/proc", pid, "fd");
            int count = lowest(descriptors);
            int threads = lowest(Path.of("/proc", pid, "task"));
            Program.run(FOLDER, "", jcmd(), pid, "GC.run");
            Matcher used = USED.matcher(Program.run(FOLDER, "", jcmd(), pid, "GC.heap_info"));
            long heap = 0;
            for (int part = 0; part < 2 && used.find(); part++) heap += Long.parseLong(used.group(1));
            assertThat(heap).as("kilobytes of heap in use").isPositive();
            all.add(new Held(count, threads, heap));
        }
        return all;
    }

    private static String jcmd() {
        return Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
    }

    /** How few entries that FOLDER comes to have: it is read until there are no fewer for some seconds. */
    private static int lowest(Path entries) throws IOException, InterruptedException {
        int lowest = Integer.MAX_VALUE;
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        for (int same = 0; same < 50 && System.nanoTime() < deadline; same++) {
            int now;
            try (Stream<Path> all = Files.list(entries)) {
                now = (int) all.count();
            }
            if (now < lowest) same = 0;
            lowest = Math.min(lowest, now);
            Thread.sleep(50);
        }
        return lowest;
    }

    private Proxy start(InetSocketAddress target, int retries) throws Exception {
        InetSocketAddress address = ServerProcess.reserve(loopback);
        var process = start(
                address,
                64,
                ReverseProxy.class,
                "--listen=" + ServerProcess.authorityOf(address),
                "--target=" + ServerProcess.authorityOf(target),
                "--retries=" + retries,
                "--response-timeout=2s",
                "--stream-timeout=3s",
                "--request-head-timeout=5s");
        return new Proxy(process, address, retries);
    }

    private ServerProcess start(InetSocketAddress address, int megabytes, Class<?> program, String... options)
            throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Program.JAVA,
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-XX:+ExitOnOutOfMemoryError",
                "-Xmx" + megabytes + "m",
                "-classpath",
                System.getProperty("java.class.path"),
                program.getName()));
        command.addAll(List.of(options));
        Path output = FOLDER.resolve(program.getSimpleName() + address.getPort() + ".txt");
        return loopback.started(
                new ServerProcess(address, output, new Sandbox(FOLDER).command(command.toArray(String[]::new))));
    }
}
