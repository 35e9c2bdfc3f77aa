package pitfalls.lab;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import pitfalls.docs.OnStep;
import pitfalls.support.Headline;
import pitfalls.support.LoopbackTest;

/**
 * A test of a contract, to be looked at on the proxy of the step before and on that of its own step. It has no script of its own:
 * what is played is the test.
 *
 * @param step the number of the step, 1 to 7
 * @param contract where the test is
 * @param test its name
 * @param row which of its rows; empty if it has none
 * @param question what a reader may ask before it is played
 */
record Scene(int step, Class<? extends LoopbackTest> contract, String test, String row, String question) {
    private static final List<String> STEPS = List.of(
            "step-01-minimal",
            "step-02-error-handler",
            "step-03-url-normalize",
            "step-04-retries",
            "step-05-hop-detection",
            "step-06-director",
            "step-07-streaming");

    /** For a link: the name of the test, and of the row. */
    String id() {
        return row.isEmpty() ? test : test + "/" + row.replaceAll("[^A-Za-z0-9]+", "-");
    }

    /** The sentence that the test says. */
    String title() {
        return test.replace('_', ' ') + (row.isEmpty() ? "" : ": " + row.replaceAll("\\s+", " "));
    }

    /** Whether it is what its step is about, rather than its fine print. */
    boolean isHeadline() {
        return method().isAnnotationPresent(Headline.class);
    }

    /** Plays the test on the proxy of that step, 0 for Jetty's own without the first; throws what it throws. */
    void play(int number) throws Throwable {
        playOn(OnStep.tests(contract, number));
    }

    /** Plays it on the proxy of these tests, which implement the contract. */
    void playOn(Object tests) throws Throwable {
        try {
            Object rows = tests.getClass().getMethod(test).invoke(tests);
            if (rows instanceof Stream<?> all) execute(all);
            else if (rows instanceof Collection<?> all) execute(all.stream());
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }

    private void execute(Stream<?> rows) throws Throwable {
        rows.map(DynamicTest.class::cast)
                .filter(this::isRow)
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("'" + row + "' is no row of " + test))
                .getExecutable()
                .execute();
    }

    /** For the page. */
    Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("id", id());
        json.put("step", step);
        json.put(
                "stepTitle",
                "Step " + step + ", "
                        + STEPS.get(step - 1).substring("step-00-".length()).replace('-', ' '));
        json.put("headline", isHeadline());
        json.put("title", title());
        json.put("test", test);
        json.put("row", row);
        json.put("contract", contract.getSimpleName());
        json.put("question", question);
        json.put("place", place());
        json.put("command", command());
        json.put(
                "names",
                List.of(
                        List.of(step == 1 ? "Jetty alone" : "step " + (step - 1), "without the fix"),
                        List.of("step " + step, "with the fix")));
        return json;
    }

    /** The module of its step. */
    String folder() {
        return STEPS.get(step - 1);
    }

    /** Which part of the step's README tells of it. */
    String place() {
        return folder() + "/README.md, under \"" + (isHeadline() ? "The symptom" : "The fine print") + "\"";
    }

    /** Runs its test in a terminal: that of the step, which asserts both sides. */
    String command() {
        return "mvn test -pl " + folder() + " -Dtest="
                + contract.getSimpleName().replace("Contract", "Test");
    }

    private boolean isRow(DynamicTest test) {
        return test.getDisplayName().equals(row);
    }

    private Method method() {
        try {
            return contract.getMethod(test);
        } catch (NoSuchMethodException x) {
            throw new IllegalStateException(x);
        }
    }
}
