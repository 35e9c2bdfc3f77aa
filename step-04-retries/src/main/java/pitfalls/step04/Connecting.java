package pitfalls.step04;

import java.time.Duration;
import java.time.Instant;
import java.util.random.RandomGenerator;
import pitfalls.step04.Verdict.Again;
import pitfalls.step04.Verdict.GiveUp;

/**
 * The search for a connection on behalf of one request, while its upstream restarts. It has a limit of time, not of attempts:
 * a request that found no connection was not sent, and puts no load on the upstream.
 */
final class Connecting {
    private static final Duration SHORTEST_PAUSE = Duration.ofMillis(1); // where there is no backoff, do not spin

    private final RetryPolicy policy;
    private Instant end;
    private int failures;

    Connecting(RetryPolicy policy) {
        this.policy = policy;
    }

    /** How many attempts have found no connection so far. */
    int failures() {
        return failures;
    }

    /** Decides about another attempt after one that found no connection. The last one is made at the very end of the time. */
    Verdict onFailure(Instant now, Instant deadline, RandomGenerator random) {
        if (end == null) end = now.plus(policy.connectFor());
        failures++;
        if (end.isAfter(deadline)) end = deadline;
        Duration left = Duration.between(now, end);
        if (left.isNegative() || left.isZero()) {
            return new GiveUp(
                    "no connection came about within " + policy.connectFor().toMillis() + " ms");
        }
        var longest = policy.backoff().after(failures).toNanos();
        var pause = Duration.ofNanos(random.nextLong(longest + 1)); // full jitter
        if (pause.compareTo(SHORTEST_PAUSE) < 0) pause = SHORTEST_PAUSE;
        return new Again(pause.compareTo(left) > 0 ? left : pause);
    }
}
