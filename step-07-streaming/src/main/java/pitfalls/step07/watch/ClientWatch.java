package pitfalls.step07.watch;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.AbstractEndPoint;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;

/**
 * Notices a client that leaves while it is owed a response. Over HTTP/2 Jetty tells. Over HTTP/1.1 nobody reads from the
 * connection between a request and its response, so the watch does: the end of the connection is the end of the client.
 * A byte is the beginning of what the client sends next. The watch keeps it, reads no more, and gives it back to Jetty
 * before Jetty reads on.
 *
 * <pre>
 *            begin             time is up            a byte
 *   PAUSED ----------> DELAYED ----------> READING ----------> HOLDING
 *     ^  ^                |                 |   |                 |
 *     |  +----- pause ----+------ pause ----+   | the end         |
 *     |                                         v                 |
 *     |                                        LEFT               |
 *     +------------ pause: the byte is given back ----------------+
 *
 *   from all of them but LEFT, by end: OVER; the byte is given back.
 *   From READING back to PAUSED also where somebody else reads already.
 * </pre>
 *
 * <p>A client that only ends its output, and still wants the response, looks the same as one that has left, and is taken to
 * have left (RFC 9112, section 9.5), as by nginx and Go. A connection that begins with the PROXY protocol is not watched.
 */
public final class ClientWatch {
    private static final CancellationException WITHDRAWN = new CancellationException();

    private enum State {
        /** Jetty may read. */
        PAUSED,
        /** Jetty may not read, and the watch does not read yet: most responses are complete before it begins. */
        DELAYED,
        /** The watch has asked for what the client sends next, or for its end. */
        READING,
        /** The watch has read a byte, and asks for no more. */
        HOLDING,
        /** The client has left. */
        LEFT,
        /** The client is not watched any more, or cannot be. */
        OVER
    }

    private final Deadlines deadlines;
    private final Consumer<EofException> onLeave;
    private final Connection connection;
    private final AbstractEndPoint endPoint;
    private final Executor executor;
    private State state;
    private volatile boolean ended;
    private Deadlines.Deadline delay;
    private Reader reader;
    private ByteBuffer early;

    /**
     * A watch on the client of this request, which is paused.
     *
     * @param deadlines for the delay
     * @param onLeave called at most once, when the client leaves, with the reason; it must not wait for anything
     */
    public ClientWatch(Request clientToProxyRequest, Deadlines deadlines, Consumer<EofException> onLeave) {
        this.deadlines = deadlines;
        this.onLeave = onLeave;
        var metaData = clientToProxyRequest.getConnectionMetaData();
        connection = metaData.getConnection();
        boolean isHttp1 = metaData.getHttpVersion().getVersion() < HttpVersion.HTTP_2.getVersion();
        boolean canRead = isHttp1
                && connection instanceof Connection.UpgradeTo
                && connection.getEndPoint() instanceof AbstractEndPoint;
        endPoint = canRead ? (AbstractEndPoint) connection.getEndPoint() : null;
        executor = metaData.getConnector().getExecutor();
        state = canRead ? State.PAUSED : State.OVER;
        if (canRead) return;
        clientToProxyRequest.addFailureListener(failure -> {
            if (!ended) onLeave.accept(new EofException(failure)); // later, it has left with the last byte
        });
    }

    /**
     * Begins to read after that time. From now on nobody else may read from the client, until {@link #pause} or
     * {@link #end}.
     *
     * @param time which most responses do not take, so that the watch costs them next to nothing
     */
    public synchronized void begin(Duration time) {
        if (state != State.PAUSED) return;
        state = State.DELAYED;
        delay = deadlines.after(time, this::read);
    }

    private synchronized void read() {
        if (state != State.DELAYED) return;
        reader = new Reader();
        state = State.READING; // before the reader can be called
        if (!endPoint.tryFillInterested(reader) && state == State.READING) state = State.PAUSED;
    }

    /** Reads no more, so that Jetty can read the client's body. */
    public void pause() {
        stop(State.PAUSED);
    }

    /** Reads no more, so that Jetty can read the client's next request. */
    public void end() {
        ended = true;
        stop(State.OVER);
    }

    private synchronized void stop(State next) {
        State before = state;
        if (before == State.OVER || before == State.LEFT) return;
        state = next;
        switch (before) {
            case DELAYED -> delay.cancel();
            case READING -> endPoint.getFillInterest().onFail(WITHDRAWN);
            case HOLDING -> ((Connection.UpgradeTo) connection).onUpgradeTo(early);
            default -> {} // there is nothing to take back
        }
    }

    /** Called by Jetty when there is something to read. */
    private void fill(Reader caller) {
        EofException failure;
        synchronized (this) {
            if (state != State.READING || caller != reader) return; // it was paused in the meantime
            ByteBuffer buffer = BufferUtil.allocate(1); // Jetty's buffer always has room for it
            try {
                int filled = endPoint.fill(buffer);
                if (filled > 0) early = buffer;
                if (filled > 0) state = State.HOLDING;
                if (filled == 0 && !endPoint.tryFillInterested(caller)) state = State.PAUSED;
                if (filled >= 0) return;
                failure = new EofException("the client has left");
            } catch (IOException x) {
                failure = new EofException(x);
            }
            state = State.LEFT;
        }
        onLeave.accept(failure);
    }

    /**
     * Called by Jetty when the connection has failed, or is closed from this side. Over TLS that may be in the middle of a write, which
     * would wait for its own end if it were cancelled from here. So another thread goes on.
     */
    private void fail(Reader caller, Throwable failure) {
        synchronized (this) {
            if (state != State.READING || caller != reader) return;
            state = State.LEFT;
        }
        executor.execute(() -> onLeave.accept(new EofException(failure)));
    }

    private final class Reader implements Callback {
        @Override
        public void succeeded() {
            fill(this);
        }

        @Override
        public void failed(Throwable failure) {
            fail(this, failure);
        }

        @Override
        public InvocationType getInvocationType() {
            return InvocationType.NON_BLOCKING;
        }
    }
}
