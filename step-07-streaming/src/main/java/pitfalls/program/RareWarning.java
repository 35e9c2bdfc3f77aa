package pitfalls.program;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.eclipse.jetty.util.NanoTime;

/** Whether something that may happen a thousand times a second is to be logged, which it is once a second at most. */
final class RareWarning {
    private static final long PAUSE = TimeUnit.SECONDS.toNanos(1);

    private final AtomicLong last = new AtomicLong(NanoTime.now() - PAUSE);

    /** Whether the last one was long enough ago; it is then this one. */
    boolean isDue() {
        long now = NanoTime.now();
        long before = last.get();
        return now - before >= PAUSE && last.compareAndSet(before, now);
    }
}
