package pitfalls.lab;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import org.eclipse.jetty.io.ClientConnector;
import org.eclipse.jetty.io.NetworkTrafficListener;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.NetworkTrafficServerConnector;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.component.LifeCycle;
import pitfalls.support.Wire;

/**
 * Records what passes at the two ends, the test's client and its upstream, so that nothing stands between them and the proxy. All
 * marks are taken by one clock. Where a proxy is the upstream of a proxy, they are taken at its connector.
 */
final class Recorder implements Wire {
    /** How many marks a recording has at most. */
    static final int MARKS = 600;

    /** How many bytes are kept of one mark. */
    static final int BYTES_OF_A_MARK = 16 * 1024;

    /** How many bytes are kept of a recording. */
    static final int BYTES = 256 * 1024;

    /** How long what is under way may take to arrive when a test has ended, for all its clients together. */
    private static final int REST_MS = 60;

    /**
     * Reads and writes of one connection that are no further apart are one mark, if nothing else happens in between: what belongs
     * together is often sent in pieces, and on a busy machine they come one by one.
     */
    private static final double TOGETHER_MS = 20;

    private final Consumer<Mark> live;
    private final List<Mark> marks = new ArrayList<>();
    private final Queue<RecordedSocket> clients = new ConcurrentLinkedQueue<>();
    private final Set<Integer> clientPorts = ConcurrentHashMap.newKeySet();
    private final Map<Socket, End> betweenProxies = new ConcurrentHashMap<>();
    private int clientConnections;
    private int upstreamConnections;
    private int bytes;
    private int leftOut;
    private boolean isOver;
    private double end;

    /**
     * @param live is told each mark when it is taken, its time in milliseconds of the clock
     */
    Recorder(Consumer<Mark> live) {
        this.live = live;
    }

    @Override
    public Socket connect(String host, int port) throws IOException {
        var end = new End(Lane.PROXY_TO_CLIENT, Lane.CLIENT_TO_PROXY);
        var socket = new RecordedSocket(end);
        end.use();
        socket.connect(new InetSocketAddress(host, port));
        clientPorts.add(socket.getLocalPort());
        clients.add(socket);
        return socket;
    }

    @Override
    public ServerSocket listen() throws IOException {
        return new ServerSocket() {
            @Override
            public Socket accept() throws IOException {
                var end = new End(Lane.PROXY_TO_SERVER, Lane.SERVER_TO_PROXY);
                var socket = new RecordedSocket(end);
                implAccept(socket);
                end.opens();
                return socket;
            }
        };
    }

    @Override
    public ServerConnector newConnector(Server server, ConnectionFactory... protocols) {
        server.addEventListener(new LifeCycle.Listener() {
            @Override
            public void lifeCycleStarted(LifeCycle started) {
                server.getDescendants(ProxyHandler.class).forEach(Recorder.this::watchConnects);
            }
        });
        var connector = new NetworkTrafficServerConnector(server, null, null, null, 1, 1, protocols);
        connector.setNetworkTrafficListener(new BetweenProxies());
        return connector;
    }

    /** An attempt to connect that fails is seen by the proxy alone. */
    private void watchConnects(ProxyHandler proxy) {
        for (ClientConnector connector : proxy.getHttpClient().getContainedBeans(ClientConnector.class))
            connector.addEventListener(new ClientConnector.ConnectListener() {
                @Override
                public void onConnectFailure(SocketChannel channel, SocketAddress address, Throwable failure) {
                    var end = new End(Lane.PROXY_TO_SERVER, Lane.SERVER_TO_PROXY);
                    if (failure instanceof ConnectException) end.refuses();
                    else if (failure instanceof SocketTimeoutException) end.doesNotAccept();
                }
            });
    }

    /** Ends the recording, when what is under way has arrived. */
    void stop() {
        double now = now();
        int each = Math.max(1, REST_MS / Math.max(1, clients.size()));
        for (RecordedSocket client : clients) client.readRest(each);
        synchronized (this) {
            isOver = true;
            end = marks.isEmpty()
                    ? 0
                    : now - marks.stream().mapToDouble(Mark::time).min().getAsDouble();
        }
    }

