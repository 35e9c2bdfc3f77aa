package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Exercise;
import pitfalls.workshop.Run;
import pitfalls.workshop.Run.Status;

/** What looks like an answer, and is none, stays red. */
class WrongAnswersProof {

    @TestFactory
    Stream<DynamicTest> a_wrong_answer_is_rejected() {
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
        assertThat(failed).allSatisfy(result -> assertThat(result.failure()).isInstanceOf(AssertionError.class));
    }
}
