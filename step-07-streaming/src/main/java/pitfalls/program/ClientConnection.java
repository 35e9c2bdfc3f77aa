package pitfalls.program;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.AbstractEndPoint;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.IdleTimeout;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.Invocable.InvocationType;
import org.eclipse.jetty.util.thread.Scheduler;

/**
 * A client's connection that limits the time for the head of a request as a whole. Jetty limits each pause in it, so a byte now
 * and then would keep the connection open for ever.
 *
 * <p>The time runs from the first byte of a head, and for the first head from the beginning of the connection. When it is up, the
 * client gets 408; one that has sent nothing only sees the connection end. While a head is on its way, the limit
 * for idle connections does not count.
 *
 * <p>When the server stops, {@link #drain} closes the connection as soon as it is idle.
 */
final class ClientConnection extends StandardConnection implements Drainable {
    private static final long MOMENT_MS = 100;

    private final Duration headTimeout;
    private boolean hadRequest;
    private long bytesWhenIdle = -1; // of which there are none before the first head
    private volatile Scheduler.Task headLimit;
    private TimeoutException late;
    private volatile boolean draining;

    ClientConnection(HttpConfiguration http, Connector connector, EndPoint endPoint, Duration headTimeout) {
        super(http, connector, endPoint);
        this.headTimeout = headTimeout;
    }

    /** Called when all that has arrived was read, and more of a head is waited for. */
    @Override
    public void fillInterested(Callback callback) {
        if (draining && getParser().isStart()) {
            close();
            return;
        }
        boolean isBetweenRequests = getParser().isStart() && (hadRequest || getBytesIn() == bytesWhenIdle);
        if (isBetweenRequests) {
            hadRequest = false;
            bytesWhenIdle = getBytesIn();
        } else if (headLimit == null && getParser().inHeaderState() && !headTimeout.isZero()) {
            headLimit = after(headTimeout.toMillis(), this::onHeadTimeout);
        }
        super.fillInterested(mayReadForLong() ? inThreadOfItsOwn(callback) : callback);
        failIfLate();
        if (getConnector().isShutdown()) drain(); // it was in use when the others were drained
    }

    /** The first bytes may be those of HTTP/2, which is read for as long as the client sends; and over TLS, some bytes are no request. */
    private boolean mayReadForLong() {
        return getMessagesIn() == 0 || getEndPoint().isSecure();
    }

    /** So that the thread that waits for all connections need not run it. */
    private static Callback inThreadOfItsOwn(Callback callback) {
        return Callback.from(InvocationType.BLOCKING, callback::succeeded, callback::failed);
    }

    private Scheduler.Task after(long delayMs, Runnable task) {
        return getConnector().getScheduler().schedule(task, delayMs, TimeUnit.MILLISECONDS);
    }

    /**
     * Has the connection close as soon as it is idle. A client that was answered a moment ago may just be sending its next request,
     * so it has a moment to do that; and a client that was told that the connection ends has one to end it.
     */
    @Override
    public void drain() {
        if (getParser().isStart()) {
            after(Math.max(0, MOMENT_MS - idleForMs()), this::closeIfIdle);
        } else if (getParser().isClose()) {
            getEndPoint().setIdleTimeout(MOMENT_MS);
        }
    }

    /** Whether nothing of a request has arrived, and no request is served; not within a moment after something was. */
    @Override
    public boolean isIdle() {
        return !draining && getParser().isStart() && getHttpChannel().getRequest() == null && idleForMs() >= MOMENT_MS;
    }

    /** Whether it was idle when {@link #closeIfIdle} was called, and is still open. */
    @Override
    public boolean isClosing() {
        return draining && getParser().isStart();
    }

    /** How long nothing was sent or received. */
    @Override
    public long idleForMs() {
        return ClientEndPoint.innermost(this) instanceof IdleTimeout idle ? idle.getIdleFor() : MOMENT_MS;
    }

    /** Reads once more: a request that has arrived is served, and without one {@link #fillInterested} closes the connection. */
    @Override
    public void closeIfIdle() {
        draining = true;
        boolean isWaiting = getHttpChannel().getRequest() == null;
        if (isWaiting && getEndPoint() instanceof AbstractEndPoint endPoint) {
            getExecutor().execute(() -> endPoint.getFillInterest().fillable());
        }
    }

    @Override
    synchronized void onHeadEnd() {
        hadRequest = true;
        late = null;
        if (headLimit != null) headLimit.cancel();
        headLimit = null;
    }

    private synchronized void onHeadTimeout() {
        if (headLimit == null) return; // it has just arrived
        late = new TimeoutException("the head of the request took longer than " + headTimeout.toMillis() + " ms");
        failIfLate();
    }

    /** Has no effect while a thread reads: after that, it is called again. */
    private synchronized void failIfLate() {
        if (late != null && getEndPoint() instanceof AbstractEndPoint endPoint) {
            endPoint.getFillInterest().onFail(late);
        }
    }

    /** Called once nobody else reads. */
    @Override
    public void onFillInterestedFailed(Throwable cause) {
        boolean isHeadLate = cause instanceof TimeoutException && headLimit != null;
        if (isHeadLate && !getParser().isStart()) {
            refuse(new HttpException.RuntimeException(HttpStatus.REQUEST_TIMEOUT_408, cause));
        } else if (isHeadLate) {
            close(); // without an answer, and so without a line in the logs
        } else {
            super.onFillInterestedFailed(cause);
        }
    }

    @Override
    public boolean onIdleExpired(TimeoutException timeout) {
        return headLimit == null && super.onIdleExpired(timeout);
    }

    @Override
    public void onClose(Throwable cause) {
        if (headLimit != null) headLimit.cancel();
        super.onClose(cause);
    }
}
