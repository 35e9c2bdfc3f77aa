package pitfalls.step07;

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
final class Deadlines extends CyclicTimeouts<Deadlines.Deadline> {
    private static final Logger LOG = LoggerFactory.getLogger(Deadlines.class);

    private final Set<Deadline> deadlines = ConcurrentHashMap.newKeySet();

    Deadlines(Scheduler scheduler) {
        super(scheduler);
    }

    /** Runs the task after that time, on a thread that must not be kept waiting. */
    Deadline after(Duration time, Runnable task) {
        var deadline = new Deadline(NanoTime.now() + time.toNanos(), task);
        deadlines.add(deadline);
        schedule(deadline);
        return deadline;
    }

    @Override
    protected Iterator<Deadline> iterator() {
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

    final class Deadline implements Expirable {
        private final long nanoTime;
        private final Runnable task;

        private Deadline(long nanoTime, Runnable task) {
            this.nanoTime = nanoTime;
            this.task = task;
        }

        void cancel() {
            deadlines.remove(this);
        }

        @Override
        public long getExpireNanoTime() {
            return nanoTime;
        }
    }
}
