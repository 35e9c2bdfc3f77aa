package pitfalls.program;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Collections;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.StringRequestContent;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.NetworkConnector;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.NanoTime;
import org.eclipse.jetty.util.component.LifeCycle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends requests through the proxy before its first user does. Java loads a class when it is first used, and compiles what is used often,
 * and the first users of a new instance would wait for both.
 *
 * <p>No upstream of the operator's should get requests that nobody has sent. So they go through a twin of the server, over loopback, to an
 * upstream that is made for them, and all three are gone afterwards. It takes a second at most. If it fails, it says so, and
 * nothing else happens: the first users wait a little longer.
 */
final class WarmUp {
    private static final Duration LIMIT = Duration.ofSeconds(1);
    private static final int ENOUGH = 5000; // requests, for a machine that is so fast

    private static final Logger LOG = LoggerFactory.getLogger(WarmUp.class);
    private static final String FAILED = "not warmed up, so the first requests may be slow: {}";
    private static final int CLIENTS = 4;
    private static final int REQUESTS_ON_A_CONNECTION = 10;
    private static final String BODY = "x".repeat(1024);

    private final Function<String, Server> newTwin;
    private final Duration limit;
    private final int enough;

    /**
     * Warms up what these servers are made of, for a second at most.
     *
     * @param newTwin makes a server that forwards to an address, to be started on a free port
     */
    WarmUp(Function<String, Server> newTwin) {
        this(newTwin, LIMIT, ENOUGH);
    }

    /** The same within another time, and by as many requests. */
    WarmUp(Function<String, Server> newTwin, Duration limit, int enough) {
        this.newTwin = newTwin;
        this.limit = limit;
        this.enough = enough;
    }

    /** Returns when it has ended, with how many requests were answered. */
    int run() {
        long end = NanoTime.now() + limit.toNanos();
        var upstream = new Server(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        upstream.setHandler(new Answers());
        var client = new HttpClient();
        Server twin = null;
        var answered = new AtomicInteger();
        try {
            upstream.start();
            twin = newTwin.apply("127.0.0.1:" + portOf(upstream));
            twin.start();
            client.start();
            send(client, "http://127.0.0.1:" + portOf(twin), end, answered);
            if (answered.get() == 0) LOG.warn(FAILED, "no request was answered");
        } catch (Exception x) {
            LOG.warn(FAILED, x.toString());
        } finally {
            stop(client);
            if (twin != null) stop(twin);
            stop(upstream);
        }
        return answered.get();
    }

    private static void stop(LifeCycle each) {
        try {
            each.stop();
        } catch (Exception x) {
            LOG.debug("cannot be stopped", x);
        }
    }

    private static int portOf(Server server) {
        return ((NetworkConnector) server.getConnectors()[0]).getLocalPort();
    }

    private void send(HttpClient client, String url, long end, AtomicInteger answered) throws InterruptedException {
        Callable<Void> each = () -> {
            for (int i = 1; answered.get() < enough && NanoTime.isBefore(NanoTime.now(), end); i++) {
                if (send(client, url, i, end) == HttpStatus.OK_200) answered.incrementAndGet();
            }
            return null;
        };
        ExecutorService clients = Executors.newFixedThreadPool(CLIENTS);
        try {
            clients.invokeAll(Collections.nCopies(CLIENTS, each), NanoTime.until(end), TimeUnit.NANOSECONDS);
        } finally {
            clients.shutdownNow();
        }
    }

    /** Half of them with a body, and some on new connections. */
    private static int send(HttpClient client, String url, int i, long end) throws Exception {
        var request = client.newRequest(url).timeout(1 + Math.max(0, NanoTime.millisUntil(end)), TimeUnit.MILLISECONDS);
        if (i % 2 == 0) request.method(HttpMethod.POST).body(new StringRequestContent(BODY));
        if (i % REQUESTS_ON_A_CONNECTION == 0)
            request.headers(fields -> fields.put(HttpHeader.CONNECTION, HttpHeaderValue.CLOSE));
        return request.send().getStatus();
    }

    /** Returns what it is sent. */
    private static final class Answers extends Handler.Abstract.NonBlocking {
        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            if (HttpMethod.POST.is(request.getMethod())) Content.copy(request, response, callback);
            else Content.Sink.write(response, true, BODY, callback);
            return true;
        }
    }
}
