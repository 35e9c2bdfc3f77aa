package pitfalls.minikv;

import java.util.LinkedHashMap;
import java.util.Map;
import org.eclipse.jetty.util.ajax.JSON;

/**
 * A change that was made.
 *
 * @param index where it stands in the log: indexes grow, and some are used for other things than changes
 * @param command what was changed
 */
record Change(long index, Command command) {

    /** A line of the replicate stream. */
    String toLine() {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("index", index);
        line.put("op", command.operation().label());
        line.put("key", command.key());
        if (command.operation() != Command.Operation.DELETE) line.put("value", command.value());
        return new JSON().toJSON(line) + "\n";
    }

    /** About how many bytes of the heap it takes. */
    int size() {
        return 100
                + command.key().length()
                + command.value().length()
                + command.id().length();
    }
}
