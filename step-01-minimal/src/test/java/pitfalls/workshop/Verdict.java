package pitfalls.workshop;

import static java.util.stream.Collectors.groupingBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import pitfalls.support.ExerciseFailure;
import pitfalls.workshop.Run.Result;
import pitfalls.workshop.Run.Status;

/**
 * What became of an exercise.
 *
 * @param exercise which one
 * @param complaints the compiler's; empty if it compiles
 * @param results of its tests; empty if it does not compile
 * @param time that it took to compile and run it
 */
public record Verdict(ExerciseFile exercise, List<String> complaints, List<Result> results, Duration time) {
    private static final int AROUND = 19; // rows of the screen for the list of the exercises, the score and the keys
    private static final int SHORTEST_WIRE = 4;
    private static final int MOST_WARNINGS = 2;
    private static final int LONGEST_OF_OTHERS = 200;

    /** Compiles an exercise and runs its headlines and guards, and the fine print as well if that is wanted. */
    public static Verdict of(ExerciseFile exercise, ExerciseCompiler compiler, boolean bonus) {
        long begin = System.nanoTime();
        var compiled = compiler.compile(exercise);
        List<Result> results = compiled.exercise() == null
                ? List.of()
                : bonus ? Run.of(compiled.exercise()) : Run.ofLesson(compiled.exercise());
        return new Verdict(exercise, compiled.complaints(), results, Duration.ofNanos(System.nanoTime() - begin));
    }

    /** A test method, with its rows. */
    record Row(List<Result> results) {
        boolean isGreen() {
            return results.stream().allMatch(result -> result.status() == Status.PASSED);
        }

        boolean isLesson() {
            return results.get(0).isHeadline() || results.get(0).isGuard();
        }

        String sentence() {
            String sentence = results.get(0).method().getName().replace('_', ' ');
            long green = results.stream()
                    .filter(result -> result.status() == Status.PASSED)
                    .count();
            if (results.size() == 1) return sentence;
            return sentence + " (" + (green == results.size() ? "" : green + " of ") + results.size() + ")";
        }

        @Override
        public String toString() {
            boolean isSkipped = results.stream().allMatch(result -> result.status() == Status.SKIPPED);
            return (isGreen() ? "✔ " : isSkipped ? "- " : "✘ ") + sentence();
        }
    }

    private List<Row> rows(boolean lesson) {
        Map<String, List<Result>> byMethod = results.stream()
                .collect(groupingBy(result -> result.method().getName(), LinkedHashMap::new, Collectors.toList()));
        return byMethod.values().stream()
                .map(Row::new)
                .filter(row -> row.isLesson() == lesson)
                .toList();
    }

    /** The headlines and the guards. */
    List<Row> lesson() {
        return rows(true);
    }

    /** The rest, if it was run. */
    List<Row> finePrint() {
        return rows(false);
    }

    /** Whether all headlines and guards are green. */
    public boolean isSolved() {
        return !results.isEmpty() && lesson().stream().allMatch(Row::isGreen);
    }

    /** The first test that failed; of the fine print once the exercise is solved. */
    Optional<Result> firstFailure() {
        return results.stream()
                .filter(result -> result.status() == Status.FAILED)
                .findFirst();
    }

    /** {@code 4 of 6 tests green}. */
    String score() {
        if (!complaints.isEmpty()) return "it does not compile";
        return lesson().stream().filter(Row::isGreen).count() + " of " + lesson().size() + " tests green";
    }

    /** The tests with a sign for each, or what the compiler says. */
    public List<String> overview() {
        if (!complaints.isEmpty()) return complaints;
        List<String> lines = new ArrayList<>();
        for (Row row : lesson()) lines.add(row.toString());
        for (Row row : finePrint()) lines.add(row.toString());
        return lines;
    }

