package pitfalls.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import com.sun.tools.attach.VirtualMachine;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.management.JMX;
import javax.management.ObjectName;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What a request costs the program, counted and not timed, so that a slow machine changes nothing: bytes allocated, and calls of the system.
 * Each bound is one and a half to two times what was counted.
 */
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class CostProof {
    private static final Duration WARM_UP = Duration.ofSeconds(3);
    private static final Duration TIME = Duration.ofSeconds(3);
    private static final Pattern CALLS = Pattern.compile("(?m)^\\s*[\\d.]+\\s+[\\d.]+\\s+\\d+\\s+(\\d+)\\s.*?(\\w+)$");

    private static final Load SMALL = Row.SMALL.load();
    private static final Load UPLOAD = new Load("/upload", Answers.LARGE, 1, 1, 0);
    private static final Load LARGE = new Load(Answers.LARGE_PATH, 0, 1, 1, 0);

    private Running upstream;
    private Running proxy;
    private Path folder;

    @BeforeEach
    void start() throws IOException, InterruptedException {
        folder = Files.createDirectories(Path.of("target", "cost"));
        upstream = Others.Upstream.start(Files.createDirectories(folder.resolve("upstream")));
        int port = Running.freePort();
        var program = Peer.program(List.of("-Xmx256m"));
        program.addAll(List.of("--listen=127.0.0.1:" + port, "--target=127.0.0.1:" + upstream.port()));
        proxy = new Running(program, port, folder);
    }

    @AfterEach
    void stop() {
        if (proxy != null) proxy.close();
        if (upstream != null) upstream.close();
    }

    @Test
    void a_small_request_allocates_12_kilobytes_at_most() throws Exception {
        VirtualMachine machine = VirtualMachine.attach(String.valueOf(proxy.pid()));
        String address = machine.startLocalManagementAgent();
        machine.detach();
        try (var connector = JMXConnectorFactory.connect(new JMXServiceURL(address))) {
            var threads = JMX.newMXBeanProxy(
                    connector.getMBeanServerConnection(),
                    new ObjectName(ManagementFactory.THREAD_MXBEAN_NAME),
                    ThreadMXBean.class);
            send(SMALL, WARM_UP);
            long before = allocated(threads);
            long requests = send(SMALL, TIME);
            long bytes = allocated(threads) - before;

            assertThat(bytes / requests)
                    .as("bytes for each of %d requests", requests)
                    .isLessThan(12_000);
        }
    }

    private static long allocated(ThreadMXBean threads) {
        return Arrays.stream(threads.getThreadAllocatedBytes(threads.getAllThreadIds()))
                .filter(bytes -> bytes > 0)
                .sum();
    }

    @Test
    void a_small_request_makes_9_calls_for_input_and_output_at_most() throws Exception {
        Calls calls = calls(SMALL);

        double io = Stream.of("read", "write", "writev", "epoll_ctl", "epoll_wait")
                .mapToDouble(calls::of)
                .sum();
        assertThat(io)
                .as("for input and output in each of %d requests", calls.requests)
                .isBetween(4.0, 9.0);
    }

    /** With the threads of Jetty it was 2.8 such calls for a request. */
    @Test
    void a_small_request_wakes_no_other_thread() throws Exception {
        Calls calls = calls(SMALL);

        assertThat(calls.of("read")).as("reads").isGreaterThan(2);
        assertThat(calls.of("futex"))
                .as("calls by which threads wait for each other, in each of %d requests", calls.requests)
                .isLessThan(1.0);
    }

    @Test
    void an_upload_of_1_MiB_is_read_in_large_pieces() throws Exception {
        assertReadInLargePieces(UPLOAD);
    }

    @Test
    void a_response_of_1_MiB_is_read_in_large_pieces() throws Exception {
        assertReadInLargePieces(LARGE);
    }

    private void assertReadInLargePieces(Load load) throws IOException, InterruptedException {
        Calls calls = calls(load);

        assertThat(calls.of("read"))
                .as("reads for each of %d requests", calls.requests)
                .isBetween(1.0, 48.0);
    }

    private long send(Load load, Duration time) throws IOException, InterruptedException {
        Load.Outcome outcome = new JavaLoad(load, proxy.port(), false).run(time);
        assertThat(outcome.failed()).as("failed").isZero();
        return outcome.answered();
    }

    /** What strace counts during that load, when the program is warm. */
    private Calls calls(Load load) throws IOException, InterruptedException {
        assumeTrue(Peer.find("strace").isPresent(), "To prove this, install strace");
        send(load, WARM_UP);
        Path summary = folder.resolve("calls");
        Path messages = folder.resolve("strace");
        Process strace = new ProcessBuilder(
                        Peer.find("strace").get(), "-f", "-c", "-o", summary.toString(), "-p", "" + proxy.pid())
                .redirectErrorStream(true)
                .redirectOutput(messages.toFile())
                .start();
        while (strace.isAlive() && !Files.readString(messages).contains("attached")) Thread.onSpinWait();
        assumeTrue(strace.isAlive(), "To prove this, permit strace to attach to a process");
        long requests = send(load, TIME);
        strace.destroy();
        strace.waitFor();
        return new Calls(requests, Files.readString(summary));
    }

    /** The calls of some requests. */
    private record Calls(long requests, String summary) {
        double of(String call) {
            Matcher line = CALLS.matcher(summary);
            while (line.find()) {
                if (line.group(2).equals(call)) return Double.parseDouble(line.group(1)) / requests;
            }
            return 0;
        }
    }
}
