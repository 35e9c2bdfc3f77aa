package pitfalls.step07;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.net.SocketFactory;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.Slow;

/**
 * A watch reads from a connection whose next request may arrive at any moment, and gives it back while a response may be
 * complete at any moment; and a head may be sent alone when its body arrives. Here every request is watched from the
 * start, some of the bodies take about as long as a head waits for them, and not one byte may be lost.
 */
@Slow
class ClientWatchRaceTest implements LoopbackTest {
    private static final int CLIENTS = 10;
    private static final int BURSTS = Integer.getInteger("bursts", 25);
    private static final int BURST = 10;

    @TestFactory
    Stream<DynamicTest> of_ten_thousand_requests_not_one_is_lost() {
        return Stream.of("one after the other", "in bursts", "in bursts torn apart", "in bursts over TLS")
                .map(name -> DynamicTest.dynamicTest(name, () -> run(name)));
    }

    private void run(String name) throws Exception {
        var proxy = new StreamingProxy(loopback.serve(new Echo()).toString());
        proxy.setWatchDelay(Duration.ZERO);
        proxy.setTimeouts(Timeouts.defaults().withHead(Duration.ofMillis(1)));
        boolean tls = name.endsWith("TLS");
        var http = new HttpConnectionFactory(new HttpConfiguration());
        URI server = tls ? loopback.serve(proxy, Tls.before("HTTP/1.1"), http) : loopback.serve(proxy, http);
        SocketFactory sockets = tls ? Tls.sockets() : SocketFactory.getDefault();
        int burst = name.startsWith("in bursts") ? BURST : 1;
        boolean torn = name.endsWith("apart");

        List<Callable<List<String>>> clients = new ArrayList<>();
        for (int id = 0; id < CLIENTS; id++) {
            var client = loopback.connect(server, sockets);
            String prefix = "/" + id + "/";
            clients.add(() -> requests(client, prefix, burst, torn));
        }
        var threads = Executors.newFixedThreadPool(CLIENTS);
        try {
            var answers = threads.invokeAll(clients);
            for (int id = 0; id < CLIENTS; id++) {
                String prefix = "/" + id + "/";
                assertThat(answers.get(id).get())
                        .containsExactlyElementsOf(IntStream.range(0, BURSTS * BURST)
                                .mapToObj(i -> bodyOf(prefix, i) + prefix + i)
                                .toList());
            }
        } finally {
            threads.shutdownNow();
        }
    }

    /** Sends requests in bursts; returns what was answered to each. */
    private static List<String> requests(RawConnection client, String prefix, int burst, boolean torn)
            throws Exception {
        List<String> answers = new ArrayList<>();
        for (int i = 0; i < BURSTS * BURST; i += burst) {
            var text = new StringBuilder();
            for (int j = i; j < i + burst; j++) text.append(request(prefix, j));
            int cut = torn ? i % text.length() : 0;
            client.send(text.substring(0, cut)).send(text.substring(cut));
            for (int j = 0; j < burst; j++) answers.add(client.receiveResponse().body());
        }
        return answers;
    }

    private static String request(String prefix, int i) {
        String body = bodyOf(prefix, i);
        String length = body.isEmpty() ? "" : "Content-Length: " + body.length() + "\r\n";
        return (body.isEmpty() ? "GET " : "POST ") + prefix + i + " HTTP/1.1\r\nHost: www.example.com\r\n" + length
                + "\r\n" + body;
    }

    /** Every third request has one. */
    private static String bodyOf(String prefix, int i) {
        return i % 3 == 0 ? "body of " + prefix + i + " " : "";
    }

    /** Answers with the body, if any, and the path; now at once, now in a moment, now in two parts. */
    private static final class Echo extends Handler.Abstract {
        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            String body = Content.Source.asString(request, US_ASCII);
            String path = request.getHttpURI().getPath();
            int way = path.hashCode() & 3;
            Runnable end = () -> Content.Sink.write(response, true, path, callback);
            Runnable endSoon =
                    () -> request.getComponents().getScheduler().schedule(end, way * 300L, TimeUnit.MICROSECONDS);
            if (way == 0) Content.Sink.write(response, true, body + path, callback);
            else response.write(false, US_ASCII.encode(body), Callback.from(endSoon, callback::failed));
            return true;
        }
    }
}
