package pitfalls.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The finished program under inputs that are wrong or strange. {@code -Dseed=…} makes other inputs, {@code -Dinputs=…} more of them, and
 * {@code -Dinput=…} tries one again.
 */
@Timeout(600)
class FuzzProof {
    private static final long SEED = Long.getLong("seed", 1);
    private static final int INPUTS = Integer.getInteger("inputs", 10_000);
    private static final Long INPUT = Long.getLong("input");
    private static final int WARM_UP = 1000;

    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final long MORE_HEAP = 8 << 20;
    private static final int MORE_THREADS =
            40; // pools grow by some 20 while they warm up, also in three times as many inputs
    private static final int MORE_DESCRIPTORS = 64; // connections that wait for the next request

    @TempDir
    private Path folder;

    /** Makes one of the two fuzzers. */
    private interface Factory {
        Fuzzer newFuzzer(InetSocketAddress proxy, FuzzUpstream upstream, long seed);
    }

    @Test
    void no_request_does_what_it_should_not() throws Exception {
        fuzz("requests", Fuzzer::ofRequests);
    }

    @Test
    void no_response_does_what_it_should_not() throws Exception {
        fuzz("responses", Fuzzer::ofResponses);
    }

    private void fuzz(String what, Factory factory) throws Exception {
        try (var upstream = new FuzzUpstream();
                var program = new ProgramProcess(upstream.address(), folder)) {
            if (INPUT == null)
                factory.newFuzzer(program.address(), upstream, ~SEED).run(WARM_UP);
            var before = program.vitals();

            Fuzzer fuzzer = factory.newFuzzer(program.address(), upstream, SEED);
            Report report = INPUT == null ? fuzzer.run(INPUTS) : fuzzer.only(INPUT);

            System.out.println("fuzzed " + what + ": -Dseed=" + SEED + ", " + report);
            assertThat(report.findings())
                    .as("what was found; to try one again: mvn test -Pproof -pl docs -Dtest=FuzzProof -Dseed=" + SEED
                            + " -Dinput=…")
                    .isEmpty();
            assertThat(program.output()).as("the log").doesNotContain("\n\tat ");
            assertThat(hasGrown(program, before)).as("what has grown").isEmpty();
        }
    }

    /** Looks until nothing has grown any more; what is closed now may be open for another moment. */
    private static String hasGrown(ProgramProcess program, ProgramProcess.Vitals before) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            var now = program.vitals();
            boolean isFlat = now.heap() < before.heap() + MORE_HEAP
                    && now.threads() < before.threads() + MORE_THREADS
                    && now.descriptors() < before.descriptors() + MORE_DESCRIPTORS;
            if (isFlat) return "";
            if (System.nanoTime() > deadline) return "from " + before + " to " + now;
        }
    }
}
