package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The page for instructors has the minutes of the steps, and all the wrong answers that are proved to be wrong. */
class InstructorTest {
    private static final int LUNCH = 45;
    private static final Pattern MINUTES =
            Pattern.compile("(?m)^> post: .* · (\\d+) minutes · difficulty ([123]) of 3 · ");

    /**
     * A workshop of some length.
     *
     * @param name of the part of the page
     * @param length how long it may take, in minutes
     * @param opening until the first step
     * @param talk before each exercise
     * @param finePrint for the fine print behind each exercise
     * @param steps those that there is time for
     * @param breaks how long the break after a step is
     */
    private record Plan(
            String name,
            int length,
            int opening,
            int talk,
            int finePrint,
            List<Step> steps,
            Map<Step, Integer> breaks) {}

    private static final List<Plan> PLANS = List.of(
            new Plan("90 minutes", 90, 5, 8, 0, List.of(Step.ERRORS, Step.RETRIES, Step.HOPS), Map.of()),
            new Plan("half a day", 240, 10, 8, 0, List.of(Step.values()), Map.of(Step.URLS, 15, Step.HOPS, 10)),
            new Plan(
                    "a day",
                    420,
                    15,
                    10,
                    15,
                    List.of(Step.values()),
                    Map.of(Step.ERRORS, 15, Step.RETRIES, 60, Step.DIRECTOR, 15)));

    @TestFactory
    Stream<DynamicTest> a_schedule_adds_up() {
        return PLANS.stream()
                .map(plan -> DynamicTest.dynamicTest(
                        plan.name(), () -> Generated.assertEqual("docs/instructor.md", plan.name(), table(plan))));
    }

    private static String table(Plan plan) {
        var table = new StringBuilder("| from | what |\n|---|---|\n");
        int now = 0;
        now = row(table, now, plan.opening(), "the house, the words, everybody's machine checked");
        for (Step step : plan.steps()) {
            String title = "step " + step.number() + ", " + step.title();
            now = row(table, now, plan.talk(), title + ": symptom, predict, see it break, why");
            now = row(table, now, minutes(step), title + ": the exercise");
            if (plan.finePrint() > 0)
                now = row(table, now, plan.finePrint(), title + ": the fine print, and questions");
            if (plan.breaks().containsKey(step)) {
                int pause = plan.breaks().get(step);
                now = row(table, now, pause, pause < LUNCH ? "a break" : "lunch");
            }
        }
        assertThat(now).as("minutes of %s", plan.name()).isLessThanOrEqualTo(plan.length());
        row(table, now, 0, "what to take home, and questions, until " + time(plan.length()));
        return table.toString();
    }

    private static int row(StringBuilder table, int now, int minutes, String what) {
        table.append("| ").append(time(now)).append(" | ").append(what).append(" |\n");
        return now + minutes;
    }

    private static String time(int minutes) {
        return "%d:%02d".formatted(minutes / 60, minutes % 60);
    }

    @Test
    void the_minutes_in_the_table_of_the_README_are_those_of_the_steps() {
        String table = Page.read(Page.ROOT.resolve("README.md")).text();

        assertThat(Step.values())
                .allSatisfy(step -> assertThat(table)
                        .containsPattern(
                                "\\(" + step.folder() + "/README\\.md\\).*\\| " + minutes(step) + " min \\|\\n"));
    }

    @Test
    void every_wrong_answer_stands_beside_the_test_that_rejects_it() {
        String page = Page.read(Page.ROOT.resolve("docs/instructor.md")).text();

        assertThat(WrongAnswers.all())
                .hasSizeGreaterThanOrEqualTo(2 * Step.values().length)
                .allSatisfy(answer -> {
                    var wrong = answer.getAnnotation(WrongAnswer.class);
                    String row = Pattern.quote("| " + wrong.value() + " | [test](") + "[^ ]*"
                            + Pattern.quote(" \"" + wrong.failsAt() + "\") |");
                    assertThat(page).containsPattern(row);
                });
    }

    /** How long an exercise takes, by its step's own page. */
    private static int minutes(Step step) {
        var found = MINUTES.matcher(
                Page.read(Page.ROOT.resolve(step.folder()).resolve("README.md")).text());
        assertThat(found.find())
                .as("minutes and difficulty of %s", step.folder())
                .isTrue();
        return Integer.parseInt(found.group(1));
    }
}
