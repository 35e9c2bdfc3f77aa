package pitfalls.program;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import pitfalls.support.Loopback;

/** What the program tells Prometheus. */
public final class MetricsOutput {
    private MetricsOutput() {}

    /** The output when the program has served a request to that upstream, which answers. */
    public static String afterRequest(Loopback loopback, String target) throws Exception {
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program)
                .parseArgs("--listen=127.0.0.1:0", "--metrics=127.0.0.1:0", "--target=" + target);
        var server = loopback.started(program.newServer());
        loopback.connect(server.getURI()).sendRequest("GET /x").receiveResponse();
        URI metrics = URI.create(server.getBean(MetricsPort.class).url());
        String output = read(metrics);
        long deadline = System.nanoTime() + Loopback.PATIENCE.toNanos();
        while (!output.contains("_count{") && System.nanoTime() < deadline) output = read(metrics);
        return output;
    }

    private static String read(URI uri) throws IOException {
        try (InputStream in = uri.toURL().openStream()) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
