package pitfalls.step02;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.util.NanoTime;
import org.eclipse.jetty.util.thread.Scheduler;

/**
 * A socket whose idle timeout may change with each request, and more often. Jetty cancels its timer and starts another one whenever the limit
 * becomes shorter, or there is one again. Here the timer stays if it runs early enough, and then looks for the limit that there is.
 */
public class TimedEndPoint extends SocketChannelEndPoint {
    private static final long NEVER_NS = Long.MAX_VALUE / 2;

    private volatile long limit;
    private volatile long nextCheck = NanoTime.now() + NEVER_NS;

    /**
     * A socket without a limit.
     *
     * @param scheduler runs the timer
     */
    public TimedEndPoint(SocketChannel channel, ManagedSelector selector, SelectionKey key, Scheduler scheduler) {
        super(channel, selector, key, scheduler);
    }

    @Override
    public long getIdleTimeout() {
        return limit;
    }

    /** As in Jetty: milliseconds, and no limit if it is 0 or less. */
    @Override
    public void setIdleTimeout(long limit) {
        this.limit = limit;
        if (limit <= 0) return;
        long due = NanoTime.now() + MILLISECONDS.toNanos(limit - getIdleFor() + 1); // Jetty counts whole ones
        if (NanoTime.isBeforeOrSame(nextCheck, due)) return;
        super.setIdleTimeout(0); // cancels the timer
        super.setIdleTimeout(limit);
    }

    /**
     * Called by the timer, and to start it.
     *
     * @return after how many milliseconds it runs; if 0, after the limit, if there is one
     */
    @Override
    protected long checkIdleTimeout() {
        long left = super.checkIdleTimeout();
        if (left < 0) return left; // it is closed
        nextCheck = NanoTime.now() + (left > 0 ? MILLISECONDS.toNanos(left) : NEVER_NS);
        long changed = limit; // if after this, the new limit is compared with the next check
        return changed > 0 ? Math.min(left, changed) : left;
    }
}
