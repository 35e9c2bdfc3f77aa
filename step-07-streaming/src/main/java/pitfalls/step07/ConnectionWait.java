package pitfalls.step07;

import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.BooleanSupplier;
import org.eclipse.jetty.client.Request;

/** A request's wait for a connection, which ends when it has one, when it has failed, or when it has waited too long. */
final class ConnectionWait implements Request.BeginListener, Request.FailureListener {
    private final Request proxyToServerRequest;
    private Deadlines.Deadline limit;
    private boolean over;

    /** Looks at a request that is about to be sent. */
    ConnectionWait(Request proxyToServerRequest) {
        this.proxyToServerRequest = proxyToServerRequest;
        proxyToServerRequest.onRequestBegin(this);
        proxyToServerRequest.onRequestFailure(this);
    }

    /**
     * Aborts the request if the wait lasts longer than that; most requests have their connection by now.
     *
     * @param noneLeft whether there is no connection left to wait for; otherwise one is on its way, with a timeout of its
     *     own, and the wait goes on
     */
    void limit(Duration time, Deadlines deadlines, BooleanSupplier noneLeft) {
        synchronized (this) {
            if (!over)
                limit = deadlines.after(time, () -> {
                    if (noneLeft.getAsBoolean()) abort();
                    else limit(time, deadlines, noneLeft);
                });
        }
    }

    private void abort() {
        synchronized (this) {
            if (over) return;
            over = true;
        }
        proxyToServerRequest.abort(new RejectedExecutionException("no connection was free in time"));
    }

    @Override
    public void onBegin(Request request) {
        end();
    }

    @Override
    public void onFailure(Request request, Throwable failure) {
        end();
    }

    private synchronized void end() {
        over = true;
        if (limit != null) limit.cancel();
    }
}