    /**
     * What the first failure says: what should have been, what was, what was on the wire, and what was thrown where.
     *
     * @param screen on which all of it should be seen at once
     */
    public List<String> failure(Screen screen) {
        int room = screen.rows() - AROUND - screen.rowsOf(overview());
        return firstFailure().map(failed -> explained(failed, screen, room)).orElse(List.of());
    }

    /** The bytes take the rows of the screen that the rest leaves. */
    private static List<String> explained(Result failed, Screen screen, int room) {
        List<String> lines = new ArrayList<>();
        lines.add("✘ " + failed.sentence());
        String wire = "";
        if (failed.failure() instanceof ExerciseFailure failure) {
            once(failure.reason()).lines().map(Verdict::shortened).forEach(lines::add);
            wire = failure.wire();
        } else {
            lines.addAll(String.valueOf(failed.failure()).lines().toList());
        }
        Set<String> places = new LinkedHashSet<>(failed.log().thrownIn());
        for (Throwable at = failed.failure(); at != null; at = at.getCause())
            TestLog.placeOf(at).ifPresent(places::add);
        if (!places.isEmpty()) lines.add("");
        for (String place : places) lines.add("Your code threw " + place);
        List<String> end = new ArrayList<>();
        List<String> warnings = failed.log().warnings();
        if (!warnings.isEmpty()) end.addAll(List.of("", "The proxy logged:"));
        for (String line : warnings.subList(0, Math.min(warnings.size(), MOST_WARNINGS)))
            end.add("    " + shortened(line));
        if (!wire.isEmpty()) {
            lines.add("");
            int left = room - screen.rowsOf(lines) - screen.rowsOf(end);
            addBytes(wire, screen, Math.max(SHORTEST_WIRE, left), lines);
        }
        lines.addAll(end);
        return lines;
    }

    private static void addBytes(String wire, Screen screen, int room, List<String> lines) {
        List<String> all = wire.lines().map(Verdict::shortened).toList();
        int shown = all.size();
        while (screen.rowsOf(all.subList(0, shown)) > (shown == all.size() ? room : room - 1)) shown--;
        lines.addAll(all.subList(0, shown));
        if (shown < all.size()) lines.add("    (" + (all.size() - shown) + " more: press w)");
    }

    /** What was and what should have been, without the lists of what is missing and of what is too much. */
    static String once(String reason) {
        return reason.replaceAll(
                "(?s)\\nbut (some elements were not found|could not find the following elements|some elements were not expected|there were).*?(?=\\n\\nWhy: |$)",
                "");
    }

    /** The beginning of a line that would fill the screen: a long field, or what Jetty says of all its parts. */
    private static String shortened(String line) {
        boolean isSentence = line.matches("[A-Z][a-z]+: .*");
        return isSentence || line.length() <= LONGEST_OF_OTHERS ? line : line.substring(0, LONGEST_OF_OTHERS) + "…";
    }

    /** The wire of the first failure, in full. */
    List<String> wire() {
        return firstFailure()
                .map(Result::failure)
                .filter(ExerciseFailure.class::isInstance)
                .map(failure -> ((ExerciseFailure) failure).wire().lines().toList())
                .orElse(List.of());
    }

    /** How many of how many, the test that is next, and where the hints are: at most fifteen lines. */
    public List<String> summary() {
        List<String> lines = new ArrayList<>();
        String step = "Step " + exercise.number() + ", " + exercise.title() + ": ";
        if (isSolved()) {
            lines.add(step + "SOLVED");
            if (finePrint().isEmpty()) lines.add("The fine print is a bonus: add -Dbonus.");
            else
                lines.add("The fine print, a bonus: "
                        + finePrint().stream().filter(Row::isGreen).count() + " of "
                        + finePrint().size() + " green.");
            return lines;
        }
        lines.add(step + score());
        firstFailure().ifPresent(next -> lines.add("Next:  " + next.sentence()));
        lines.add("Edit:  " + exercise.name());
        lines.add("Hints: " + exercise.folder() + "/README.md, under \"Your turn\"");
        return lines;
    }
}
