package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Exercise;
import pitfalls.support.ExerciseFailure;
import pitfalls.support.Why;
import pitfalls.workshop.Run;
import pitfalls.workshop.Run.Status;

/** What looks like an answer, and is none, stays red, and the failure says why. */
class WrongAnswersProof {

    @TestFactory
    Stream<DynamicTest> a_wrong_answer_is_rejected_and_told_why() {
        return WrongAnswers.all().stream()
                .map(answer -> DynamicTest.dynamicTest(
                        answer.getAnnotation(Exercise.class).value() + ": "
                                + answer.getAnnotation(WrongAnswer.class).value(),
                        () -> assertRejected(answer)));
    }

    private static void assertRejected(Class<?> answer) {
        String failsAt = answer.getAnnotation(WrongAnswer.class).failsAt();

        var failed = Run.of(answer, failsAt).stream()
                .filter(result -> result.status() == Status.FAILED)
                .toList();

        assertThat(failed).extracting(result -> result.method().getName()).contains(failsAt);
        assertThat(failed)
                .filteredOn(result ->
                        result.method().getName().equals(failsAt) && result.failure() instanceof ExerciseFailure)
                .isNotEmpty()
                .allSatisfy(result -> assertThat(result.failure().getMessage())
                        .contains("Why: "
                                + result.method().getAnnotation(Why.class).value()));
        assertThat(failed).allSatisfy(result -> assertThat(result.failure()).isInstanceOf(AssertionError.class));
    }
}
