package pitfalls.minikv;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import pitfalls.minikv.Operation.Kind;

/**
 * Tells whether clients could have been told what they were told by one store that does one thing after the other. It must be possible to put
 * all operations of a key in an order in which each takes effect between its begin and its end, and each read sees what the ones before it
 * have made. Keys do not depend on each other, so each is looked at alone.
 *
 * <p>The search is that of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993), with Lowe's memory of what was tried before ("Testing
 * for linearizability", 2017), as in Porcupine and Knossos.
 */
final class Linearizability {
    private Linearizability() {}

    /** The first key whose operations have no such order, with what was asked of it; empty if there is none. */
    static Optional<String> violation(List<Operation> history) {
        var byKey = history.stream().collect(Collectors.groupingBy(Operation::key, TreeMap::new, Collectors.toList()));
        return byKey.entrySet().stream()
                .filter(key -> !new Search(key.getValue()).finds())
                .map(key -> "no order explains what was read of " + key.getKey() + ":\n" + told(key.getValue()))
                .findFirst();
    }

    private static String told(List<Operation> operations) {
        return operations.stream()
                .sorted(Comparator.comparingLong(Operation::begin))
                .map(Operation::toString)
                .collect(Collectors.joining("\n"));
    }

    /** A point of the search: how the store would stand, had these operations taken effect. */
    private record Tried(BitSet done, String value) {}

    /** An operation that is about to take effect, with how to take that back. */
    private record Step(Event begin, String before) {}

    /** The begin or the end of an operation, in a list by time from which operations are taken that have taken effect. */
    private static final class Event {
        private final int number;
        private final Operation operation;
        private final Event end; // null if this is the end itself
        private Event before;
        private Event after;

        private Event(int number, Operation operation, Event end) {
            this.number = number;
            this.operation = operation;
            this.end = end;
        }

        private long time() {
            return end == null ? operation.end() : operation.begin();
        }

        private void remove() {
            before.after = after;
            if (after != null) after.before = before;
        }

        private void putBack() {
            before.after = this;
            if (after != null) after.before = this;
        }
    }

    private static final class Search {
        private final Event head = new Event(-1, null, null);

        private Search(List<Operation> all) {
            List<Operation> operations = withoutUnseen(all);
            List<Event> events = new ArrayList<>();
            for (int i = 0; i < operations.size(); i++) {
                var end = new Event(i, operations.get(i), null);
                events.add(end);
                events.add(new Event(i, operations.get(i), end));
            }
            events.sort(Comparator.comparingLong(Event::time)
                    .thenComparing(
                            event -> event.end == null)); // an end at the same moment comes later: it forbids less
            Event last = head;
            for (Event event : events) {
                last.after = event;
                event.before = last;
                last = event;
            }
        }

        /** A change of which nobody knows the outcome, and that nobody has seen, may as well not have been made. */
        private static List<Operation> withoutUnseen(List<Operation> all) {
            String seen = all.stream()
                    .filter(operation -> operation.kind() == Kind.READ)
                    .map(operation -> String.valueOf(operation.text()))
                    .distinct()
                    .collect(Collectors.joining("\n"));
            return all.stream()
                    .filter(operation ->
                            operation.isKnown() || operation.kind() == Kind.DELETE || seen.contains(operation.text()))
                    .toList();
        }

        private boolean finds() {
            List<Step> steps = new ArrayList<>();
            Set<Tried> tried = new HashSet<>();
            var done = new BitSet();
            String value = null;
            Event event = head.after;
            while (head.after != null) {
                if (event.end != null) {
                    boolean fits = event.operation.kind() != Kind.READ || Objects.equals(value, event.operation.text());
                    String next = after(event.operation, value);
                    boolean isNew = false;
                    if (fits) {
                        done.set(event.number);
                        isNew = tried.add(new Tried((BitSet) done.clone(), next));
                        if (!isNew) done.clear(event.number);
                    }
                    if (isNew) {
                        steps.add(new Step(event, value));
                        value = next;
                        event.remove();
                        event.end.remove();
                        event = head.after;
                    } else {
                        event = event.after;
                    }
                } else if (event.operation.isKnown()) { // it should have taken effect by now
                    if (steps.isEmpty()) return false;
                    Step last = steps.remove(steps.size() - 1);
                    value = last.before;
                    done.clear(last.begin.number);
                    last.begin.end.putBack();
                    last.begin.putBack();
                    event = last.begin.after;
                } else {
                    return true; // only those are left that need not have taken effect at all
                }
            }
            return true;
        }

        private static String after(Operation operation, String value) {
            return switch (operation.kind()) {
                case READ -> value;
                case PUT -> operation.text();
                case APPEND -> (value == null ? "" : value) + operation.text();
                case DELETE -> null;
            };
        }
    }
}
