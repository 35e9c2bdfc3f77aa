package pitfalls.step04;

import java.time.Duration;
import java.time.Instant;
import org.eclipse.jetty.http.HttpDateTime;

/** The {@code Retry-After} field: seconds, or a date (RFC 9110, section 10.2.3). */
final class RetryAfter {
    private static final long FOREVER = 1_000_000_000; // 31 years

    private RetryAfter() {}

    /** How long to wait from now on; zero where the field is absent, in the past or unreadable. */
    static Duration parse(String value, Instant now) {
        if (value == null) return Duration.ZERO;
        if (value.matches("[0-9]+")) return Duration.ofSeconds(value.length() > 9 ? FOREVER : Long.parseLong(value));
        Duration wait = Duration.between(now, Instant.ofEpochMilli(HttpDateTime.parseToEpoch(value)));
        return wait.isNegative() ? Duration.ZERO : wait;
    }
}
