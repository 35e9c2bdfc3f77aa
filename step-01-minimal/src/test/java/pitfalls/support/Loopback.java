package pitfalls.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Level;
import java.util.logging.Logger;
import javax.net.ServerSocketFactory;
import javax.net.SocketFactory;
import javax.net.ssl.SSLContext;
import mockwebserver3.MockResponse;
import mockwebserver3.MockWebServer;
import mockwebserver3.RecordedRequest;
import org.eclipse.jetty.client.AbstractConnectionPool;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.transport.HttpDestination;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.component.LifeCycle;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Everything a test starts, on the loopback interface and on free ports, stopped when the test ends. A test class or
 * a contract has it by implementing {@link LoopbackTest}.
 */
public final class Loopback implements AfterEachCallback {
    /**
     * How long a test waits for what should have happened at once; a fail-safe, never a delay. The property
     * {@code patience} shortens it, in milliseconds, for exercises: there a test that fails is the usual case.
     */
    public static final Duration PATIENCE = Duration.ofMillis(Integer.getInteger("patience", 5000));

    private static final int ROUNDS = 30;
    private static final int SILENCE_MS = 150;

    private static final Logger MOCK_WEB_SERVER = Logger.getLogger(MockWebServer.class.getName());

    static {
        MOCK_WEB_SERVER.setLevel(Level.WARNING);
    }

    private final Deque<AutoCloseable> started = new ArrayDeque<>();
    private RawConnection lastClient;
    private Translation translation;
    private Wire wire = Wire.PLAIN;

    /** Lets the tests' clients, whose bytes are those of HTTP/1.1, speak another version to their servers. */
    public interface Translation {
        /** What a server has to speak besides HTTP/1.1. */
        ConnectionFactory protocol(HttpConfiguration http);

        /** Translates what passes between these two connections, until one of them ends. */
        void play(RawConnection client, RawConnection server) throws Exception;
    }

    /** An upstream that gives these answers, in this order; a request beyond the last one waits. */
    public MockWebServer upstream(MockResponse.Builder... answers) throws IOException {
        MockWebServer upstream = newUpstream();
        started.push(upstream);
        for (MockResponse.Builder answer : answers) upstream.enqueue(answer.build());
        upstream.start();
        return upstream;
    }

    /** An upstream that has not started, and is the test's own to close. */
    MockWebServer newUpstream() {
        var upstream = new MockWebServer();
        upstream.setServerSocketFactory(new ServerSocketFactory() {
            @Override
            public ServerSocket createServerSocket() throws IOException {
                return wire.listen();
            }

            @Override
            public ServerSocket createServerSocket(int port) {
                throw new UnsupportedOperationException("MockWebServer binds it later");
            }

            @Override
            public ServerSocket createServerSocket(int port, int backlog) {
                return createServerSocket(port);
            }

            @Override
            public ServerSocket createServerSocket(int port, int backlog, InetAddress address) {
                return createServerSocket(port);
            }
        });
        return upstream;
    }

    /** The start of an upstream's answer: 200, and nothing else until it is added. */
    public static MockResponse.Builder ok() {
        return new MockResponse.Builder();
    }

    /** The address of that upstream, as a proxy's target. */
    public static String targetOf(MockWebServer upstream) {
        return "http://127.0.0.1:" + upstream.getPort();
    }

