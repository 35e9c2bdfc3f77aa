package pitfalls.http2;

import static pitfalls.http2.Http1Message.untranslatable;

import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.util.Promise;
import org.eclipse.jetty.util.SocketAddressResolver;
import pitfalls.http2.Http2Peer.Frame;
import pitfalls.support.Loopback;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;

/**
 * Says in HTTP/2 what an upstream says in HTTP/1.1, so that a contract holds for both. A proxy's client that resolves addresses by
 * it is led to the translation. Each connection has one stream at a time and ends as the upstream's does, so whatever a contract
 * says of connections is asked of HTTP/2 too.
 */
public final class UpstreamTranslation implements SocketAddressResolver {
    private static final int MAX_CONCURRENT_STREAMS = 3;
    private static final int PROBE_MS = 50;

    private final Loopback loopback;
    private final SocketAddressResolver addresses = new Sync();
    private final Map<InetSocketAddress, InetSocketAddress> translated = new ConcurrentHashMap<>();

    public UpstreamTranslation(Loopback loopback) {
        this.loopback = loopback;
    }

    @Override
    public void resolve(String host, int port, Map<String, Object> context, Promise<List<InetSocketAddress>> promise) {
        var destination = (Destination) context.get(Destination.CONTEXT_KEY);
        boolean isSecure = destination.getOrigin().isSecure();
        addresses.resolve(
                host,
                port,
                context,
                Promise.from(
                        all -> promise.succeeded(
                                isSecure
                                        ? all
                                        : all.stream().map(this::translated).toList()),
                        promise::failed));
    }

    /** Where nobody listens, there is nothing to translate. */
    private InetSocketAddress translated(InetSocketAddress upstream) {
        if (!listens(upstream)) return upstream;
        return translated.computeIfAbsent(upstream, address -> {
            try {
                var translator = loopback.scripted(proxy -> play(proxy, address));
                return new InetSocketAddress("127.0.0.1", translator.port());
            } catch (IOException x) {
                throw new IllegalStateException(x);
            }
        });
    }

    private static boolean listens(InetSocketAddress upstream) {
        try (var probe = new Socket()) {
            probe.connect(upstream, PROBE_MS);
            return true;
        } catch (IOException refused) {
            return false;
        }
    }

    private static void play(RawConnection proxy, InetSocketAddress address) throws Exception {
        Thread answers;
        try (var upstream = new RawConnection(new Socket(address.getAddress(), address.getPort()))) {
            var peer = Http2Peer.server(proxy, MAX_CONCURRENT_STREAMS, 1).keepWindows();
            var requests = new Requests(peer, upstream);
            answers = new Thread(() -> requests.answer(proxy), "translated responses");
            answers.setDaemon(true);
            answers.start();
            requests.pass();
        }
        answers.join(Loopback.PATIENCE.toMillis());
    }

    /** The requests of one connection, one after the other. */
    private static final class Requests {
        private final Http2Peer peer;
        private final RawConnection upstream;
        private int stream;
        private String method = "";
        private boolean hasHead;
        private boolean isChunked;
        private boolean isAnswered = true;
        private String endOfChunk = "";

        private Requests(Http2Peer peer, RawConnection upstream) {
            this.peer = peer;
            this.upstream = upstream;
        }

        /** Passes on what the proxy says, until it ends its connection. */
        private void pass() {
            try {
                while (ClientTranslation.begins(peer.connection())) pass(peer.receive());
            } catch (IOException | IllegalArgumentException ended) {
                // With it ends the upstream's connection.
            }
        }

        private void pass(Frame frame) throws IOException {
            if (frame.type() == Http2Peer.GOAWAY) return;
            if (frame.type() == Http2Peer.RST_STREAM) {
                if (frame.stream() == stream) throw new EOFException("the proxy has given up");
                return;
            }
            if (frame.type() == Http2Peer.DATA) {
                if (!frame.payload().isEmpty()) upstream.send(isChunked ? chunk(frame.payload()) : frame.payload());
                peer.giveWindow(frame.stream(), frame.payload().length(), frame.isLast());
                if (frame.isLast() && isChunked) upstream.send(endOfChunk + "0\r\n\r\n");
            } else if (hasHead) {
                if (isChunked) upstream.send(endOfChunk + "0\r\n" + ClientTranslation.lines(frame) + "\r\n");
            } else {
                begin(frame);
            }
            if (frame.isLast()) hasHead = false; // the next one has not begun
        }

        /** What ends it is sent with the next one, as Jetty does it. */
        private String chunk(String text) {
            String chunk = endOfChunk + Integer.toHexString(text.length()) + "\r\n" + text;
            endOfChunk = "\r\n";
            return chunk;
        }

        private void begin(Frame frame) throws IOException {
            synchronized (this) {
                stream = frame.stream();
                method = frame.field(":method").get(0);
                isAnswered = false;
                hasHead = true;
                notifyAll();
            }
            endOfChunk = "";
            isChunked = !frame.isLast() && frame.field("content-length").isEmpty();
            upstream.send(method + " " + frame.field(":path").get(0) + " HTTP/1.1\r\nHost: "
                    + frame.field(":authority").get(0) + "\r\n" + ClientTranslation.lines(frame)
                    + (isChunked ? "Transfer-Encoding: chunked\r\n" : "") + "\r\n");
        }

        private synchronized void onAnswered() {
            isAnswered = true;
        }

        /** Passes on the upstream's answers, and the end of its connection as it came. */
        private void answer(RawConnection proxy) {
            try {
                while (ClientTranslation.begins(upstream)) {
                    synchronized (this) {
                        if (isAnswered) throw untranslatable("response that nobody asked for");
                    }
                    response();
                }
                proxy.close();
            } catch (SocketException reset) {
                end(proxy::reset);
            } catch (IOException | InterruptedException ended) {
                end(proxy::close);
            }
        }

        private interface End {
            void end() throws IOException;
        }

        private static void end(End end) {
            try {
                end.end();
            } catch (IOException ended) {
                // It has.
            }
        }

        private void response() throws IOException, InterruptedException {
            var head = new RawMessage(upstream.receiveHead(), "", true);
            if (!head.startLine().matches("HTTP/1\\.1 [0-9]{3}( .*)?")) throw untranslatable("status line");
            int status = head.status();
            if (status == HttpStatus.SWITCHING_PROTOCOLS_101) throw untranslatable("101");
            boolean isInterim = status < HttpStatus.OK_200 && status >= HttpStatus.CONTINUE_100;
            boolean isEmpty = isInterim
                    || method.equals("HEAD")
                    || status == HttpStatus.NO_CONTENT_204
                    || status == HttpStatus.NOT_MODIFIED_304;
            List<String> fields = new ArrayList<>(List.of(":status: " + status));
            fields.addAll(Http1Message.fields(head.head()));
            boolean isLast =
                    !isInterim && (isEmpty || head.field("Content-Length").contains("0"));
            if (isLast) onAnswered();
            peer.headers(stream, isLast, fields.toArray(String[]::new));
            if (isInterim || isLast) return;
            Http1Message.passBody(head, true, upstream, new Http1Message.Sink(peer, stream) {
                @Override
                void end(String... trailers) throws IOException {
                    onAnswered();
                    super.end(trailers);
                }
            });
        }
    }
}
