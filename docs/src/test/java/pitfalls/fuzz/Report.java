package pitfalls.fuzz;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What a fuzzer has seen. */
public final class Report {
    private static final int MOST_KEPT = 50;

    private final List<Finding> findings = new ArrayList<>();
    private final Map<Finding.Kind, Integer> counts = new TreeMap<>();
    private final Map<String, Integer> answers = new TreeMap<>();
    private int inputs;

    Report() {}

    synchronized void add(Finding finding) {
        counts.merge(finding.kind(), 1, Integer::sum);
        if (findings.size() < MOST_KEPT) findings.add(finding);
    }

    synchronized void countInput() {
        inputs++;
    }

    synchronized void countAnswer(String answer) {
        answers.merge(answer, 1, Integer::sum);
    }

    /** {@return what was found first, up to 50} */
    public synchronized List<Finding> findings() {
        return List.copyOf(findings);
    }

    /**
     * Counts faults.
     *
     * @param kind a kind of them
     * @return how many of that kind were seen
     */
    public synchronized int count(Finding.Kind kind) {
        return counts.getOrDefault(kind, 0);
    }

    /** {@return how many inputs were tried} */
    public synchronized int inputs() {
        return inputs;
    }

    /** {@return how often each status, or the end of a connection, was the answer} */
    public synchronized Map<String, Integer> answers() {
        return Map.copyOf(answers);
    }

    @Override
    public synchronized String toString() {
        return inputs + " inputs, answers " + answers + ", faults " + counts;
    }
}
