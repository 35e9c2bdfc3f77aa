package pitfalls.step04;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import pitfalls.step04.RetryPolicy.Budget;

/** Counts what a proxy does, for its operator and for its retry budget. */
final class RetryMeter {
    final AtomicInteger inFlight = new AtomicInteger();
    private final AtomicInteger retrying = new AtomicInteger();
    final LongAdder attempts = new LongAdder();
    final LongAdder retries = new LongAdder();
    final LongAdder budgetRefusals = new LongAdder();

    /** Lets one more request go on another attempt, if the budget affords it. */
    boolean acquire(Budget budget) {
        int current = retrying.get();
        while (budget.affords(inFlight.get(), current)) {
            if (retrying.compareAndSet(current, current + 1)) return true;
            current = retrying.get();
        }
        budgetRefusals.increment();
        return false;
    }

    /** Gives back what {@link #acquire} has let through. */
    void release() {
        retrying.decrementAndGet();
    }
}
