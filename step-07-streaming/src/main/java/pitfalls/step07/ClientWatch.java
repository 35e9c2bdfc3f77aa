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
 * A byte is the beginning of what the client sends next: it is kept, ends the watch, and is given back to Jetty before
 * Jetty reads on.
 *
 * <p>A client that only ends its output, and still wants the response, looks the same, and is taken to have left (RFC 9112,
 * section 9.5), as by nginx and Go. A connection that begins with the PROXY protocol is not watched.
 */
final class ClientWatch implements Callback {
    private static final String ATTRIBUTE = ClientWatch.class.getName();
    private static final CancellationException WITHDRAWN = new CancellationException();

    private final Deadlines deadlines;
    private final Connection connection;
    private final AbstractEndPoint endPoint;
    private org.eclipse.jetty.client.Request proxyToServerRequest;
    private Deadlines.Deadline start;
    /** The interest in the connection is this watch's: registered, or with {@link #succeeded} about to be called. */
    private boolean reading;

    private ByteBuffer early;
    private EofException left;
    private boolean over;

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

    /** How the client left; {@code null} if it is there, or was only told of this failure, which is the upstream's. */
    synchronized Throwable leftUnlessBecauseOf(Throwable failure) {
        return left == null || left.getCause() == failure ? null : left;
    }

    /** Has this request aborted when the client leaves, and if it has left. */
    void abortsOnLeave(org.eclipse.jetty.client.Request proxyToServerRequest) {
        EofException failure;
        synchronized (this) {
            this.proxyToServerRequest = proxyToServerRequest;
            failure = left;
        }
        if (failure != null) proxyToServerRequest.abort(failure);
    }

    /** Begins to read after that time, which most requests do not last; nobody else may read until {@link #pause}. */
    synchronized void begin(Duration delay) {
        if (endPoint != null && start == null && !over) start = deadlines.after(delay, this::read);
    }

    private synchronized void read() {
        if (start == null || over) return;
        reading = true;
        reading = endPoint.tryFillInterested(this);
    }

    /** Reads no more, so that Jetty may: the client's body, or its next request. */
    synchronized void pause() {
        if (start != null) start.cancel();
        start = null;
        if (reading) endPoint.getFillInterest().onFail(WITHDRAWN); // otherwise it might be Jetty's own interest
        reading = false;
        if (early != null) ((Connection.UpgradeTo) connection).onUpgradeTo(early);
        early = null;
    }

    /** A callback that ends the watch before it completes that one. */
    Callback endedBefore(Callback callback) {
        return Callback.from(this::end, callback);
    }

    private synchronized void end() {
        over = true;
        pause();
    }

    @Override
    public void succeeded() {
        EofException failure = null;
        synchronized (this) {
            if (!reading) return; // it was paused in the meantime
            ByteBuffer buffer = BufferUtil.allocate(1); // for which Jetty's own buffer always has room
            try {
                int filled = endPoint.fill(buffer);
                reading = filled == 0 && endPoint.tryFillInterested(this);
                if (filled > 0) early = buffer;
                if (filled < 0) failure = new EofException("the client has left");
            } catch (IOException x) {
                reading = false;
                failure = new EofException(x);
            }
        }
        if (failure != null) leave(failure);
    }

    @Override
    public void failed(Throwable x) {
        if (x == WITHDRAWN) return;
        synchronized (this) {
            reading = false;
        }
        leave(new EofException(x));
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

    @Override
    public InvocationType getInvocationType() {
        return InvocationType.NON_BLOCKING;
    }
}
