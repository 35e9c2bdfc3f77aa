package pitfalls.step04;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/** The memory that the bodies of all requests together may take while they are kept for another attempt. */
final class ReplayMemory {
    private static final int SHARE_OF_HEAP = 8;

    private final AtomicLong used = new AtomicLong();

    /** How many bytes may be kept at the same time. */
    volatile long limit = Runtime.getRuntime().maxMemory() / SHARE_OF_HEAP;

    /** How many bodies were not kept because the memory was in use. */
    final LongAdder refusals = new LongAdder();

    /** Takes that many bytes, if there are as many left. */
    boolean reserve(int bytes) {
        long current = used.get();
        while (current + bytes <= limit) {
            if (used.compareAndSet(current, current + bytes)) return true;
            current = used.get();
        }
        refusals.increment();
        return false;
    }

    /** Gives back what {@link #reserve} has let through. */
    void release(int bytes) {
        used.addAndGet(-bytes);
    }
}
