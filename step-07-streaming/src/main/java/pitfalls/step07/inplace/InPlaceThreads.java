package pitfalls.step07.inplace;

import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/**
 * The threads of a server whose handler is {@link InPlace}. The one that has sent a response also reads the next request of that connection.
 * Jetty's own would wake another thread, which most often finds that nothing has come yet. Connections with TLS are read as by Jetty's own.
 */
public class InPlaceThreads extends QueuedThreadPool {
    private final ThreadLocal<Connection> current = new ThreadLocal<>();

    /** Runs the task in another thread, unless it is a connection that reads on. */
    @Override
    public void execute(Runnable task) {
        if (task instanceof Connection connection && mayRunHere(connection)) runHere(connection, task);
        else super.execute(task);
    }

    /** While one connection reads on, others may end too, and so on: as calls within calls, they would fill the stack. */
    private boolean mayRunHere(Connection connection) {
        boolean isSecure = connection.getEndPoint().isSecure(); // and may be in the middle of a write
        return isRunning() && current.get() == null && !isSecure;
    }

    private void runHere(Connection connection, Runnable task) {
        current.set(connection);
        try {
            task.run();
        } finally {
            current.remove();
        }
    }
}
