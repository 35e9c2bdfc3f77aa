package pitfalls.step07.http2;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.client.HttpResponseException;
import org.eclipse.jetty.client.Result;
import org.eclipse.jetty.client.transport.HttpExchange;
import org.eclipse.jetty.client.transport.HttpRequest;
import org.eclipse.jetty.client.transport.HttpSender;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.http2.ErrorCode;
import org.eclipse.jetty.http2.HTTP2Connection;
import org.eclipse.jetty.http2.HTTP2Session;
import org.eclipse.jetty.http2.HTTP2Stream;
import org.eclipse.jetty.http2.api.Session;
import org.eclipse.jetty.http2.api.Stream;
import org.eclipse.jetty.http2.client.transport.internal.HttpChannelOverHTTP2;
import org.eclipse.jetty.http2.client.transport.internal.HttpConnectionOverHTTP2;
import org.eclipse.jetty.http2.client.transport.internal.HttpSenderOverHTTP2;
import org.eclipse.jetty.http2.frames.DataFrame;
import org.eclipse.jetty.http2.frames.Frame;
import org.eclipse.jetty.http2.frames.FrameType;
import org.eclipse.jetty.http2.frames.HeadersFrame;
import org.eclipse.jetty.http2.frames.PingFrame;
import org.eclipse.jetty.http2.frames.PushPromiseFrame;
import org.eclipse.jetty.http2.frames.ResetFrame;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.NanoTime;
import org.eclipse.jetty.util.Promise;
import org.eclipse.jetty.util.thread.Scheduler;
import pitfalls.step02.KeptConnection;

/**
 * A connection to an upstream that many requests share, each on a stream of its own. What is quiet is a stream, and never the
 * connection: the limits of a request hold for its stream. If the connection itself is quiet for long, or a stream has reached its limit,
 * the proxy asks with a ping whether the upstream is still there, and closes the connection if no answer comes.
 */
final class Http2Connection extends HttpConnectionOverHTTP2 implements KeptConnection {
    /** After this time without a byte, is the upstream still there? A server of gRPC takes a ping every five minutes, and no more. */
    static final Duration QUIET = Duration.ofSeconds(310);

    private static final String REQUEST = HttpRequest.class.getName();
    private static final String FAULT = Http2Connection.class.getName();
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    /** What belongs to a connection of HTTP/1.1, and to no message of HTTP/2 (RFC 9113, section 8.2.2). */
    private static final Set<HttpHeader> OF_HTTP_1 = EnumSet.of(
            HttpHeader.CONNECTION,
            HttpHeader.KEEP_ALIVE,
            HttpHeader.PROXY_CONNECTION,
            HttpHeader.TRANSFER_ENCODING,
            HttpHeader.UPGRADE);

    /** How step 2 tells a request that is too large from others that failed. */
    private static final String TOO_LARGE = "Request headers too large";

    private static final int PER_FIELD = 32;

    /** The names of the four pseudo-headers, and a method and a scheme as long as any. */
    private static final int PSEUDO_HEADERS = 4 * PER_FIELD + ":method:scheme:authority:path".length() + 64;

    private final long opened = NanoTime.now();
    private volatile long answered = opened;
    private final Map<HttpExchange, Channel> exchanges = new HashMap<>();
    private Runnable whenRead;
    private volatile boolean takesNoMore;
    private Scheduler.Task ping;

    Http2Connection(Destination destination, Session session, HTTP2Connection connection) {
        super(destination, session, connection);
        ((HTTP2Session) session).addEventListener(new Frames());
    }

    /**
     * Called when the connection has ended. Requests fail whose responses have not arrived as a whole. Those that have are passed on first,
     * and what is left of their uploads is not wanted.
     *
     * @param end ends the connection for Jetty, once they have been read
     */
    void endWhenRead(Throwable failure, Runnable end) {
        getHttpDestination().remove(this); // no other request is to be sent on it
        Map<HttpExchange, Channel> active;
        boolean isAwaited;
        synchronized (exchanges) {
            active = Map.copyOf(exchanges);
            isAwaited = active.values().stream().anyMatch(Channel::isLastDataReceived);
            Runnable before = whenRead;
            if (isAwaited)
                whenRead = before == null ? end : () -> List.of(before, end).forEach(Runnable::run);
        }
        active.forEach((exchange, channel) -> {
            if (channel.isLastDataReceived()) exchange.getRequest().fail(failure);
            else exchange.getRequest().abort(failure);
        });
        if (!isAwaited) end.run();
    }

