package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.step04.RetriesContract.IDEMPOTENT;
import static pitfalls.step04.Retrying.DIES;
import static pitfalls.step04.Retrying.newProxy;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import pitfalls.support.LoopbackTest;

/** How long the proxy waits before another attempt, and when it does not wait at all. */
class RetryPausesTest implements LoopbackTest {

    @Test
    void the_pauses_are_random_up_to_a_limit_that_doubles() throws Exception {
        var time = new ManualTime();
        var upstream = loopback.scripted(DIES);
        var policy = RetryPolicy.idempotent().withAttempts(4).withBackoff(Duration.ofMillis(25), Duration.ofMillis(60));
        var client = loopback.connect(loopback.serve(time.in(newProxy(upstream.target(), policy))));

        client.sendRequest("GET /x");
        var pauses = List.of(endOf(time.nextPause()), endOf(time.nextPause()), endOf(time.nextPause()));

        assertThat(pauses).containsExactly(Duration.ofMillis(25), Duration.ofMillis(50), Duration.ofMillis(60));
        assertThat(client.receiveResponse().status()).isEqualTo(502);
    }

    private Duration endOf(ManualTime.Pause pause) {
        pause.end();
        return pause.length();
    }

    @Test
    void no_attempt_begins_after_the_deadline() throws Exception {
        var time = new ManualTime();
        var upstream = loopback.scripted(DIES);
        var policy = IDEMPOTENT.withAttempts(9).withDeadline(Duration.ofSeconds(1));
        var client = loopback.connect(loopback.serve(time.in(newProxy(upstream.target(), policy))));

        client.sendRequest("GET /x");
        var pause = time.nextPause();
        time.pass(Duration.ofSeconds(1));
        pause.end();
        pause = time.nextPause(); // exactly at the deadline is in time
        time.pass(Duration.ofNanos(1));
        pause.end();

        assertThat(client.receiveResponse().status()).isEqualTo(502);
        assertThat(upstream.connections()).isEqualTo(3);
    }

    @Test
    void a_Retry_After_in_seconds_is_waited_for() throws Exception {
        assertThat(pauseAfter503("2")).isEqualTo(Duration.ofSeconds(2));
    }

    @Test
    void a_Retry_After_with_a_date_is_waited_for() throws Exception {
        assertThat(pauseAfter503("Thu, 01 Jan 2026 00:00:03 GMT")).isEqualTo(Duration.ofSeconds(3));
    }

    @Test
    void the_longer_of_pause_and_Retry_After_counts() throws Exception {
        var patient = IDEMPOTENT.withBackoff(Duration.ofSeconds(5), Duration.ofSeconds(5));

        assertThat(pauseAfter503("2", patient)).isEqualTo(Duration.ofSeconds(5));
        assertThat(pauseAfter503("6", patient)).isEqualTo(Duration.ofSeconds(6));
    }

    @Test
    void a_Retry_After_that_is_past_or_unreadable_is_no_pause() throws Exception {
        assertThat(pauseAfter503("Thu, 01 Jan 2015 00:00:03 GMT")).isZero();
        assertThat(pauseAfter503("soon")).isZero();
        assertThat(pauseAfter503("-1")).isZero();
    }

    private Duration pauseAfter503(String retryAfter) throws Exception {
        return pauseAfter503(retryAfter, IDEMPOTENT);
    }

    private Duration pauseAfter503(String retryAfter, RetryPolicy base) throws Exception {
        var time = new ManualTime();
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 503 Busy\r\nRetry-After: " + retryAfter + "\r\nContent-Length: 0\r\n\r\n");
        });
        var policy = base.withStatuses(503);
        var client = loopback.connect(loopback.serve(time.in(newProxy(upstream.target(), policy))));

        client.sendRequest("GET /x");
        return time.nextPause().length();
    }

    @Test
    void a_Retry_After_beyond_the_deadline_is_passed_on() throws Exception {
        var time = new ManualTime();
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 503 Busy\r\nRetry-After: 99999999999\r\nContent-Length: 4\r\n\r\nbusy");
        });
        var policy = IDEMPOTENT.withStatuses(503);
        var client = loopback.connect(loopback.serve(time.in(newProxy(upstream.target(), policy))));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).isEqualTo(503);
        assertThat(response.field("Retry-After")).containsExactly("99999999999");
        assertThat(response.body()).isEqualTo("busy");
    }
}
