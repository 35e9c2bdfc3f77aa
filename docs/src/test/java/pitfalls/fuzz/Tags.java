package pitfalls.fuzz;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Numbers that differ in many bits for inputs that are neighbours: a changed bit does not make the tag of one that of another. */
final class Tags {
    private static final Pattern TAG = Pattern.compile("[0-9a-f]{16}");

    private Tags() {}

    /** A seed of its own for each input of a seed. */
    static long mix(long seed, long number) {
        long bits = seed * 0x9E3779B97F4A7C15L + number;
        bits = (bits ^ (bits >>> 30)) * 0xBF58476D1CE4E5B9L;
        bits = (bits ^ (bits >>> 27)) * 0x94D049BB133111EBL;
        return bits ^ (bits >>> 31);
    }

    /** Sixteen digits. */
    static String of(long seed, long number) {
        return String.format("%016x", mix(seed, number));
    }

    /** Whether that text contains one. */
    static boolean isIn(String text) {
        return TAG.matcher(text).find();
    }

    /** The last one in that text; empty if there is none. */
    static String lastIn(CharSequence text) {
        String last = "";
        for (Matcher tag = TAG.matcher(text); tag.find(); ) last = tag.group();
        return last;
    }
}
