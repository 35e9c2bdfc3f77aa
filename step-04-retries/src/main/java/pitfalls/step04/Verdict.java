package pitfalls.step04;

import java.time.Duration;

/** What is decided about a failed attempt. As a text, it is what the log says of it. */
public sealed interface Verdict {

    /**
     * Another attempt follows.
     *
     * @param pause how long to wait before it; in the verdict of a {@link RetryPolicy} the longest pause, of which the proxy
     *     waits a random part
     */
    record Again(Duration pause) implements Verdict {
        @Override
        public String toString() {
            return "the next one in " + pause.toMillis() + " ms";
        }
    }

    /**
     * No other attempt follows.
     *
     * @param reason why not, for the log
     */
    record GiveUp(String reason) implements Verdict {
        @Override
        public String toString() {
            return reason;
        }
    }
}