    /** Returns what is to be done when the last request has ended; {@code null} if that is nothing, or there are others. */
    private Runnable remove(HttpExchange exchange) {
        synchronized (exchanges) {
            exchanges.remove(exchange);
            if (!exchanges.isEmpty()) return null;
            Runnable end = whenRead;
            whenRead = null;
            return end == null && takesNoMore ? super::close : end;
        }
    }

    /** Called when the upstream has said that it takes no more requests on this connection. It answers those that it has. */
    void onGoAway() {
        takesNoMore = true;
    }

    /** Called by Jetty also when one request has ended on a connection that takes no more. Jetty would end the others with it. */
    @Override
    public void close() {
        synchronized (exchanges) {
            if (takesNoMore && !exchanges.isEmpty()) return;
        }
        super.close();
    }

    /** As RFC 9113, section 6.5.2, counts it. */
    private static int sizeOf(HttpFields fields) {
        int size = 0;
        for (HttpField field : fields) {
            String value = field.getValue();
            size += PER_FIELD + field.getName().length() + (value == null ? 0 : value.length());
        }
        return size;
    }

    /** Whether this connection was open at that time already, and no part of a response has come on it since. */
    @Override
    public boolean isUnansweredSince(long nanoTime) {
        return NanoTime.isBefore(opened, nanoTime) && !NanoTime.isBefore(nanoTime, answered);
    }

    private final class Frames implements HTTP2Session.FrameListener {
        @Override
        public void onIncomingFrame(Session session, Frame frame) {
            FrameType type = frame.getType();
            if (type == FrameType.HEADERS || type == FrameType.DATA) answered = NanoTime.now();
        }

        /**
         * Tells a request why its stream was reset. Jetty resets one that breaks the rules, with a body of the wrong length for instance,
         * and tells nobody.
         */
        @Override
        public void onOutgoingFrame(Session session, Frame frame) {
            if (!(frame instanceof ResetFrame reset) || reset.getError() == ErrorCode.CANCEL_STREAM_ERROR.code) return;
            Stream stream = session.getStream(reset.getStreamId());
            if (stream == null || !(stream.getAttribute(REQUEST) instanceof HttpRequest request)) return;
            var failure = stream.getAttribute(FAULT) instanceof Throwable fault
                    ? fault
                    : new IOException("the response breaks the rules of HTTP/2");
            getHttpClient().getExecutor().execute(() -> request.abort(failure));
        }
    }

    /** How many requests may share the connection: Jetty would take any number if the upstream sets no limit. */
    @Override
    public int getMaxMultiplex() {
        int most = super.getMaxMultiplex();
        return most < 0 ? Http2Transport.MAX_STREAMS : Math.min(most, Http2Transport.MAX_STREAMS);
    }

    /** Called when no byte has come or gone for {@link #QUIET}; returns whether the connection is to be closed. */
    @Override
    public boolean onIdleTimeout(long idleTimeout, Throwable failure) {
        boolean isUsed = !getSession().getStreams().isEmpty();
        if (isUsed) probe();
        return !isUsed && super.onIdleTimeout(idleTimeout, failure);
    }