    /**
     * Waits until a proxy's client has a connection to its upstream for the next request. That is a moment after the response to
     * the last one: the proxy looks first whether the upstream has said more.
     */
    public static void awaitIdleConnection(HttpClient client) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!hasIdleConnection(client)) {
            assertThat(System.nanoTime()).as("when a connection is idle").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    private static boolean hasIdleConnection(HttpClient client) {
        return client.getDestinations().stream()
                .map(destination -> ((HttpDestination) destination).getConnectionPool())
                .anyMatch(pool -> ((AbstractConnectionPool) pool).getIdleConnectionCount() > 0);
    }

    /** Whether a proxy's client has a connection to an upstream that it would use for another request. */
    public static boolean hasConnection(HttpClient client) {
        return client.getDestinations().stream()
                .map(destination -> ((HttpDestination) destination).getConnectionPool())
                .anyMatch(pool -> !pool.isEmpty());
    }

    /** Whether a request waits in a proxy's client, all of whose connections to an upstream are in use. */
    public static boolean hasNoConnectionLeft(HttpClient client) {
        return client.getDestinations().stream()
                .map(HttpDestination.class::cast)
                .anyMatch(destination -> destination.getQueuedRequestCount() > 0
                        && ((AbstractConnectionPool) destination.getConnectionPool()).getActiveConnectionCount()
                                == client.getMaxConnectionsPerDestination());
    }

    /**
     * Whether that client receives nothing while another one is served by a proxy of Jetty's own, {@value #ROUNDS} times and for
     * {@value #SILENCE_MS} ms at least. On a slow machine that takes longer, so what comes late is not taken for silence.
     */
    public boolean isSilent(RawConnection client) throws Exception {
        URI upstream = serveBeside(new Handler.Abstract.NonBlocking() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                callback.succeeded();
                return true;
            }
        });
        URI proxy = serveBeside(new ProxyHandler.Reverse(request -> HttpURI.from(upstream + "/")));
        long begin = System.nanoTime();
        try (var other = new RawConnection(new Socket(proxy.getHost(), proxy.getPort()))) {
            for (int i = 0; i < ROUNDS || System.nanoTime() - begin < SILENCE_MS * 1_000_000L; i++) {
                if (!client.receivesNothingFor(Duration.ofMillis(1))) return false;
                other.sendRequest("GET /").receiveResponse();
            }
        }
        return true;
    }

    /** Serves what is no part of what the test shows. */
    private URI serveBeside(Handler handler) throws Exception {
        return serveOn(Wire.PLAIN, "127.0.0.1", handler, new HttpConnectionFactory());
    }

    /** The next request that this upstream has received; fails if there is none soon. */
    public static RecordedRequest received(MockWebServer upstream) throws InterruptedException {
        RecordedRequest request = upstream.takeRequest(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        assertThat(request).as("a request that reaches the upstream").isNotNull();
        return request;
    }

    /** An upstream that plays these scripts, one for each connection. */
    public ScriptedUpstream scripted(ScriptedUpstream.Script... scripts) throws IOException {
        return scriptedOn("127.0.0.1", scripts);
    }

    /** The same on another loopback address, such as {@code ::1}. */
    public ScriptedUpstream scriptedOn(String address, ScriptedUpstream.Script... scripts) throws IOException {
        return push(new ScriptedUpstream(listen(address), null, scripts));
    }

    /** The same over TLS. */
    public ScriptedUpstream scripted(SSLContext tls, ScriptedUpstream.Script... scripts) throws IOException {
        return push(new ScriptedUpstream(listen("127.0.0.1"), tls, scripts));
    }

    private ServerSocket listen(String address) throws IOException {
        return wire.listen(InetAddress.getByName(address), 50);
    }

    private ScriptedUpstream push(ScriptedUpstream upstream) {
        started.push(upstream);
        return upstream;
    }

    /** An address on which nothing listens, and nothing will: the port is taken until the test ends. */
    public String refusing() throws IOException {
        var reserved = new Socket();
        started.push(reserved);
        reserved.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        return "http://127.0.0.1:" + reserved.getLocalPort();
    }

    /** Serves the handler on a free port; returns {@code http://127.0.0.1:port}. */
    public URI serve(Handler handler) throws Exception {
        return serve(handler, new HttpConfiguration());
    }

    /** Serves the handler on a free port, with a configuration of the test's own. */
    public URI serve(Handler handler, HttpConfiguration configuration) throws Exception {
        return serve(handler, new HttpConnectionFactory(configuration));
    }

    /** Serves the handler on a free port, by these protocols. */
    public URI serve(Handler handler, ConnectionFactory... protocols) throws Exception {
        return serveOn("127.0.0.1", handler, protocols);
    }

    /** From now on clients, upstreams and proxies have these sockets. */
    public void use(Wire wire) {
        this.wire = wire;
    }

    /** From now on all clients speak as this translates it; {@code null} for HTTP/1.1. */
    public void translate(Translation translation) {
        this.translation = translation;
    }

    /** The same on another loopback address, such as {@code [::1]}. */
    public URI serveOn(String address, Handler handler, ConnectionFactory... protocols) throws Exception {
        return serveOn(wire, address, handler, protocols);
    }

    private URI serveOn(Wire wire, String address, Handler handler, ConnectionFactory... protocols) throws Exception {
        var server = new Server(new QueuedThreadPool(64, 2));
        ServerConnector connector = wire.newConnector(server, protocols);
        var http1 = connector.getConnectionFactory(HttpConnectionFactory.class);
        if (translation != null && http1 != null)
            connector.addConnectionFactory(translation.protocol(http1.getHttpConfiguration()));
        connector.setHost(address);
        server.addConnector(connector);
        server.setHandler(handler);
        started.push(server::stop);
        server.start();
        return URI.create("http://" + address + ":" + connector.getLocalPort());
    }

    /** A server whose handler comes later: for a proxy that has to know its own address. */
    public LateServer serveLater() throws Exception {
        return serveLater(Integer.MAX_VALUE);
    }

    /** The same, which answers 500 itself to requests beyond that many, so that a loop comes to an end. */
    public LateServer serveLater(int limit) throws Exception {
        var handler = new CountingHandler(limit);
        return new LateServer(serve(handler), handler);
    }

    /**
     * @param address where it serves, once it has a handler
     * @param requests counts them, and has the handler
     */
    public record LateServer(URI address, CountingHandler requests) {
        /** Serves this handler from now on. */
        public void serve(Handler handler) throws Exception {
            requests.setHandler(handler);
            handler.start();
        }
    }

    /** Passes requests on, and counts them. */
    public static final class CountingHandler extends Handler.Wrapper {
        private final AtomicInteger count = new AtomicInteger();
        private final int limit;

        private CountingHandler(int limit) {
            super(true); // its handler may be set while it runs
            this.limit = limit;
        }

        /** How many requests came so far. */
        public int count() {
            return count.get();
        }

        @Override
        protected void doStop() throws Exception {
            LifeCycle.stop(getHandler());
            super.doStop();
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            if (count.incrementAndGet() <= limit) return super.handle(request, response, callback);
            Response.writeError(request, response, callback, 500, "the test has ended a loop");
            return true;
        }
    }

    /** A raw client's connection to that server. */
    public RawConnection connect(URI server) throws IOException {
        if (translation == null) return opened(wire.connect(server.getHost(), server.getPort()));
        var translator = scripted(client -> {
            try (var direct = new RawConnection(new Socket(server.getHost(), server.getPort()))) {
                translation.play(client, direct);
            }
        });
        return connect(URI.create(translator.target()), SocketFactory.getDefault());
    }

    /** The same through a socket of that factory's, for TLS. */
    public RawConnection connect(URI server, SocketFactory sockets) throws IOException {
        return opened(sockets.createSocket(server.getHost(), server.getPort()));
    }

    private RawConnection opened(Socket socket) throws IOException {
        var connection = new RawConnection(socket);
        started.push(connection);
        lastClient = connection;
        return connection;
    }

    /** The client that connected last in this test, for the message of a failure. */
    Optional<RawConnection> lastClient() {
        return Optional.ofNullable(lastClient);
    }

    /** Starts another of Jetty's components, to be stopped with the rest. */
    public <T extends LifeCycle> T started(T component) throws Exception {
        started.push(component::stop);
        component.start();
        return component;
    }

    /** Stops what was started, the last one first; all of it, also where something fails to stop. */
    @Override
    public void afterEach(ExtensionContext test) throws Exception {
        stop();
    }

    /** The same outside of JUnit. */
    public void stop() throws Exception {
        lastClient = null;
        Throwable failure = null;
        while (!started.isEmpty()) {
            try {
                started.pop().close();
            } catch (Exception | AssertionError x) {
                if (failure == null) failure = x;
                else failure.addSuppressed(x);
            }
        }
        if (failure instanceof Error error) throw error;
        if (failure != null) throw (Exception) failure;
    }
}
