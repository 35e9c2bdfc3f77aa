package pitfalls.docs;

import java.util.List;
import pitfalls.support.Exercise;

/** The steps, each with the tests that its proxy, and those of the steps behind it, have to pass. */
enum Step {
    MINIMAL(OnStep.Minimal.class),
    ERRORS(OnStep.Errors.class),
    URLS(OnStep.Urls.class),
    RETRIES(OnStep.Retries.class),
    HOPS(OnStep.Hops.class),
    DIRECTOR(OnStep.Directed.class),
    STREAMING(OnStep.Streaming.class, OnStep.ClientLeaves.class, OnStep.Upgrades.class);

    private final Class<?> exercise;
    private final List<Class<?>> contracts;

    Step(Class<?>... contracts) {
        this.contracts = List.of(contracts);
        this.exercise = contracts[0].getSuperclass();
    }

    /** 1 to 7. */
    int number() {
        return ordinal() + 1;
    }

    /** The module. */
    String folder() {
        return exercise.getAnnotation(Exercise.class).value();
    }

    /** {@code error handler}, say. */
    String title() {
        return folder().replaceFirst("step-\\d+-", "").replace('-', ' ').replace("url", "URL");
    }

    /** As it is shipped. */
    Class<?> exercise() {
        return exercise;
    }

    /** The tests of its contracts, for {@link OnStep#run}; the first one is the exercise. */
    List<Class<?>> contracts() {
        return contracts;
    }
}