    /** All marks, in the order of time; those that follow each other immediately are one. */
    synchronized List<Mark> marks() {
        var sorted = new ArrayList<>(marks);
        sorted.sort((a, b) -> Double.compare(a.time(), b.time()));
        double begin = sorted.isEmpty() ? 0 : sorted.get(0).time();
        List<Mark> merged = new ArrayList<>();
        Mark last = null;
        double lastTime = 0;
        for (Mark mark : sorted) {
            boolean goesOn = last != null
                    && last.kind() == Mark.Kind.DATA
                    && mark.kind() == Mark.Kind.DATA
                    && last.lane() == mark.lane()
                    && last.connection() == mark.connection()
                    && mark.time() - lastTime < TOGETHER_MS
                    && !mark.bytes().startsWith("HTTP/1.");
            lastTime = mark.time();
            last = goesOn ? merged.remove(merged.size() - 1).and(mark.earlier(begin)) : mark.earlier(begin);
            merged.add(last);
        }
        return List.copyOf(merged);
    }

    /** Milliseconds from the first mark until it was stopped. */
    synchronized double end() {
        return end;
    }

    /** How many marks there were beyond those that a recording may have. */
    synchronized int leftOut() {
        return leftOut;
    }

    private synchronized void add(double time, Lane lane, int connection, Mark.Kind kind, String text) {
        if (isOver) return;
        if (marks.size() >= MARKS) {
            leftOut++;
            return;
        }
        int kept = Math.min(text.length(), Math.min(BYTES_OF_A_MARK, BYTES - bytes));
        bytes += kept;
        var mark = new Mark(time, lane, connection, kind, text.substring(0, kept), 1, text.length() - kept);
        marks.add(mark);
        live.accept(mark);
    }

    private static double now() {
        return System.nanoTime() / 1e6;
    }

    /** One end of a connection. It is counted, and its beginning is a mark, as soon as it is used: Jetty may open one in advance. */
    final class End {
        private final Lane in;
        private final Lane out;
        private double opened = now();
        private int number;
        private boolean inputEnded;
        private boolean outputEnded;

        End(Lane in, Lane out) {
            this.in = in;
            this.out = out;
        }

        void opens() {
            opened = now();
        }

        void reads(byte[] buffer, int offset, int length) {
            mark(in, Mark.Kind.DATA, text(buffer, offset, length));
        }

        void writes(byte[] buffer, int offset, int length) {
            mark(out, Mark.Kind.DATA, text(buffer, offset, length));
        }

        void readsEnd(Mark.Kind how) {
            if (!inputEnded && number > 0) mark(in, how, "");
            inputEnded = true;
        }

        void endsOutput(Mark.Kind how) {
            if (!outputEnded && number > 0) mark(out, how, "");
            outputEnded = true;
        }

        /** This end has waited for the other one, and gives up. */
        void readsNothing() {
            mark(out, Mark.Kind.TIMEOUT, "");
        }

        /** The proxy has waited for the connection. */
        void doesNotAccept() {
            synchronized (Recorder.this) {
                add(now(), Lane.PROXY_TO_SERVER, ++upstreamConnections, Mark.Kind.TIMEOUT, "");
            }
        }

        void refuses() {
            synchronized (Recorder.this) {
                add(now(), Lane.SERVER_TO_PROXY, ++upstreamConnections, Mark.Kind.REFUSED, "");
            }
        }

        void use() {
            synchronized (Recorder.this) {
                if (number > 0) return;
                number = in == Lane.PROXY_TO_CLIENT ? ++clientConnections : ++upstreamConnections;
                Lane lane = in == Lane.PROXY_TO_CLIENT ? out : in;
                add(opened, lane, number, Mark.Kind.CONNECT, "");
            }
        }

        private void mark(Lane lane, Mark.Kind kind, String text) {
            synchronized (Recorder.this) {
                if (isOver) return;
                use();
                add(now(), lane, number, kind, text);
            }
        }

        private String text(byte[] buffer, int offset, int length) {
            return new String(buffer, offset, length, ISO_8859_1);
        }
    }

    /** Connections to a proxy that do not come from a client of the test. */
    private final class BetweenProxies implements NetworkTrafficListener {
        @Override
        public void incoming(Socket socket, ByteBuffer buffer) {
            End end = end(socket);
            if (end == null) return;
            byte[] read = BufferUtil.toArray(buffer);
            end.reads(read, 0, read.length);
        }

        @Override
        public void outgoing(Socket socket, ByteBuffer buffer) {
            End end = end(socket);
            if (end == null) return;
            byte[] written = BufferUtil.toArray(buffer);
            end.writes(written, 0, written.length);
        }

        @Override
        public void closed(Socket socket) {
            betweenProxies.remove(socket);
        }

        private End end(Socket socket) {
            if (clientPorts.contains(socket.getPort())) return null;
            return betweenProxies.computeIfAbsent(socket, any -> new End(Lane.PROXY_TO_SERVER, Lane.SERVER_TO_PROXY));
        }
    }
}
