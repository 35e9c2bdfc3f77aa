package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Headline;
import pitfalls.workshop.Run;
import pitfalls.workshop.Run.Result;
import pitfalls.workshop.Run.Status;

/** The exercises are red for the reason that their step is about, and green with the step's own proxy. */
class ExercisesProof {

    @TestFactory
    Stream<DynamicTest> each_headline_is_red_as_shipped_and_says_why() {
        return forEachStep(step -> {
            List<Result> headlines =
                    Run.of(step.exercise()).stream().filter(Result::isHeadline).toList();

            assertThat(headlines)
                    .extracting(result -> result.method().getName())
                    .containsAll(headlinesOf(step.exercise()));
            assertThat(headlines).allSatisfy(headline -> {
                assertThat(headline.status()).isEqualTo(Status.FAILED);
                assertThat(headline.failure())
                        .isInstanceOf(AssertionError.class)
                        .hasNoCause();
                assertThat(headline.message())
                        .startsWith(Headlines.say(headline.method().getName()))
                        .endsWith("Hints: " + step.folder() + "/README.md, under \"Your turn\"");
            });
        });
    }

    @TestFactory
    Stream<DynamicTest> of_the_rest_the_guards_pass_and_the_fine_print_waits() {
        return forEachStep(step -> assertThat(Run.of(step.exercise()))
                .filteredOn(result -> !result.isHeadline())
                .isNotEmpty()
                .allSatisfy(result ->
                        assertThat(result.status()).isEqualTo(result.isGuard() ? Status.PASSED : Status.SKIPPED)));
    }

    @TestFactory
    Stream<DynamicTest> the_copy_that_the_workshop_program_restores_is_the_exercise() {
        return forEachStep(step -> {
            String name = step.file().simpleName() + ".txt";
            Path copy = Page.ROOT.resolve("docs/src/test/resources/shipped").resolve(name);
            if (Page.UPDATE) Files.writeString(copy, step.file().text());

            assertThat(Page.textOf(copy)).isEqualTo(step.file().text());
        });
    }

    private static List<String> headlinesOf(Class<?> exercise) {
        return Stream.of(exercise.getMethods())
                .filter(method -> method.isAnnotationPresent(Headline.class))
                .map(Method::getName)
                .toList();
    }

    /** A test for each step. */
    private interface StepTest {
        void run(Step step) throws Exception;
    }

    private static Stream<DynamicTest> forEachStep(StepTest test) {
        return Stream.of(Step.values()).map(step -> DynamicTest.dynamicTest(step.folder(), () -> test.run(step)));
    }
}
