package pitfalls.step06;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.net.Socket;
import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** What step 6 does for each request, on one that a server has received. */
@State(Scope.Benchmark)
public class ForwardedFieldsBench {
    private static final String REQUEST = """
            GET /things/42 HTTP/1.1\r
            Host: example.com\r
            User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0\r
            Accept: text/html,application/xhtml+xml\r
            Accept-Encoding: gzip, deflate, br\r
            Accept-Language: en-GB,en;q=0.8\r
            Cookie: session=0123456789abcdef\r
            X-Forwarded-For: 203.0.113.7\r
            \r
            """;

    private Server server;
    private Socket client;
    private Request request;

    @Setup
    public void receive() throws Exception {
        var received = new CompletableFuture<Request>();
        server = new Server();
        var connector = new ServerConnector(server);
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        server.setHandler(new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                return received.complete(request); // which is never answered
            }
        });
        server.start();
        client = new Socket("127.0.0.1", connector.getLocalPort());
        client.getOutputStream().write(REQUEST.getBytes(US_ASCII));
        request = received.get();
    }

    @TearDown
    public void end() throws Exception {
        client.close();
        server.stop();
    }

    @Benchmark
    public HttpFields copyWithoutForwarded() {
        return ForwardedFields.without(request.getHeaders());
    }

    @Benchmark
    public HttpFields copyAndAppend() {
        HttpFields.Mutable fields = HttpFields.build(request.getHeaders());
        ForwardedFields.append(request, fields);
        return fields;
    }
}
