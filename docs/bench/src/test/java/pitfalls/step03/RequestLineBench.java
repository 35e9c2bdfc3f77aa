package pitfalls.step03;

import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.Request;
import org.eclipse.jetty.http.HttpURI;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** What step 3 does for each request. */
@State(Scope.Benchmark)
public class RequestLineBench {
    private final Upstream upstream = Upstream.parse("http://leader.internal:8081/base/");
    private final HttpClient client = new HttpClient();
    private final HttpURI usual = upstream.resolve("/things/42?fields=name,size&page=2");
    private final HttpURI unusual = upstream.resolve("/caf%C3%A9//x?a={b}|c&%zz");

    @Benchmark
    public HttpURI resolve() {
        return upstream.resolve("/things/42?fields=name,size&page=2");
    }

    @Benchmark
    public Request usualTarget() {
        return VerbatimRequest.of(client, "GET", usual);
    }

    @Benchmark
    public Request unusualTarget() {
        return VerbatimRequest.of(client, "GET", unusual);
    }
}