    /** Asks whether the upstream is still there. */
    private synchronized void probe() {
        if (ping != null) return;
        ping = getHttpClient().getScheduler().schedule(this::onSilence, PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        getSession().ping(new PingFrame(false), Callback.NOOP);
    }

    /** It is. */
    synchronized void onPong() {
        if (ping != null) ping.cancel();
        ping = null;
    }

    private void onSilence() {
        synchronized (this) {
            if (ping == null) return;
        }
        super.close();
    }

    @Override
    protected HttpChannelOverHTTP2 newHttpChannel() {
        return new Channel();
    }

    /** Carries one request after another, each on its stream. */
    private final class Channel extends HttpChannelOverHTTP2 {
        private final Sender sender = new Sender(this);
        private final Stream.Listener listener = new Listener(super.getStreamListener());

        private Channel() {
            super(Http2Connection.this, Http2Connection.this.getSession());
        }

        @Override
        protected HttpSender getHttpSender() {
            return sender;
        }

        @Override
        public void send(HttpExchange exchange) {
            synchronized (exchanges) {
                exchanges.put(exchange, this);
            }
            sender.send(exchange);
        }

        @Override
        public void exchangeTerminated(HttpExchange exchange, Result result) {
            Runnable end = remove(exchange);
            super.exchangeTerminated(exchange, result);
            if (end != null) end.run();
        }

        @Override
        public boolean isFailed() {
            return sender.isFailed() || super.isFailed();
        }

        @Override
        public Stream.Listener getStreamListener() {
            return listener;
        }

        @Override
        public void setStream(Stream stream) {
            super.setStream(stream);
            HttpExchange exchange = getHttpExchange();
            if (stream == null || exchange == null) return;
            sender.onStream();
            stream.setAttribute(REQUEST, exchange.getRequest());
            StreamLimit.ofRequest(exchange.getRequest(), stream);
        }

        /** Is told of the upstream's part of a stream, and tells Jetty. */
        private final class Listener implements Stream.Listener {
            private final Stream.Listener jetty;

            private Listener(Stream.Listener jetty) {
                this.jetty = jetty;
            }

            @Override
            public void onNewStream(Stream stream) {
                setStream(stream);
            }

            @Override
            public void onHeaders(Stream stream, HeadersFrame frame, Callback callback) {
                HttpExchange exchange = getHttpExchange();
                Throwable fault =
                        exchange == null ? null : faultOf(frame.getMetaData().getHttpFields(), exchange);
                if (fault == null) {
                    jetty.onHeaders(stream, frame, callback);
                    return;
                }
                stream.setAttribute(FAULT, fault); // the frame that goes out tells it too, in another thread
                stream.reset(new ResetFrame(stream.getId(), ErrorCode.PROTOCOL_ERROR.code), Callback.NOOP);
                exchange.getRequest().abort(fault);
                callback.succeeded();
            }

            /** What is wrong with a header or with trailers; {@code null} if nothing is. */
            private Throwable faultOf(HttpFields fields, HttpExchange exchange) {
                for (HttpField field : fields) {
                    if (OF_HTTP_1.contains(field.getHeader()))
                        return new IOException("the response has a field of HTTP/1.1");
                }
                if (!LengthField.isWellFormed(fields))
                    return new IOException("the length of the response is not a number");
                if (sizeOf(fields) <= getHttpClient().getMaxResponseHeadersSize()) return null;
                var cause = new HttpException.RuntimeException(
                        HttpStatus.BAD_GATEWAY_502, "Response Header Fields Too Large");
                return new HttpResponseException(cause.getReason(), exchange.getResponse(), cause);
            }

            @Override
            public Stream.Listener onPush(Stream stream, PushPromiseFrame frame) {
                return jetty.onPush(stream, frame);
            }

            @Override
            public void onDataAvailable(Stream stream, boolean immediate) {
                jetty.onDataAvailable(stream, immediate);
            }

            @Override
            public void onReset(Stream stream, ResetFrame frame, Callback callback) {
                jetty.onReset(stream, frame, Callback.from(callback, sender::onResetTold));
            }

            @Override
            public void onIdleTimeout(Stream stream, TimeoutException timeout, Promise<Boolean> promise) {
                probe();
                jetty.onIdleTimeout(stream, timeout, promise);
            }

            @Override
            public void onFailure(Stream stream, int error, String reason, Throwable failure, Callback callback) {
                jetty.onFailure(stream, error, reason, failure, callback);
            }
        }
    }

    /** Sends the header of a request as HTTP/2 has it: what is {@code Host} in HTTP/1.1 is {@code :authority} (RFC 9113, section 8.3.1). */
    private static final class Sender extends HttpSenderOverHTTP2 {
        private boolean isResetTold;
        private Runnable heldFailure;

        private Sender(Channel channel) {
            super(channel);
        }

        private synchronized void onStream() {
            isResetTold = false;
            heldFailure = null;
        }

        /** Called when the request knows why the upstream has reset its stream. */
        private void onResetTold() {
            Runnable failure;
            synchronized (this) {
                isResetTold = true;
                failure = heldFailure;
                heldFailure = null;
            }
            if (failure != null) failure.run();
        }

        /**
         * Where the upstream resets the stream meanwhile, the write fails without the code that says why, and may do so before the code
         * is told. Then the failure waits for it.
         */
        @Override
        protected void sendContent(HttpExchange exchange, ByteBuffer content, boolean last, Callback callback) {
            HttpFields trailers = last ? trailersOf(exchange.getRequest()) : null;
            if (trailers != null && sizeOf(trailers) > maxHeaderSize()) {
                callback.failed(new IllegalArgumentException(TOO_LARGE));
                return;
            }
            super.sendContent(exchange, content, last, new Callback.Nested(callback) {
                @Override
                public void failed(Throwable failure) {
                    boolean isReset = failure instanceof EofException && "reset".equals(failure.getMessage());
                    synchronized (Sender.this) {
                        if (isReset && !isResetTold) {
                            heldFailure = () -> getCallback().failed(failure);
                            return;
                        }
                    }
                    super.failed(failure);
                }
            });
        }

        @Override
        protected void sendHeaders(HttpExchange exchange, ByteBuffer content, boolean last, Callback callback) {
            HttpRequest request = exchange.getRequest();
            MetaData.Request head = headerOf(request);
            int size = sizeOf(head.getHttpFields())
                    + PSEUDO_HEADERS
                    + head.getHttpURI().toString().length();
            if (size > maxHeaderSize()) {
                callback.failed(new IllegalArgumentException(TOO_LARGE));
                return;
            }
            HttpFields trailers = last ? trailersOf(request) : null;
            boolean hasTrailers = trailers != null && trailers.size() > 0;
            boolean hasContent = content.hasRemaining();
            var header = new HeadersFrame(head, null, last && !hasContent && !hasTrailers);
            DataFrame data = hasContent ? new DataFrame(content, last && !hasTrailers) : null;
            HeadersFrame end =
                    hasTrailers ? new HeadersFrame(new MetaData(HttpVersion.HTTP_2, trailers), null, true) : null;
            var frames = new HTTP2Stream.FrameList(header, data, end);
            var session = (HTTP2Session) getHttpChannel().getSession();
            Promise<Stream> sent = Promise.from(stream -> callback.succeeded(), callback::failed);
            session.newStream(frames, sent, getHttpChannel().getStreamListener());
        }

        private static HttpFields trailersOf(HttpRequest request) {
            return request.getTrailersSupplier() == null
                    ? null
                    : request.getTrailersSupplier().get();
        }

        /** What the upstream accepts, or the limit of the proxy itself. Jetty would end the connection, with the requests of all others. */
        private int maxHeaderSize() {
            var session = (HTTP2Session) getHttpChannel().getSession();
            return session.getGenerator().getHpackEncoder().getMaxHeaderListSize();
        }

        private static MetaData.Request headerOf(HttpRequest request) {
            String host = request.getHeaders().get(HttpHeader.HOST);
            String query = request.getQuery() == null ? "" : "?" + request.getQuery();
            HttpURI uri = HttpURI.build()
                    .scheme(request.getScheme())
                    .authority(host)
                    .pathQuery(request.getPath() + query)
                    .asImmutable();
            HttpFields fields = HttpFields.build(request.getHeaders()).remove(HttpHeader.HOST);
            return new MetaData.Request(
                    request.getMethod(), uri, HttpVersion.HTTP_2, fields, -1, request.getTrailersSupplier());
        }
    }
}
