package pitfalls.workshop;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What the workshop program does about a key and about a file that was saved. It prints lines, and knows nothing of a
 * terminal.
 */
final class Session {
    private static final String KEYS = Stream.of(
                    "Enter run",
                    "h hint",
                    "w wire",
                    "d diff",
                    "b bonus",
                    "r reset",
                    "n next",
                    "g4 go to 4",
                    "l list",
                    "q quit")
            .map(key -> key.replace(' ', Screen.JOINED))
            .collect(Collectors.joining(" · "));
    private static final String RULE = "═".repeat(72);

    private final List<ExerciseFile> exercises;
    private final Consumer<String> out;
    private final Supplier<Screen> screen;
    private final ExerciseCompiler compiler = new ExerciseCompiler();
    private final Map<ExerciseFile, String> seen = new HashMap<>();
    private final Map<ExerciseFile, Verdict> verdicts = new HashMap<>();
    private final Map<ExerciseFile, Integer> hints = new HashMap<>();
    private ExerciseFile current;
    private Pending pending = Pending.NOTHING;
    private boolean isOver;

    /** What the next key answers. */
    private enum Pending {
        NOTHING,
        NUMBER,
        DIFF,
        RESET
    }

    /**
     * @param exercises in the order of the steps
     * @param out takes a line at a time, as the screen has them; a form feed stands for a new screen
     * @param screen as it is now
     */
    Session(List<ExerciseFile> exercises, Consumer<String> out, Supplier<Screen> screen) {
        this.exercises = exercises;
        this.out = line -> screen.get().lines(line).forEach(out);
        this.screen = screen;
        for (ExerciseFile exercise : exercises) seen.put(exercise, stamp(exercise));
        current = atHand();
    }

    /** The exercise that was edited last; the first one, if none was. */
    private ExerciseFile atHand() {
        return exercises.stream()
                .filter(exercise -> !Shipped.isUntouched(exercise))
                .max(Comparator.comparing(Session::stamp))
                .orElse(exercises.get(0));
    }

    private static String stamp(ExerciseFile exercise) {
        try {
            long millis = Files.getLastModifiedTime(exercise.path()).toMillis();
            return "%020d %d".formatted(millis, Files.size(exercise.path()));
        } catch (IOException beingWritten) {
            return "";
        }
    }

    ExerciseFile current() {
        return current;
    }

    boolean isOver() {
        return isOver;
    }

    /** Chooses the exercise of that step. */
    void choose(int number) {
        current = exercises.get(number - 1);
    }

    /** Runs what has been edited, so that the list is true, and shows it. */
    void showList() {
        for (ExerciseFile exercise : exercises)
            if (!Shipped.isUntouched(exercise)) verdicts.computeIfAbsent(exercise, this::verdict);
        printList();
    }

    /** Runs the exercise at hand, and shows what became of it. */
    Verdict run(boolean bonus) {
        out.accept("Step " + current.number() + ", " + current.title() + ": running ...");
        Verdict verdict = Verdict.of(current, compiler, bonus);
        verdicts.put(current, verdict);
        printVerdict(verdict);
        return verdict;
    }

    private Verdict verdict(ExerciseFile exercise) {
        return Verdict.of(exercise, compiler, false);
    }

    /** Looks whether a file was saved; then that exercise is the one at hand, and runs. */
    void tick() {
        for (ExerciseFile exercise : exercises) {
            String now = stamp(exercise);
            if (now.isEmpty() || now.equals(seen.put(exercise, now))) continue;
            current = exercise;
            pending = Pending.NOTHING;
            run(false);
        }
    }

    /** Does what that key says. */
    void key(int key) {
        if (pending != Pending.NOTHING) {
            answer(key);
            return;
        }
        if (key >= '1' && key < '1' + exercises.size()) {
            go(key - '0');
            return;
        }
        switch (Character.toLowerCase(key)) {
            case '\r', '\n' -> run(false);
            case 'h' -> hint();
            case 'w' -> wire();
            case 'd' -> ask(Pending.DIFF, "Show how your answer differs from the solution? y/n");
            case 'r' -> ask(Pending.RESET, "Put " + current.simpleName() + " back to how it was shipped? y/n");
            case 'b' -> bonus();
            case 'n' -> go(next().number());
            case 'g' -> ask(Pending.NUMBER, "Go to step: 1-" + exercises.size());
            case 'l' -> showList();
            case 'q', 3, 4 -> isOver = true; // also Ctrl-C and Ctrl-D
            default -> out.accept(KEYS);
        }
    }

    private void ask(Pending question, String text) {
        pending = question;
        out.accept(text);
    }

    private void answer(int key) {
        if (pending == Pending.NUMBER && (key == 'o' || key == ' ')) return; // of "go 4"
        Pending question = pending;
        pending = Pending.NOTHING;
        boolean isYes = key == 'y' || key == 'Y';
        if (question == Pending.NUMBER && key >= '1' && key < '1' + exercises.size()) go(key - '0');
        else if (question == Pending.DIFF && isYes) diff();
        else if (question == Pending.RESET && isYes) reset();
        else out.accept("No? Then nothing was done. " + KEYS);
    }

