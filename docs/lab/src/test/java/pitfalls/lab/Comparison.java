package pitfalls.lab;

import com.github.difflib.DiffUtils;
import com.github.difflib.patch.AbstractDelta;
import com.github.difflib.patch.DeltaType;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Two recordings laid side by side, as one lays two texts: marks that are equal share a row.
 *
 * <p>They are compared in each lane by itself, since what two threads do at the same moment is recorded in one order today and in
 * the other tomorrow. Two marks are equal if their kinds and their bytes are; times are not compared, nor what is another one in each
 * run: dates, ports, the names by which proxies call themselves.
 *
 * @param left on the proxy of the step before
 * @param right on the proxy of the step
 * @param rows from the first mark to the last one
 */
record Comparison(Recording left, Recording right, List<Row> rows) {
    private static final Pattern DATE = Pattern.compile("(?im)^(Date: )[^\\r\\n]*");
    private static final Pattern PORT = Pattern.compile("(127\\.0\\.0\\.1|localhost|\\[::1\\]):\\d{2,5}");
    private static final Pattern VIA = Pattern.compile("(?im)^((?:Via|CDN-Loop): (?:\\S+ )?)[^\\r\\n,]+");
    private static final int NONE = -1;

    /**
     * A row of the picture.
     *
     * @param left which mark of the left recording, or -1
     * @param right which mark of the right recording, or -1
     * @param differs whether there is no mark that equals it on the other side
     */
    record Row(int left, int right, boolean differs) {}

    static Comparison of(Recording left, Recording right) {
        int[] pairOfLeft = new int[left.marks().size()];
        int[] pairOfRight = new int[right.marks().size()];
        pair(left.marks(), right.marks(), pairOfLeft, pairOfRight);
        return new Comparison(left, right, rows(left.marks(), right.marks(), pairOfLeft, pairOfRight));
    }

    /** Which row is the first that differs; -1 if none does. */
    int first() {
        for (int i = 0; i < rows.size(); i++) if (rows.get(i).differs()) return i;
        return NONE;
    }

    /** The bytes of a mark without what is another one in each run. */
    static String normalized(String bytes) {
        String text = DATE.matcher(bytes).replaceAll("$1*");
        text = PORT.matcher(text).replaceAll("$1:*");
        return VIA.matcher(text).replaceAll("$1*");
    }

    private static String key(Mark mark) {
        return mark.kind() + normalized(mark.bytes());
    }

    /** Numbers the marks that are equal from 1; those that have no other have different numbers below 0. */
    private static void pair(List<Mark> left, List<Mark> right, int[] pairOfLeft, int[] pairOfRight) {
        int alone = 0;
        for (int i = 0; i < pairOfLeft.length; i++) pairOfLeft[i] = --alone;
        for (int i = 0; i < pairOfRight.length; i++) pairOfRight[i] = --alone;
        int pairs = 0;
        Map<Lane, List<Integer>> ofLeft = lanes(left);
        Map<Lane, List<Integer>> ofRight = lanes(right);
        for (Lane lane : Lane.values()) {
            var patch = DiffUtils.diff(keys(left, ofLeft.get(lane)), keys(right, ofRight.get(lane)), true);
            for (AbstractDelta<String> delta : patch.getDeltas()) {
                if (delta.getType() != DeltaType.EQUAL) continue;
                for (int i = 0; i < delta.getSource().size(); i++) {
                    pairs++;
                    pairOfLeft[ofLeft.get(lane).get(delta.getSource().getPosition() + i)] = pairs;
                    pairOfRight[ofRight.get(lane).get(delta.getTarget().getPosition() + i)] = pairs;
                }
            }
        }
    }

    private static Map<Lane, List<Integer>> lanes(List<Mark> marks) {
        Map<Lane, List<Integer>> lanes = new EnumMap<>(Lane.class);
        for (Lane lane : Lane.values()) lanes.put(lane, new ArrayList<>());
        for (int i = 0; i < marks.size(); i++) lanes.get(marks.get(i).lane()).add(i);
        return lanes;
    }

    private static List<String> keys(List<Mark> marks, List<Integer> indexes) {
        return indexes.stream().map(i -> key(marks.get(i))).toList();
    }

    private static List<Row> rows(List<Mark> left, List<Mark> right, int[] pairOfLeft, int[] pairOfRight) {
        List<Row> rows = new ArrayList<>();
        var patch = DiffUtils.diff(boxed(pairOfLeft), boxed(pairOfRight), true);
        for (AbstractDelta<Integer> delta : patch.getDeltas()) {
            int from = delta.getSource().getPosition();
            int to = delta.getTarget().getPosition();
            if (delta.getType() == DeltaType.EQUAL)
                for (int i = 0; i < delta.getSource().size(); i++) rows.add(new Row(from + i, to + i, false));
            else
                rows.addAll(changed(
                        left,
                        right,
                        pairOfLeft,
                        pairOfRight,
                        List.copyOf(range(from, delta.getSource().size())),
                        range(to, delta.getTarget().size())));
        }
        return List.copyOf(rows);
    }

    /** Two that differ share a row if they are in one lane, so that they can be compared. */
    private static List<Row> changed(
            List<Mark> left,
            List<Mark> right,
            int[] pairOfLeft,
            int[] pairOfRight,
            List<Integer> ofLeft,
            Deque<Integer> ofRight) {
        List<Row> rows = new ArrayList<>();
        for (int i : ofLeft) {
            Integer other = pairOfLeft[i] > 0
                    ? null
                    : ofRight.stream()
                            .filter(j -> pairOfRight[j] < 0
                                    && left.get(i).lane() == right.get(j).lane())
                            .findFirst()
                            .orElse(null);
            if (other == null) {
                rows.add(new Row(i, NONE, pairOfLeft[i] < 0));
            } else {
                while (!ofRight.peek().equals(other)) rows.add(alone(ofRight.poll(), pairOfRight));
                rows.add(new Row(i, ofRight.poll(), true));
            }
        }
        while (!ofRight.isEmpty()) rows.add(alone(ofRight.poll(), pairOfRight));
        return rows;
    }

    private static Row alone(int right, int[] pairOfRight) {
        return new Row(NONE, right, pairOfRight[right] < 0);
    }

    private static Deque<Integer> range(int from, int size) {
        var range = new ArrayDeque<Integer>();
        for (int i = 0; i < size; i++) range.add(from + i);
        return range;
    }

    private static List<Integer> boxed(int[] numbers) {
        return Arrays.stream(numbers).boxed().toList();
    }
}
