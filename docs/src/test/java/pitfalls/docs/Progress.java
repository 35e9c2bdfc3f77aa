package pitfalls.docs;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import pitfalls.docs.Run.Result;
import pitfalls.docs.Run.Status;

/** Tells how many of the exercises are solved, and which test comes next. */
final class Progress {
    private Progress() {}

    /**
     * Runs all the exercises and prints a line for each.
     *
     * @param args none
     */
    public static void main(String[] args) {
        List<String> next = new ArrayList<>();
        int solved = 0;
        for (Step step : Step.values()) {
            List<Result> results = Run.of(step.exercise());
            var lessons = Run.byMethod(results, result -> result.isHeadline() || result.isGuard());
            var finePrint = Run.byMethod(results, result -> !result.isHeadline() && !result.isGuard());
            var red = results.stream()
                    .filter(result -> result.status() == Status.FAILED)
                    .findFirst();
            boolean isSolved = green(lessons) == lessons.size();
            if (isSolved) solved++;
            else if (next.isEmpty())
                next.addAll(List.of(
                        "Next: " + red.orElseThrow().sentence(),
                        "mvn test -pl " + step.folder() + " -Dtest="
                                + step.exercise().getSimpleName()));
            System.out.printf(
                    "%d %-14s %s%n",
                    step.number(),
                    step.title(),
                    isSolved
                            ? "solved, and " + green(finePrint) + " of " + finePrint.size() + " of the fine print"
                            : green(lessons) + " of " + lessons.size() + " green");
        }
        System.out.printf("%nSolved: %d of %d%n", solved, Step.values().length);
        next.forEach(System.out::println);
        System.exit(0); // Jetty's threads need not be waited for
    }

    private static long green(Map<String, List<Result>> tests) {
        return tests.values().stream()
                .filter(rows -> rows.stream().allMatch(row -> row.status() == Status.PASSED))
                .count();
    }
}
