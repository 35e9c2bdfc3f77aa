package pitfalls.program;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http2.ErrorCode;
import org.eclipse.jetty.http2.HTTP2Session;
import org.eclipse.jetty.http2.api.Session;
import org.eclipse.jetty.http2.api.Stream;
import org.eclipse.jetty.http2.frames.Frame;
import org.eclipse.jetty.http2.frames.FrameType;
import org.eclipse.jetty.http2.frames.ResetFrame;
import org.eclipse.jetty.http2.server.internal.HTTP2ServerConnection;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.NanoTime;
import org.eclipse.jetty.util.thread.Scheduler;

/**
 * Watches a client's connection that speaks HTTP/2. A frame, or a header in several frames, has to arrive as a whole within a limit, as
 * a header of HTTP/1.1 has to in {@link ClientConnection}; a byte now and then would keep the connection open for ever. Pings do
 * not count as use: a connection on which nothing else happens is idle.
 */
final class Http2ClientConnection implements HTTP2Session.FrameListener, Connection.Listener, Drainable {
    private static final long MOMENT_MS = 100;
    private static final int LOOKS_PER_LIMIT = 4;
    private static final Set<Integer> VIOLATIONS = Set.of(
            ErrorCode.PROTOCOL_ERROR.code, ErrorCode.FLOW_CONTROL_ERROR.code, ErrorCode.STREAM_CLOSED_ERROR.code);

    private final HTTP2ServerConnection connection;
    private final Duration headTimeout;
    private final LastAnswer lastAnswer;
    private volatile long usedAt = NanoTime.now();
    private volatile long bytesAtFrame;
    private volatile boolean closing;
    private int incompleteLooks;
    private volatile Scheduler.Task nextLook;

    /** @param headTimeout for a frame, or a header, as a whole; zero is no limit */
    Http2ClientConnection(HTTP2ServerConnection connection, Duration headTimeout) {
        this.connection = connection;
        this.headTimeout = headTimeout;
        lastAnswer = LastAnswer.on(connection.getConnector());
    }

    /** Begins to watch, before the connection is opened. */
    void begin() {
        connection.setAttribute(Drainable.class.getName(), this);
        connection.getSession().addEventListener(this);
        connection.addEventListener(this);
    }

    @Override
    public void onOpened(Connection opened) {
        if (!headTimeout.isZero()) lookLater();
        if (connection.getConnector().isShutdown()) drain(); // it was not open when the others were drained
    }

    @Override
    public void onClosed(Connection closed) {
        Scheduler.Task look = nextLook;
        if (look != null) look.cancel();
    }

    private void lookLater() {
        long delay = Math.max(1, headTimeout.toMillis() / LOOKS_PER_LIMIT);
        nextLook = connection.getConnector().getScheduler().schedule(this::look, delay, TimeUnit.MILLISECONDS);
    }

    /** Whether bytes have come behind the last whole frame, and how often that was so. */
    private void look() {
        if (connection.getSession().isClosed()
                && connection.getSession().getStreams().isEmpty()) return;
        boolean isIncomplete = connection.getBytesIn() > bytesAtFrame;
        incompleteLooks = isIncomplete ? incompleteLooks + 1 : 0;
        if (incompleteLooks > LOOKS_PER_LIMIT) {
            connection.getSession().close(ErrorCode.ENHANCE_YOUR_CALM_ERROR.code, "header_too_slow", Callback.NOOP);
        } else {
            lookLater();
        }
    }

    @Override
    public void onIncomingFrame(Session session, Frame frame) {
        bytesAtFrame = connection.getBytesIn();
        incompleteLooks = 0;
        noteUse(frame);
    }

    /**
     * Says GOAWAY behind the last answer. And tells a request of its reset: Jetty resets a stream that breaks the rules, with a body of
     * the wrong length for instance, and tells nobody.
     */
    @Override
    public void onOutgoingFrame(Session session, Frame frame) {
        noteUse(frame);
        boolean isAnswer = frame.getType() == FrameType.HEADERS;
        if (isAnswer && !closing && lastAnswer.isDue()) {
            connection.getConnector().getExecutor().execute(this::drain);
        }
        if (!(frame instanceof ResetFrame reset) || !VIOLATIONS.contains(reset.getError())) return;
        Stream stream = session.getStream(reset.getStreamId());
        if (stream == null) return;
        var failure = new EofException("the request breaks the rules of HTTP/2");
        connection
                .getConnector()
                .getExecutor()
                .execute(() -> connection.onStreamFailure(stream, failure, Callback.NOOP));
    }

    private void noteUse(Frame frame) {
        FrameType type = frame.getType();
        if (type == FrameType.HEADERS || type == FrameType.DATA || type == FrameType.RST_STREAM)
            usedAt = NanoTime.now();
    }

    @Override
    public boolean isIdle() {
        return !closing && connection.getSession().getStreams().isEmpty() && idleForMs() >= MOMENT_MS;
    }

    @Override
    public boolean isClosing() {
        return closing;
    }

    @Override
    public long idleForMs() {
        return NanoTime.millisSince(usedAt);
    }

    /** Tells the client with a GOAWAY which requests were served, so that it can send others again (RFC 9113, section 6.8). */
    @Override
    public void closeIfIdle() {
        drain();
    }

    /**
     * Takes no more streams, and closes the connection a moment after the last one has ended. Jetty would wait until the client closes
     * it.
     */
    @Override
    public void drain() {
        closing = true;
        connection.getSession().shutdown();
        closeLater();
    }

    private void closeLater() {
        connection.getConnector().getScheduler().schedule(this::closeIfDrained, MOMENT_MS, TimeUnit.MILLISECONDS);
    }

    private void closeIfDrained() {
        if (!connection.getEndPoint().isOpen()) return;
        boolean isDrained = connection.getSession().getStreams().isEmpty() && idleForMs() >= MOMENT_MS;
        if (isDrained) connection.getEndPoint().close();
        else closeLater();
    }
}
