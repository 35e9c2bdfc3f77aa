package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.LocalTime;
import org.junit.jupiter.api.Test;

class DemoUpstreamTest {
    @Test
    void the_clock_shows_the_seconds_of_a_full_minute_too() {
        assertThat(DemoUpstream.tick(LocalTime.of(9, 5))).isEqualTo("data: 09:05:00\n\n");
    }
}
