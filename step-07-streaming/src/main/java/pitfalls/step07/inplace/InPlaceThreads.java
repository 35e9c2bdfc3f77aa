package pitfalls.step07.inplace;

import org.eclipse.jetty.server.internal.HttpConnection;
import org.eclipse.jetty.util.thread.Invocable.InvocationType;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/**
 * The threads of a server whose handler is {@link InPlace}. The one that has sent a response also reads the next request of that connection.
 * Jetty's own would wake another thread, which most often finds that nothing has come yet. Connections with TLS or HTTP/2 are read as by Jetty's
 * own.
 */
public class InPlaceThreads extends QueuedThreadPool {
    private final ThreadLocal<Boolean> readsOn = ThreadLocal.withInitial(() -> false);
    private final ThreadLocal<Boolean> isOneOfThem = ThreadLocal.withInitial(() -> false);

    @Override
    public Thread newThread(Runnable job) {
        return super.newThread(() -> {
            isOneOfThem.set(true);
            job.run();
        });
    }

    /** Whether the current thread is one of these. */
    boolean isOneOfThem() {
        return isOneOfThem.get();
    }

    /** Runs the task in another thread, unless it is a connection that reads on. */
    @Override
    public void execute(Runnable task) {
        if (task instanceof HttpConnection connection && mayReadOn(connection)) readOn(connection);
        else super.execute(task);
    }

    /**
     * A handler that may wait would wait for this very thread. Over TLS, the connection may be in the middle of a write. And while one
     * connection reads on, others may end, too, and so on: as calls within calls, they would fill the stack.
     */
    private boolean mayReadOn(HttpConnection connection) {
        boolean handlerWaits = connection.getServer().getInvocationType() != InvocationType.NON_BLOCKING;
        return isRunning() && !handlerWaits && !connection.getEndPoint().isSecure() && !readsOn.get();
    }

    private void readOn(HttpConnection connection) {
        readsOn.set(true);
        try {
            connection.run();
        } finally {
            readsOn.set(false);
        }
    }
}
