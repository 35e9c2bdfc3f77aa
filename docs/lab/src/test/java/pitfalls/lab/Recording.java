package pitfalls.lab;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What passed on both sides of a proxy while a test was played.
 *
 * @param step the number of the step whose proxy it was
 * @param marks in the order of time
 * @param end milliseconds from the first mark to the end of the test
 * @param leftOut how many marks there were beyond those that are kept
 * @param failure what the test said; empty if it passed
 */
record Recording(int step, List<Mark> marks, double end, int leftOut, String failure) {

    boolean passed() {
        return failure.isEmpty();
    }

    /** For the page. */
    Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("step", step);
        json.put("marks", marks.stream().map(Mark::json).toList());
        json.put("end", Math.round(end));
        json.put("leftOut", leftOut);
        json.put("failure", failure);
        return json;
    }
}
