package pitfalls.fuzz;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import pitfalls.fuzz.Finding.Kind;

/**
 * Sends a proxy inputs of which most are broken or strange, some at once, and looks at both of its sides. It knows nothing of the
 * proxy but an address, so any other can take its place:
 *
 * <pre>{@code
 * try (var upstream = new FuzzUpstream()) {
 *     InetSocketAddress proxy = ... // starts one that forwards to upstream.address()
 *     Report requests = Fuzzer.ofRequests(proxy, upstream, seed).run(10_000);
 *     Report responses = Fuzzer.ofResponses(proxy, upstream, seed).run(10_000);
 * }
 * }</pre>
 *
 * <p>An upstream has one fuzzer at a time. The same seed makes the same inputs; which of them are on their way together is a matter of
 * the machine.
 */
public abstract class Fuzzer {
    static final int BATCH = 500;

    private static final int CLIENTS = 16;

    final long seed;
    final Report report = new Report();

    private final InetSocketAddress proxy;

    Fuzzer(InetSocketAddress proxy, FuzzUpstream upstream, long seed) {
        this.proxy = proxy;
        this.seed = seed;
        upstream.setService(service());
    }

    /**
     * A fuzzer of requests.
     *
     * @param proxy where the proxy listens
     * @param upstream where it forwards to
     * @param seed what the inputs are made from
     * @return a fuzzer that has not begun
     */
    public static Fuzzer ofRequests(InetSocketAddress proxy, FuzzUpstream upstream, long seed) {
        return new RequestFuzzer(proxy, upstream, seed);
    }

    /**
     * A fuzzer of responses.
     *
     * @param proxy where the proxy listens
     * @param upstream where it forwards to
     * @param seed what the inputs are made from
     * @return a fuzzer that has not begun
     */
    public static Fuzzer ofResponses(InetSocketAddress proxy, FuzzUpstream upstream, long seed) {
        return new ResponseFuzzer(proxy, upstream, seed);
    }

    /**
     * Tries inputs.
     *
     * @param inputs how many
     * @return what was seen
     * @throws InterruptedException if this thread is interrupted
     */
    public final Report run(int inputs) throws InterruptedException {
        return run(0, inputs);
    }

    /**
     * Tries one input again.
     *
     * @param number its number
     * @return what was seen
     * @throws InterruptedException if this thread is interrupted
     */
    public final Report only(long number) throws InterruptedException {
        return run(number, number + 1);
    }

    private Report run(long from, long to) throws InterruptedException {
        ExecutorService clients = Executors.newFixedThreadPool(CLIENTS);
        try {
            for (long start = from; start < to; start += BATCH) {
                List<Future<?>> batch = new ArrayList<>();
                for (long number = start; number < Math.min(start + BATCH, to); number++) {
                    Input input = input(number);
                    batch.add(clients.submit(() -> tryOne(input)));
                }
                for (Future<?> one : batch) one.get();
                checkPlainGet(input(Math.min(start + BATCH, to) - 1));
                forgetBefore(start);
            }
        } catch (ExecutionException x) {
            throw new IllegalStateException("the fuzzer itself failed, with the seed " + seed, x.getCause());
        } finally {
            clients.shutdownNow();
        }
        return report;
    }

    private void tryOne(Input input) {
        report.countInput();
        try (var client = new FuzzClient(proxy)) {
            try {
                fuzz(client, input);
            } catch (FuzzClient.Hangs x) {
                found(Kind.HANGS, input, x.getMessage());
            } catch (StrictReader.Malformed x) {
                found(Kind.INVALID_ANSWER, input, x.getMessage());
            } catch (StrictReader.BrokenOff | IOException x) {
                report.countAnswer("cut");
            }
            if (client.told() != null) found(Kind.INSIDE_TOLD, input, "an answer contains '" + client.told() + "'");
        } catch (IOException x) {
            found(Kind.NOT_SERVED, input, "no connection: " + x.getMessage());
        }
    }

    private void checkPlainGet(Input last) {
        try (var client = new FuzzClient(proxy)) {
            client.send("GET " + FuzzUpstream.ALIVE + " HTTP/1.1\r\nHost: fuzz.example\r\nConnection: close\r\n\r\n");
            var reader = new StrictReader(client.in());
            StrictReader.Head head = reader.readResponseHead();
            boolean isServed = head != null
                    && head.status() == 200
                    && head.values("X-Echo").contains(FuzzUpstream.ALIVE);
            if (!isServed) found(Kind.NOT_SERVED, last, "a plain GET after this batch got " + head);
        } catch (IOException | StrictReader.Malformed | StrictReader.BrokenOff x) {
            found(Kind.NOT_SERVED, last, "a plain GET after this batch got " + x);
        }
    }

    final void found(Kind kind, Input input, String sentence) {
        report.add(Finding.of(kind, input, sentence));
    }

    /** The input of that number. */
    abstract Input input(long number);

    /** Tries that input on a new connection. */
    abstract void fuzz(FuzzClient client, Input input)
            throws IOException, StrictReader.Malformed, StrictReader.BrokenOff;

    /** What happens at the upstream. */
    abstract FuzzUpstream.Service service();

    /** Called when everything of the inputs before that one has ended. */
    abstract void forgetBefore(long number);
}
