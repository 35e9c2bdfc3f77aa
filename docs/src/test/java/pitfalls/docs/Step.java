package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import pitfalls.support.Exercise;
import pitfalls.workshop.ExerciseCompiler;
import pitfalls.workshop.ExerciseFile;

/** The steps, each with the tests that its proxy, and those of the steps behind it, have to pass. */
enum Step {
    MINIMAL(OnStep.Minimal.class),
    ERRORS(OnStep.Errors.class),
    URLS(OnStep.Urls.class),
    RETRIES(OnStep.Retries.class),
    HOPS(OnStep.Hops.class),
    DIRECTOR(OnStep.Directed.class),
    STREAMING(OnStep.Streaming.class, OnStep.ClientLeaves.class, OnStep.Upgrades.class);

    private static final ExerciseCompiler COMPILER = new ExerciseCompiler();

    private final List<Class<?>> contracts;

    Step(Class<?>... contracts) {
        this.contracts = List.of(contracts);
    }

    /** 1 to 7. */
    int number() {
        return ordinal() + 1;
    }

    /** The module. */
    String folder() {
        return contracts.get(0).getAnnotation(Exercise.class).value();
    }

    /** {@code error handler}, say. */
    String title() {
        return file().title();
    }

    /** What an attendee edits. */
    ExerciseFile file() {
        return ExerciseFile.all(Page.ROOT).get(ordinal());
    }

    /** The exercise as it is shipped, compiled now. */
    Class<?> exercise() {
        var compiled = COMPILER.compile(file());
        assertThat(compiled.complaints())
                .as("what the compiler says of %s", file().name())
                .isEmpty();
        return compiled.exercise();
    }

    /** The tests of its contracts, for {@link OnStep#run}. */
    List<Class<?>> contracts() {
        return contracts;
    }
}
