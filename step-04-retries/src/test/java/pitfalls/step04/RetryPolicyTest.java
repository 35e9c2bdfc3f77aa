package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static pitfalls.step04.RetryPolicy.Outcome.DIED;
import static pitfalls.step04.RetryPolicy.Outcome.NOT_SENT;
import static pitfalls.step04.RetryPolicy.Outcome.STATUS;

import java.time.Duration;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step04.RetryPolicy.Backoff;
import pitfalls.step04.RetryPolicy.Budget;
import pitfalls.step04.Verdict.Again;
import pitfalls.step04.Verdict.GiveUp;

class RetryPolicyTest {
    private final RetryPolicy policy = RetryPolicy.idempotent();

    @Test
    void the_policy_to_begin_with_is_as_documented() {
        var backoff = new Backoff(Duration.ofMillis(25), Duration.ofMillis(250));

        assertThat(policy)
                .isEqualTo(new RetryPolicy(
                        3,
                        backoff,
                        Duration.ofSeconds(1),
                        Duration.ofSeconds(10),
                        64 * 1024,
                        Set.of(),
                        false,
                        new Budget(20, 3)));
        assertThat(RetryPolicy.none().attempts()).isEqualTo(1);
    }

    @Test
    void what_was_not_sent_is_sent_again() {
        assertThat(policy.verdict(1, NOT_SENT, "POST", false, true)).isInstanceOf(Again.class);
        assertThat(policy.verdict(1, NOT_SENT, "LOCK", false, true)).isInstanceOf(Again.class);
    }

    @Test
    void a_body_that_is_gone_speaks_against_everything() {
        assertThat(policy.verdict(1, NOT_SENT, "GET", false, false)).isEqualTo(new GiveUp("its body was not kept"));
        assertThat(policy.verdict(1, DIED, "PUT", false, false)).isEqualTo(new GiveUp("its body was not kept"));
        assertThat(policy.verdict(1, DIED, "POST", false, false))
                .as("the weightier reason comes first")
                .isEqualTo(new GiveUp("POST is not idempotent, and has no Idempotency-Key"));
    }

    @Test
    void a_method_is_idempotent_only_in_its_case() {
        assertThat(policy.verdict(1, DIED, "GET", false, true)).isInstanceOf(Again.class);
        assertThat(policy.verdict(1, DIED, "get", false, true)).isEqualTo(new GiveUp("get is not idempotent"));
        assertThat(policy.verdict(1, STATUS, "POST", true, true)).isEqualTo(new GiveUp("POST is not idempotent"));
    }

    @Test
    void a_key_needs_consent() {
        assertThat(policy.verdict(1, DIED, "POST", false, true))
                .isEqualTo(new GiveUp("POST is not idempotent, and has no Idempotency-Key"));
        assertThat(policy.verdict(1, DIED, "POST", true, true))
                .isEqualTo(new GiveUp("the policy does not trust an Idempotency-Key"));
        assertThat(policy.withIdempotencyKeys(true).verdict(1, DIED, "POST", true, true))
                .isInstanceOf(Again.class);
    }

    @Test
    void the_longest_pause_doubles_up_to_its_limit() {
        var backoff = new Backoff(Duration.ofMillis(25), Duration.ofMillis(60));

        assertThat(Stream.of(1, 2, 3, 9).map(backoff::after))
                .containsExactly(
                        Duration.ofMillis(25), Duration.ofMillis(50), Duration.ofMillis(60), Duration.ofMillis(60));
    }

    @Test
    void the_last_attempt_is_the_last() {
        assertThat(policy.verdict(2, NOT_SENT, "GET", false, true)).isEqualTo(new Again(Duration.ofMillis(50)));
        assertThat(policy.verdict(3, NOT_SENT, "GET", false, true)).isEqualTo(new GiveUp("it was the last one"));
    }

    @Test
    void the_budget_is_a_share_of_the_requests_on_their_first_attempt_and_never_less_than_its_minimum() {
        var budget = new Budget(20, 3);

        assertThat(budget.affords(1, 2)).isTrue();
        assertThat(budget.affords(1, 3)).isFalse();
        assertThat(budget.affords(119, 19)).as("the twentieth beside 100").isTrue();
        assertThat(budget.affords(120, 20)).as("one more").isFalse();
        assertThat(new Budget(100, 0).affords(3, 1)).as("as many as firsts").isTrue();
        assertThat(new Budget(100, 0).affords(2, 1)).isFalse();
        assertThat(new Budget(0, 0).affords(100, 0)).isFalse();
    }

    @Test
    void a_value_at_the_end_of_its_range_is_accepted() {
        assertThat(policy.withBufferSize(0).bufferSize()).isZero();
        assertThat(policy.withConnectFor(Duration.ZERO).connectFor()).isZero();
        assertThat(policy.withDeadline(Duration.ZERO).deadline()).isZero();
        assertThat(policy.withBudget(0, 0).budget()).isEqualTo(new Budget(0, 0));
        assertThat(policy.withBudget(100, 0).budget()).isEqualTo(new Budget(100, 0));
    }

    @TestFactory
    Stream<DynamicTest> a_bad_value_is_refused_in_one_sentence() {
        return Stream.of(
                refused(() -> policy.withAttempts(0), "attempts must be 1 or more, not 0"),
                refused(
                        () -> policy.withBackoff(Duration.ofMillis(-1), Duration.ZERO),
                        "first must be zero or more, not PT-0.001S"),
                refused(
                        () -> policy.withBackoff(Duration.ofMillis(2), Duration.ofMillis(1)),
                        "longest must be not shorter than the first, not PT0.001S"),
                refused(
                        () -> policy.withConnectFor(Duration.ofMillis(-1)),
                        "connectFor must be zero or more, not PT-0.001S"),
                refused(
                        () -> policy.withDeadline(Duration.ofMillis(-1)),
                        "deadline must be zero or more, not PT-0.001S"),
                refused(() -> policy.withBufferSize(-1), "bufferSize must be zero or more bytes, not -1"),
                refused(() -> policy.withStatuses(500), "statuses must be some of 502, 503 and 504, not [500]"),
                refused(() -> policy.withBudget(101, 3), "percent must be 0 to 100, not 101"),
                refused(() -> policy.withBudget(20, -1), "minimum must be zero or more, not -1"));
    }

    private static DynamicTest refused(Runnable call, String complaint) {
        return DynamicTest.dynamicTest(
                complaint,
                () -> assertThatIllegalArgumentException().isThrownBy(call::run).withMessage(complaint));
    }
}
