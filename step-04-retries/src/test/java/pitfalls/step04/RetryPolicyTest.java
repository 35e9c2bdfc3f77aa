package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static pitfalls.step04.RetryPolicy.Outcome.DIED;
import static pitfalls.step04.RetryPolicy.Outcome.NOT_SENT;
import static pitfalls.step04.RetryPolicy.Outcome.STATUS;

import java.time.Duration;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step04.RetryPolicy.Backoff;
import pitfalls.step04.RetryPolicy.Budget;

class RetryPolicyTest {
    private final RetryPolicy policy = RetryPolicy.idempotent();

    @Test
    void the_policy_to_begin_with_is_as_documented() {
        var backoff = new Backoff(Duration.ofMillis(25), Duration.ofMillis(250));

        assertThat(policy)
                .isEqualTo(new RetryPolicy(
                        3, backoff, Duration.ofSeconds(10), 64 * 1024, Set.of(), false, new Budget(20, 3)));
        assertThat(RetryPolicy.none().attempts()).isEqualTo(1);
    }

    @Test
    void what_was_not_sent_has_no_objection_against_it() {
        assertThat(policy.objection(NOT_SENT, "POST", false, true)).isNull();
        assertThat(policy.objection(NOT_SENT, "LOCK", false, true)).isNull();
    }

    @Test
    void a_body_that_is_gone_is_an_objection_against_everything() {
        assertThat(policy.objection(NOT_SENT, "GET", false, false)).isEqualTo("its body is too long to be kept");
        assertThat(policy.objection(DIED, "PUT", false, false)).isEqualTo("its body is too long to be kept");
        assertThat(policy.objection(DIED, "POST", false, false))
                .as("the weightier objection comes first")
                .isEqualTo("POST is not idempotent, and has no Idempotency-Key");
    }

    @Test
    void a_method_is_idempotent_only_in_its_case() {
        assertThat(policy.objection(DIED, "GET", false, true)).isNull();
        assertThat(policy.objection(DIED, "get", false, true)).isEqualTo("get is not idempotent");
        assertThat(policy.objection(STATUS, "POST", true, true)).isEqualTo("POST is not idempotent");
    }

    @Test
    void a_key_needs_consent() {
        assertThat(policy.objection(DIED, "POST", false, true))
                .isEqualTo("POST is not idempotent, and has no Idempotency-Key");
        assertThat(policy.objection(DIED, "POST", true, true))
                .isEqualTo("the policy does not trust an Idempotency-Key");
        assertThat(policy.withIdempotencyKeys(true).objection(DIED, "POST", true, true))
                .isNull();
    }

    @Test
    void the_pause_is_anywhere_between_zero_and_its_limit() {
        var backoff = new Backoff(Duration.ofNanos(1), Duration.ofNanos(3));
        var random = new Random(42);

        assertThat(Stream.generate(() -> backoff.after(9, random).toNanos())
                        .limit(100)
                        .distinct())
                .containsExactlyInAnyOrder(0L, 1L, 2L, 3L);
    }

    @Test
    void the_budget_is_a_share_of_the_requests_in_flight_and_never_less_than_its_minimum() {
        var budget = new Budget(20, 3);

        assertThat(budget.affords(1, 2)).isTrue();
        assertThat(budget.affords(1, 3)).isFalse();
        assertThat(budget.affords(100, 19)).isTrue();
        assertThat(budget.affords(100, 20)).isFalse();
        assertThat(new Budget(0, 0).affords(100, 0)).isFalse();
    }

    @Test
    void a_value_at_the_end_of_its_range_is_accepted() {
        assertThat(policy.withBufferSize(0).bufferSize()).isZero();
        assertThat(policy.withDeadline(Duration.ZERO).deadline()).isZero();
        assertThat(policy.withBudget(0, 0).budget()).isEqualTo(new Budget(0, 0));
        assertThat(policy.withBudget(100, 0).budget()).isEqualTo(new Budget(100, 0));
    }

    @TestFactory
    Stream<DynamicTest> a_bad_value_is_refused_in_one_sentence() {
        return Stream.of(
                refused(() -> policy.withAttempts(0), "'0' is no value for attempts, which is 1 or more"),
                refused(
                        () -> policy.withBackoff(Duration.ofMillis(-1), Duration.ZERO),
                        "'PT-0.001S' is no value for first, which is zero or more"),
                refused(
                        () -> policy.withBackoff(Duration.ofMillis(2), Duration.ofMillis(1)),
                        "'PT0.001S' is no value for longest, which is not shorter than the first"),
                refused(
                        () -> policy.withDeadline(Duration.ofMillis(-1)),
                        "'PT-0.001S' is no value for deadline, which is zero or more"),
                refused(
                        () -> policy.withBufferSize(-1),
                        "'-1' is no value for bufferSize, which is zero or more bytes"),
                refused(
                        () -> policy.withStatuses(500),
                        "'[500]' is no value for statuses, which is some of 502, 503 and 504"),
                refused(() -> policy.withBudget(101, 3), "'101' is no value for percent, which is 0 to 100"),
                refused(() -> policy.withBudget(20, -1), "'-1' is no value for minimum, which is zero or more"));
    }

    private static DynamicTest refused(Runnable call, String complaint) {
        return DynamicTest.dynamicTest(
                complaint,
                () -> assertThatIllegalArgumentException().isThrownBy(call::run).withMessage(complaint));
    }
}
