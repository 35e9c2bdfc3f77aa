package pitfalls.embed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.eclipse.jetty.util.VirtualThreads;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream;

/**
 * An upstream that dies is a 502 or half a response that looks like half, in each wrapping and however often. {@code -Ddeaths} says how often
 * it dies in each; 3000 of them take some minutes.
 */
class EmbeddingProof implements LoopbackTest {
    private static final int DEATHS = Integer.getInteger("deaths", 100);
    private static final int CLIENTS = 4;
    private static final List<String> WHEN = List.of("before", "behind-the-head", "within");

    @TestFactory
    Stream<DynamicTest> an_upstream_that_dies_never_becomes_a_500_or_a_whole_response() throws Exception {
        ScriptedUpstream upstream = loopback.scripted(new Everything());
        return Stream.of(Wrapping.values())
                .map(wrapping -> DynamicTest.dynamicTest(wrapping.name(), () -> {
                    assumeTrue(wrapping != Wrapping.VIRTUAL_THREADS || VirtualThreads.areSupported());
                    Map<String, Integer> outcomes = new TreeMap<>();
                    var clients = Executors.newFixedThreadPool(CLIENTS);
                    try (var embedded = new Embedded(wrapping, upstream.target())) {
                        List<Callable<String>> deaths = new ArrayList<>();
                        for (int i = 0; i < DEATHS; i++) {
                            String when = WHEN.get(i % WHEN.size());
                            deaths.add(() -> outcome(embedded, when));
                        }
                        for (Future<String> death : clients.invokeAll(deaths))
                            outcomes.merge(death.get(), 1, Integer::sum);
                    } finally {
                        clients.shutdownNow();
                    }

                    assertThat(outcomes.keySet())
                            .as("what became of %d deaths: %s", DEATHS, outcomes)
                            .isSubsetOf("502", "half");
                }));
    }

    private static String outcome(Embedded embedded, String when) throws Exception {
        try (var client = embedded.connect()) {
            embedded.send(client, "POST", "/dies-" + when, "Content-Length: 2").send("ab");
            var head = new RawMessage(client.receiveHead(), "", true);
            var response = client.receiveBodyOf(head);
            boolean isOurs = response.body().startsWith("{");
            if (head.status() == 200) return response.complete() ? "a whole 200" : "half";
            return head.status() + (isOurs ? "" : " of somebody else");
        }
    }
}