    private void go(int number) {
        choose(number);
        run(false);
    }

    private ExerciseFile next() {
        int at = exercises.indexOf(current);
        for (int i = 1; i < exercises.size(); i++) {
            ExerciseFile later = exercises.get((at + i) % exercises.size());
            if (!isSolved(later)) return later;
        }
        return current;
    }

    private boolean isSolved(ExerciseFile exercise) {
        return verdicts.containsKey(exercise) && verdicts.get(exercise).isSolved();
    }

    private void hint() {
        List<String> all = Lesson.of(current).hints();
        int index = hints.merge(current, 1, Integer::sum) - 1;
        out.accept("");
        all.get(index % all.size()).lines().forEach(out);
        out.accept("");
        out.accept(index % all.size() == all.size() - 1 ? "That was the last hint." : "Press h for the next one.");
    }

    private void wire() {
        List<String> wire =
                verdicts.containsKey(current) ? verdicts.get(current).wire() : List.of();
        if (wire.isEmpty()) out.accept("There is no failed test whose bytes could be shown.");
        wire.forEach(out);
        if (verdicts.containsKey(current)) verdicts.get(current).firstFailure().ifPresent(this::linkToTheLab);
    }

    private void linkToTheLab(Run.Result failed) {
        out.accept("");
        out.accept(
                "Both sides of your proxy, beside those of one that passes: start the lab, mvn -q test-compile -Plab, and open");
        out.accept("http://127.0.0.1:8090/#mine/" + current.number() + "/"
                + failed.method().getName());
    }

    private void diff() {
        try {
            Comparison.of(current, Lesson.of(current).solution()).forEach(out);
            out.accept("- is your line, + is the solution's. The solution may use classes beside it.");
        } catch (Exception x) {
            out.accept("Your file cannot be compared before it compiles: " + current.name());
        }
    }

    private void reset() {
        var mine = Shipped.reset(current);
        seen.put(current, stamp(current));
        verdicts.remove(current);
        out.accept("It is as it was shipped. What you wrote is in "
                + current.root().relativize(mine) + ".");
    }

    private void bonus() {
        if (isSolved(current)) run(true);
        else out.accept("The fine print is a bonus: solve the exercise first.");
    }

    private void printList() {
        long solved = exercises.stream().filter(this::isSolved).count();
        int width = 5 * exercises.size();
        int filled = (int) (5 * solved);
        out.accept(
                "█".repeat(filled) + "░".repeat(width - filled) + " " + solved + " of " + exercises.size() + " solved");
        out.accept("");
        for (ExerciseFile exercise : exercises) {
            String state = isSolved(exercise) ? "✔ solved" : Shipped.isUntouched(exercise) ? "· untouched" : "✘ begun";
            out.accept("%s %d %-15s %s"
                    .formatted(exercise == current ? "▶" : " ", exercise.number(), exercise.title(), state));
        }
    }

    private void printVerdict(Verdict verdict) {
        out.accept("\f");
        showList();
        out.accept("");
        verdict.overview().forEach(out);
        if (verdict.firstFailure().isPresent()) out.accept("");
        verdict.failure(screen.get()).forEach(out);
        out.accept("");
        (verdict.isSolved() ? solved(verdict) : unsolved(verdict)).forEach(out);
        out.accept("");
        out.accept("%.1f s · %s".formatted(verdict.time().toMillis() / 1000.0, KEYS));
    }

    private List<String> unsolved(Verdict verdict) {
        return List.of(
                "Step " + current.number() + ", " + current.title() + ": " + verdict.score(),
                "Edit " + current.name() + " and save it. h shows a hint.");
    }

    private List<String> solved(Verdict verdict) {
        List<String> lines = new ArrayList<>(List.of(RULE, ""));
        lines.add("   ✔ ✔ ✔   S O L V E D   step " + current.number() + ", " + current.title() + "   ✔ ✔ ✔");
        lines.add("");
        lines.add("Learned: " + Lesson.of(current).learned());
        long rows = verdict.finePrint().size();
        long green = verdict.finePrint().stream().filter(Verdict.Row::isGreen).count();
        lines.add(
                rows == 0
                        ? "Bonus:   b runs the fine print."
                        : "Bonus:   " + green + " of " + rows + " of the fine print");
        ExerciseFile next = next();
        if (next == current) {
            lines.add(
                    "That was the last one. Now run the finished proxy: mvn -q test-compile exec:exec -pl step-07-streaming");
        } else {
            lines.add("Next:    step " + next.number() + ", " + next.title()
                    + ". Read its README, see it break, and press n:");
            lines.add("         " + Lesson.of(next).command());
        }
        lines.addAll(List.of("", RULE));
        return lines;
    }
}
