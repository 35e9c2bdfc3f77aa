package pitfalls.lab;

import java.util.List;
import java.util.Map;
import org.eclipse.jetty.util.ajax.JSON;

/** What the page and the lab tell each other. */
final class Json {
    /** Names no class, and so makes no object of one. */
    private static final JSON JSON = new JSON() {
        @Override
        protected Object convertTo(Class<?> named, Map<String, Object> map) {
            return map;
        }
    };

    private Json() {}

    static String of(Object json) {
        return JSON.toJSON(json);
    }

    static Object parse(String text) {
        return JSON.fromJSON(text);
    }

    static Map<String, Object> of(Comparison comparison) {
        return Map.of(
                "left", comparison.left().json(),
                "right", comparison.right().json(),
                "rows",
                        comparison.rows().stream()
                                .map(row -> List.of(row.left(), row.right(), row.differs()))
                                .toList(),
                "first", comparison.first(),
                "command", Terminal.command(comparison.right()));
    }
}
