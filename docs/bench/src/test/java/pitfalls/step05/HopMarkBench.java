package pitfalls.step05;

import org.eclipse.jetty.http.HttpFields;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** What step 5 does for each request. */
@State(Scope.Benchmark)
public class HopMarkBench {
    private final HttpFields direct =
            HttpFields.build().add("Host", "example.com").add("Accept", "*/*");
    private final HttpFields twoProxies =
            HttpFields.build(direct).add("Via", "1.1 edge-a, 1.1 edge-b").add("CDN-Loop", "edge-a, edge-b");
    private final HopMark via = HopMark.via();
    private final HopMark cdnLoop = HopMark.cdnLoop();

    @Benchmark
    public boolean viaOfNobody() {
        return via.isOn(direct, "edge-c");
    }

    @Benchmark
    public boolean viaOfTwo() {
        return via.isOn(twoProxies, "edge-c");
    }

    @Benchmark
    public boolean cdnLoopOfTwo() {
        return cdnLoop.isOn(twoProxies, "edge-c");
    }
}
