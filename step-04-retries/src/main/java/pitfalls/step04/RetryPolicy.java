package pitfalls.step04;

import java.time.Duration;
import java.util.Set;
import pitfalls.step04.Verdict.Again;
import pitfalls.step04.Verdict.GiveUp;

/**
 * Which failed requests are sent again, how often and when. Off unless asked for: silent retries hide problems, and add
 * load where there is too much of it already.
 *
 * <p>What may be sent again follows RFC 9110, section 9.2.2: any request of which nothing was sent; an idempotent one
 * whose connection died before anything was passed on to the client; but no request that the upstream may have carried
 * out, such as a POST, unless an {@code Idempotency-Key} tells the upstream that it is the same one.
 *
 * @param attempts how often a request is sent at most, the first time included; 1 is no retry
 * @param backoff the pauses between attempts
 * @param connectFor how long a request that finds no connection goes on looking for one, counted from the first failure. The
 *     attempts in that time are neither counted nor in the budget, because nothing is sent. Zero: they are attempts like others
 * @param deadline how long after the first attempt began another one may begin; the last one may take longer
 * @param bufferSize how many bytes of a body are kept for another attempt. A longer body is streamed, and not sent
 *     again once a part of it was. All of them together take {@link RetryingProxy#setReplayMemory} at most
 * @param statuses those of 502, 503 and 504 that are worth another attempt if the upstream answers an idempotent
 *     request with them; its {@code Retry-After} is waited for, if the deadline permits
 * @param idempotencyKeys whether a POST or PATCH with an {@code Idempotency-Key} may be sent again after its connection
 *     died. Danger: the upstream has to honour the key
 * @param budget how many requests may be on another attempt at the same time
 */
