package pitfalls.step07;

import java.time.Duration;
import org.eclipse.jetty.client.Request;

/** A request's wait for a connection, which ends when it has one, when it has failed, or when it has waited too long. */
final class ConnectionWait implements Request.BeginListener, Request.FailureListener {
    private Deadlines.Deadline limit;
    private boolean over;

    /** Begins to watch over a request that is about to be sent. */
    static ConnectionWait of(Request proxyToServerRequest) {
        var wait = new ConnectionWait();
        proxyToServerRequest.onRequestBegin(wait);
        proxyToServerRequest.onRequestFailure(wait);
        return wait;
    }

    /** Runs the task if the wait lasts longer than that; most requests have their connection by now. */
    synchronized void limit(Duration time, Deadlines deadlines, Runnable task) {
        if (!over) limit = deadlines.after(time, task);
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
