package pitfalls.program;

import org.eclipse.jetty.util.thread.ExecutionStrategy;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/**
 * The threads of a server, which stay within their limit. Jetty tells a request of its failure at once, and starts a thread for it if
 * none is ready: a thousand clients that leave in the middle of something are hundreds of threads beyond the limit. Nothing in this
 * program waits for that message with a thread, so it can queue like any other task.
 */
final class ServerThreads extends QueuedThreadPool {
    ServerThreads() {
        setName("server");
    }

    /** Runs the task now, if a thread is ready. An {@link ExecutionStrategy} has a plan for a no; other tasks are run soon. */
    @Override
    public boolean tryExecute(Runnable task) {
        if (super.tryExecute(task)) return true;
        if (task instanceof ExecutionStrategy || !isRunning()) return false;
        execute(task);
        return true;
    }
}
