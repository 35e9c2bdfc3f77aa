package pitfalls.program;

import org.eclipse.jetty.util.thread.ExecutionStrategy;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import pitfalls.step07.inplace.InPlaceThreads;

/**
 * The threads of a server that stay within their limit, and read on from connections {@linkplain InPlaceThreads in place}. Jetty tells a
 * request of its failure at once, and starts a thread for it if none is ready: a thousand clients that leave in the middle of something are
 * hundreds of threads beyond the limit. Nothing in this program waits for that message with a thread, so it can queue like any other task.
 */
final class ServerThreads extends InPlaceThreads {
    private static final int IDLE_MS = 10_000;

    /** How many threads stand ready. One that reads HTTP/2 leaves all other connections to one of them, and then handles what it reads. */
    private static final int READY = 16;

    ServerThreads() {
        setName("server");
        setReservedThreads(READY);
        endThoseOfABurst(this);
    }

    /** Runs the task now, if a thread is ready. An {@link ExecutionStrategy} has a plan for a no; other tasks are run soon. */
    @Override
    public boolean tryExecute(Runnable task) {
        if (super.tryExecute(task)) return true;
        if (task instanceof ExecutionStrategy || !isRunning()) return false;
        execute(task);
        return true;
    }

    /**
     * Lets threads end that a burst has started, as soon as they have had nothing to do for ten seconds. Jetty ends one a minute, and
     * each takes about 0.1 MB.
     */
    static void endThoseOfABurst(QueuedThreadPool threads) {
        threads.setIdleTimeout(IDLE_MS);
        threads.setMaxEvictCount(threads.getMaxThreads());
    }
}
