package pitfalls.workshop;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the program shows of a step's README, so that it is written once. */
record Lesson(ExerciseFile exercise, String page) {
    private static final Pattern HINT =
            Pattern.compile("(?s)<details><summary>(Hint \\d: .*?)</summary>\n(.*?)\n</details>");
    private static final Pattern LEARNED = Pattern.compile("(?s)\\*\\*Learned\\.\\*\\* (.*?)\n\n");
    private static final Pattern SOLUTION = Pattern.compile("The solution is \\[[^]]*]\\(([^)]*)\\)");
    private static final Pattern LESSON_COMMAND = Pattern.compile("(?m)^mvn test -pl \\S+( -Dtest=\\w+Test)?$");

    static Lesson of(ExerciseFile exercise) {
        try {
            return new Lesson(exercise, Files.readString(exercise.readme()).replace("\r\n", "\n"));
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }

    /** The hints, each with its title in the first line, and a paragraph in one line. */
    List<String> hints() {
        return HINT.matcher(page)
                .results()
                .map(hint -> hint.group(1) + "\n\n" + inLines(hint.group(2).strip()))
                .toList();
    }

    /** The lines of a paragraph belong together, those of a block of code do not. */
    private static String inLines(String text) {
        String[] parts = text.split("(?m)^```\\w*\n?"); // every second one is code
        for (int i = 0; i < parts.length; i += 2) parts[i] = parts[i].replaceAll("(?<=\\S)\n(?=[^\\s-])", " ");
        return String.join("", parts).stripTrailing();
    }

    /** What an attendee knows now, in one sentence. */
    String learned() {
        return first(LEARNED, 1).replaceAll("\\s+", " ");
    }

    /** The class that solves the exercise in the step's own way. */
    Path solution() {
        return exercise.readme().resolveSibling(first(SOLUTION, 1));
    }

    /** The command under "See it break". */
    String command() {
        return first(LESSON_COMMAND, 0);
    }

    private String first(Pattern pattern, int group) {
        Matcher matcher = pattern.matcher(page);
        if (!matcher.find()) throw new IllegalStateException(exercise.readme() + " has nothing like " + pattern);
        return matcher.group(group);
    }
}
