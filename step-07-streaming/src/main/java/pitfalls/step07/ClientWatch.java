package pitfalls.step07;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CancellationException;
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
 * A byte is the beginning of the client's next request: it is kept, ends the watch, and is given back to Jetty before
 * Jetty reads on.
 *
 * <p>A client that only ends its output, and still wants the response, looks the same, and is taken to have left (RFC 9112,
 * section 9.5), as by nginx and Go.
 */
final class ClientWatch implements Callback {
    private static final String ATTRIBUTE = ClientWatch.class.getName();
    private static final CancellationException WITHDRAWN = new CancellationException();

    private final Deadlines deadlines;
    private final Connection connection;
    private final AbstractEndPoint endPoint;
    private org.eclipse.jetty.client.Request proxyToServerRequest;
    private IOException left;
    private ByteBuffer early;
    private boolean reading; // from when the interest is registered until nobody reads any more
    private Deadlines.Deadline start;
    private boolean over;
    private Runnable then;

    private ClientWatch(Request clientToProxyRequest, Deadlines deadlines) {
        this.deadlines = deadlines;
        connection = clientToProxyRequest.getConnectionMetaData().getConnection();
        boolean isHttp1 =
                clientToProxyRequest.getConnectionMetaData().getHttpVersion().getVersion()
                        < HttpVersion.HTTP_2.getVersion();
        endPoint = isHttp1
                        && connection instanceof Connection.UpgradeTo
                        && connection.getEndPoint() instanceof AbstractEndPoint readable
                ? readable
                : null;
    }

    /** Makes a watch on the client of this request. */
    static ClientWatch on(Request clientToProxyRequest, Deadlines deadlines) {
        var watch = new ClientWatch(clientToProxyRequest, deadlines);
        clientToProxyRequest.setAttribute(ATTRIBUTE, watch);
        if (watch.endPoint == null)
            clientToProxyRequest.addFailureListener(failure -> watch.leave(new EofException(failure)));
        clientToProxyRequest.addIdleTimeoutListener(timeout -> false); // it is the upstream that is quiet
        return watch;
    }

    /** The watch that was made for this request. */
    static ClientWatch of(Request clientToProxyRequest) {
        return (ClientWatch) clientToProxyRequest.getAttribute(ATTRIBUTE);
    }

    /** How the client left; {@code null} if it is there, or was only told of this failure of the upstream's. */
    synchronized Throwable leftBefore(Throwable failure) {
        return left == null || left.getCause() == failure ? null : left;
    }

    /** Has this request aborted when the client leaves, and if it has left. */
    void abortsOnLeave(org.eclipse.jetty.client.Request proxyToServerRequest) {
        IOException failure;
        synchronized (this) {
            this.proxyToServerRequest = proxyToServerRequest;
            failure = left;
        }
        if (failure != null) proxyToServerRequest.abort(failure);
    }

    /** Begins to read after that time, which most requests do not last; the request's body must have been read. */
    synchronized void begin(Duration delay) {
        if (endPoint != null && start == null && !over) start = deadlines.after(delay, this::read);
    }

    private void read() {
        synchronized (this) {
            if (over) return;
            reading = true;
        }
        register();
    }

    private void register() {
        if (endPoint.tryFillInterested(this)) {
            synchronized (this) {
                if (!over || !reading || !withdraw()) return;
            }
        }
        stopReading();
    }

    private synchronized boolean isOver() {
        return over;
    }

    /** A callback that ends the watch, and completes that one when nobody reads any more, so that Jetty may. */
    Callback endedBefore(Callback callback) {
        return Callback.from(() -> end(callback::succeeded), failure -> end(() -> callback.failed(failure)));
    }

    private void end(Runnable task) {
        synchronized (this) {
            over = true;
            if (start != null) start.cancel();
            if (reading && !withdraw()) {
                then = task;
                return;
            }
            reading = false;
        }
        finish(task);
    }

    /**
     * Takes the interest back; false if it is gone already, because {@link #succeeded} or {@link #failed} is about to be
     * called. Only under the lock and while reading: otherwise it might be Jetty's own interest.
     */
    private boolean withdraw() {
        return endPoint.getFillInterest().onFail(WITHDRAWN);
    }

    @Override
    public void succeeded() {
        if (isOver()) {
            stopReading();
            return;
        }
        ByteBuffer buffer = BufferUtil.allocate(1); // for which Jetty's own buffer always has room
        try {
            int filled = endPoint.fill(buffer);
            if (filled == 0) {
                register();
                return;
            }
            if (filled > 0) early = buffer;
            else leave(new EofException("the client has left"));
        } catch (IOException x) {
            leave(new EofException(x));
        }
        stopReading();
    }

    @Override
    public void failed(Throwable x) {
        if (x == WITHDRAWN) return;
        leave(new EofException(x));
        stopReading();
    }

    private void leave(EofException failure) {
        org.eclipse.jetty.client.Request request;
        synchronized (this) {
            if (over || left != null) return;
            left = failure;
            request = proxyToServerRequest;
        }
        if (request != null) request.abort(failure);
    }

    private void stopReading() {
        Runnable task;
        synchronized (this) {
            reading = false;
            task = then;
            then = null;
        }
        if (task != null) finish(task);
    }

    private void finish(Runnable task) {
        if (early != null) ((Connection.UpgradeTo) connection).onUpgradeTo(early);
        early = null;
        task.run();
    }

    @Override
    public InvocationType getInvocationType() {
        return InvocationType.NON_BLOCKING;
    }
}
