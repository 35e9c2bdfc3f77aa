package pitfalls.workshop;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * How much a reader sees at once.
 *
 * @param rows of text
 * @param columns of text; words that would reach beyond them go to the next line
 */
public record Screen(int rows, int columns) {
    /** Where nobody can be asked: what Maven's output is written for. */
    static final Screen USUAL = new Screen(50, 100);

    /** Holds two words together. It is printed as a space. */
    static final char JOINED = '\u00a0';

    /** This text as the lines of the screen, broken between words; what goes on stands below the words, not below a sign. */
    List<String> lines(String text) {
        return Stream.of(text.split("\n", -1)).flatMap(this::broken).toList();
    }

    private Stream<String> broken(String line) {
        String words = line.stripLeading();
        String sign = words.matches("[-✔✘▶] .*") ? "  " : "";
        String indent = " ".repeat(line.length() - words.length()) + sign;
        List<String> lines = new ArrayList<>();
        String rest = line;
        while (rest.length() > columns) {
            int space = rest.lastIndexOf(' ', columns);
            if (space <= indent.length()) break; // one word, which the terminal has to break
            lines.add(rest.substring(0, space).stripTrailing());
            rest = indent + rest.substring(space + 1).stripLeading();
        }
        lines.add(rest);
        return lines.stream().map(one -> one.replace(JOINED, ' '));
    }

    /** How many rows these lines take. */
    int rowsOf(List<String> lines) {
        return lines.stream()
                .flatMap(line -> lines(line).stream())
                .mapToInt(line -> Math.max(1, (line.length() + columns - 1) / columns))
                .sum();
    }
}