public record RetryPolicy(
        int attempts,
        Backoff backoff,
        Duration connectFor,
        Duration deadline,
        int bufferSize,
        Set<Integer> statuses,
        boolean idempotencyKeys,
        Budget budget) {

    /** The methods of RFC 9110, section 9.2.2. */
    static final Set<String> IDEMPOTENT = Set.of("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE");

    private static final Set<String> WITH_KEY = Set.of("POST", "PATCH");
    private static final Set<Integer> STATUSES = Set.of(502, 503, 504);

    /** How an attempt failed. */
    public enum Outcome {
        /** Nothing was sent: there was no connection. */
        NOT_SENT,
        /** The upstream has said that it did nothing with the request, as HTTP/2 can (RFC 9113, section 8.7). */
        NOT_PROCESSED,
        /** The connection died, and nothing of a response had been passed on to the client. */
        DIED,
        /** The upstream answered with one of {@link RetryPolicy#statuses()}. */
        STATUS
    }

    /**
     * Pauses with full jitter: random, so that many clients do not come back at the same moment.
     *
     * @param first the longest pause before the second attempt; it doubles with each further one
     * @param longest where the doubling ends
     */
    public record Backoff(Duration first, Duration longest) {

        /**
         * Checks both pauses.
         *
         * @throws IllegalArgumentException if the first is less than zero, or the longest is shorter than the first
         */
        public Backoff {
            Setting.check(!first.isNegative(), "first", first, "zero or more");
            Setting.check(longest.compareTo(first) >= 0, "longest", longest, "not shorter than the first");
        }

        /**
         * The longest pause after an attempt.
         *
         * @param attempt the number of the attempt that failed, from 1
         * @return the limit of the random pause
         */
        public Duration after(int attempt) {
            Duration limit = first;
            for (int i = 1; i < attempt && limit.compareTo(longest) < 0; i++) limit = limit.multipliedBy(2);
            return limit.compareTo(longest) > 0 ? longest : limit;
        }
    }

    /**
     * A limit for the whole proxy, so that retries cannot become an avalanche when every request fails. With 20 %, an upstream that
     * dies at each request gets 1.2 times the requests.
     *
     * @param percent how many requests may be on another attempt, as a share of those in flight that are on their first one
     * @param minimum how many may be so in any case
     */
    public record Budget(int percent, int minimum) {

        /**
         * Checks both limits, of which the larger one holds.
         *
         * @throws IllegalArgumentException if the percentage is not between 0 and 100, or the minimum less than zero
         */
        public Budget {
            Setting.check(percent >= 0 && percent <= 100, "percent", percent, "0 to 100");
            Setting.check(minimum >= 0, "minimum", minimum, "zero or more");
        }

        /**
         * Tells whether one more request may go on another attempt.
         *
         * @param inFlight how many requests are in flight, this one included
         * @param retrying how many of them are on another attempt, this one not
         * @return whether the limit is kept
         */
        public boolean affords(int inFlight, int retrying) {
            long onFirstAttempt = inFlight - retrying;
            return retrying < Math.max(minimum, onFirstAttempt * percent / 100);
        }
    }

    /**
     * Checks the parts.
     *
     * @throws IllegalArgumentException in one sentence, if there are fewer than 1 attempts, if a time or a size is less than zero, or if
     *     a status is not 502, 503 or 504
     */
    public RetryPolicy {
        statuses = Set.copyOf(statuses);
        Setting.check(attempts >= 1, "attempts", attempts, "1 or more");
        Setting.check(!connectFor.isNegative(), "connectFor", connectFor, "zero or more");
        Setting.check(!deadline.isNegative(), "deadline", deadline, "zero or more");
        Setting.check(bufferSize >= 0, "bufferSize", bufferSize, "zero or more bytes");
        Setting.check(STATUSES.containsAll(statuses), "statuses", statuses, "some of 502, 503 and 504");
    }

    /**
     * {@return the default: a failed request is not sent again}
     *
     * @see RetryingProxy#setReplacingStaleConnections what happens to a request that never had a chance
     */
    public static RetryPolicy none() {
        return idempotent().withAttempts(1);
    }

    /**
     * The policy to begin with: what is idempotent is sent up to three times within 10 seconds, after pauses of up to 25
     * and 50 ms, from a buffer of 64 KiB. For each five requests on their first attempt, one may be on another, and three in any case.
     * What finds no connection looks for one for a second, long enough for most restarts.
     *
     * @return that policy, which consents neither to {@link #statuses()} nor to {@link #idempotencyKeys()}
     */
    public static RetryPolicy idempotent() {
        var backoff = new Backoff(Duration.ofMillis(25), Duration.ofMillis(250));
        var budget = new Budget(20, 3);
        return new RetryPolicy(
                3, backoff, Duration.ofSeconds(1), Duration.ofSeconds(10), 65536, Set.of(), false, budget);
    }

    /**
     * Decides whether a failed attempt is followed by another one. Deadline and budget are not asked here: they depend on
     * the time, and on other requests; nor is {@link #connectFor()}.
     *
     * @param attempt the number of the attempt that has failed, from 1
     * @param outcome how it has failed
     * @param method the request's method, in its case
     * @param hasIdempotencyKey whether the upstream gets an {@code Idempotency-Key}
     * @param replayable whether everything that was read of the body is still there
     * @return {@link Verdict.Again} with the longest pause, or {@link Verdict.GiveUp} with the reason
     */
    public Verdict verdict(int attempt, Outcome outcome, String method, boolean hasIdempotencyKey, boolean replayable) {
        if (attempt >= attempts) return new GiveUp("it was the last one");
        boolean nothingDone = outcome == Outcome.NOT_SENT || outcome == Outcome.NOT_PROCESSED;
        boolean harmless = nothingDone || IDEMPOTENT.contains(method);
        boolean keyHelps = outcome != Outcome.STATUS && WITH_KEY.contains(method);
        if (!harmless && !keyHelps) return new GiveUp(method + " is not idempotent");
        if (!harmless && !hasIdempotencyKey) {
            return new GiveUp(method + " is not idempotent, and has no Idempotency-Key");
        }
        if (!harmless && !idempotencyKeys) return new GiveUp("the policy does not trust an Idempotency-Key");
        if (!replayable) return new GiveUp("its body was not kept");
        return new Again(backoff.after(attempt));
    }

    /** {@return a policy like this one, with that many attempts} */
    public RetryPolicy withAttempts(int attempts) {
        return new RetryPolicy(attempts, backoff, connectFor, deadline, bufferSize, statuses, idempotencyKeys, budget);
    }

    /** {@return a policy like this one, with these pauses} */
    public RetryPolicy withBackoff(Duration first, Duration longest) {
        var backoff = new Backoff(first, longest);
        return new RetryPolicy(attempts, backoff, connectFor, deadline, bufferSize, statuses, idempotencyKeys, budget);
    }

    /** {@return a policy like this one, which looks for a connection for that long} */
    public RetryPolicy withConnectFor(Duration connectFor) {
        return new RetryPolicy(attempts, backoff, connectFor, deadline, bufferSize, statuses, idempotencyKeys, budget);
    }

    /** {@return a policy like this one, with that deadline} */
    public RetryPolicy withDeadline(Duration deadline) {
        return new RetryPolicy(attempts, backoff, connectFor, deadline, bufferSize, statuses, idempotencyKeys, budget);
    }

    /** {@return a policy like this one, with a buffer of that many bytes} */
    public RetryPolicy withBufferSize(int bufferSize) {
        return new RetryPolicy(attempts, backoff, connectFor, deadline, bufferSize, statuses, idempotencyKeys, budget);
    }

    /** {@return a policy like this one, with exactly these} */
    public RetryPolicy withStatuses(Integer... statuses) {
        return new RetryPolicy(
                attempts, backoff, connectFor, deadline, bufferSize, Set.of(statuses), idempotencyKeys, budget);
    }

    /** {@return a policy like this one, with or without that trust} */
    public RetryPolicy withIdempotencyKeys(boolean idempotencyKeys) {
        return new RetryPolicy(attempts, backoff, connectFor, deadline, bufferSize, statuses, idempotencyKeys, budget);
    }

    /** {@return a policy like this one, with that limit} */
    public RetryPolicy withBudget(int percent, int minimum) {
        var budget = new Budget(percent, minimum);
        return new RetryPolicy(attempts, backoff, connectFor, deadline, bufferSize, statuses, idempotencyKeys, budget);
    }
}
