package pitfalls.step04;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import pitfalls.step04.RetryPolicy.Budget;

/** Counts what a proxy does, for its operator and for its retry budget. */
final class RetryMeter {
    private final AtomicInteger inFlight = new AtomicInteger();
    private final AtomicInteger retrying = new AtomicInteger();
    private final LongAdder attempts = new LongAdder();
    private final LongAdder retries = new LongAdder();
    private final LongAdder budgetRefusals = new LongAdder();

    void requestBegins() {
        inFlight.incrementAndGet();
    }

    void requestEnds() {
        inFlight.decrementAndGet();
    }

    void attemptBegins() {
        attempts.increment();
    }

    void retryBegins() {
        retries.increment();
    }

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

    long attempts() {
        return attempts.sum();
    }

    long retries() {
        return retries.sum();
    }

    long budgetRefusals() {
        return budgetRefusals.sum();
    }
}
