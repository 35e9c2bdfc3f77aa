package pitfalls.step07.watch;

import java.time.Duration;
import java.util.Iterator;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.io.CyclicTimeouts;
import org.eclipse.jetty.util.NanoTime;
import org.eclipse.jetty.util.thread.Scheduler;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tasks for later, of which nearly all are cancelled before: one timer serves them all. */
public final class Deadlines extends CyclicTimeouts<Deadlines.Deadline> {
    private static final Logger LOG = LoggerFactory.getLogger(Deadlines.class);

    private final Set<Deadline> deadlines = ConcurrentHashMap.newKeySet();

    /**
     * Deadlines without any task.
     *
     * @param scheduler runs the one timer
     */
    public Deadlines(Scheduler scheduler) {
        super(scheduler);
    }

    /**
     * Runs the task after that time, on a thread that must not be kept waiting.
     *
     * @param time from now on
     * @param task what to do
     * @return a handle by which the task can be cancelled
     */
    public Deadline after(Duration time, Runnable task) {
        var deadline = new Deadline(NanoTime.now() + time.toNanos(), task);
        deadlines.add(deadline);
        schedule(deadline);
        return deadline;
    }

    /** {@return those whose tasks have neither run nor been cancelled} */
    @Override
    public Iterator<Deadline> iterator() {
        return deadlines.iterator();
    }

    @Override
    protected boolean onExpired(Deadline deadline) {
        try {
            deadline.task.run();
        } catch (Throwable x) {
            LOG.warn("a task failed, the others go on", x);
        }
        return true;
    }

    /** A task for later. */
    public final class Deadline implements Expirable {
        private final long nanoTime;
        private final Runnable task;

        private Deadline(long nanoTime, Runnable task) {
            this.nanoTime = nanoTime;
            this.task = task;
        }

        /** Has the task not run, if it has not yet. */
        public void cancel() {
            deadlines.remove(this);
        }

        @Override
        public long getExpireNanoTime() {
            return nanoTime;
        }
    }
}
