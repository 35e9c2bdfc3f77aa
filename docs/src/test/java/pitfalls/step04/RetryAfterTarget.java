package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;

/** Whatever an upstream sends as {@code Retry-After} is a time to wait, or none. */
public final class RetryAfterTarget {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");

    private RetryAfterTarget() {}

    /**
     * Called by Jazzer.
     *
     * @param input the value of the field
     */
    public static void fuzzerTestOneInput(byte[] input) {
        String value = new String(input, StandardCharsets.ISO_8859_1);

        Duration wait = RetryAfter.parse(value, NOW);

        assertThat(wait).isGreaterThanOrEqualTo(Duration.ZERO);
        assertThat(wait.toMillis()).isNotNegative(); // and no overflow
    }
}
