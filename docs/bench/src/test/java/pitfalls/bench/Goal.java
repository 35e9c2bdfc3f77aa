package pitfalls.bench;

import java.util.Locale;
import pitfalls.bench.Results.Sample;

/** How fast the finished proxy is meant to be, by the median of all rounds. */
enum Goal {
    SMALL_RATE(Row.SMALL, Figure.PER_SECOND, Peer.UNDERTOW, 0.9),
    SMALL_CPU(Row.SMALL, Figure.CPU, Peer.UNDERTOW, 1 / 0.9),
    SMALL_NGINX(Row.SMALL, Figure.PER_SECOND, Peer.NGINX, 0.6),
    MANY_RATE(Row.MANY, Figure.PER_SECOND, Peer.UNDERTOW, 0.8),
    CROWD_RATE(Row.CROWD, Figure.PER_SECOND, Peer.UNDERTOW, 0.8),
    ONE_RATE(Row.ONE, Figure.PER_SECOND, Peer.UNDERTOW, 0.9),
    MEDIUM_RATE(Row.MEDIUM, Figure.PER_SECOND, Peer.UNDERTOW, 1.0),
    MEDIUM_NGINX(Row.MEDIUM, Figure.PER_SECOND, Peer.NGINX, 0.8),
    LARGE_RATE(Row.LARGE, Figure.PER_SECOND, Peer.UNDERTOW, 1.0),
    LARGE_NGINX(Row.LARGE, Figure.PER_SECOND, Peer.NGINX, 0.8),
    UPLOAD_RATE(Row.UPLOAD, Figure.PER_SECOND, Peer.UNDERTOW, 1.0),
    UPLOAD_NGINX(Row.UPLOAD, Figure.PER_SECOND, Peer.NGINX, 0.8),
    PACED_P99(Row.PACED, Figure.P99, Peer.UNDERTOW, 1.2),
    FIXES_CPU(Row.SMALL, Figure.CPU, Peer.JETTY, 1.03),
    IDLE_MEMORY(Row.IDLE, Figure.MEMORY, Peer.UNDERTOW, 1.2),
    SMALL_MEMORY(Row.SMALL, Figure.MEMORY, Peer.UNDERTOW, 1.2),
    CROWD_MEMORY(Row.CROWD, Figure.MEMORY, Peer.UNDERTOW, 1.2),
    HTTP2_RATE(Row.HTTP2, Figure.PER_SECOND, Peer.UNDERTOW, 1.0),
    /** In seconds, and beside nobody. */
    START(Row.START, Figure.SECONDS, null, 0.8);

    private final Row row;
    private final Figure figure;
    private final Peer beside;
    private final double bound;

    Goal(Row row, Figure figure, Peer beside, double bound) {
        this.row = row;
        this.figure = figure;
        this.beside = beside;
        this.bound = bound;
    }

    /** A line of a table, or nothing where it was not measured. */
    String line(Results results) {
        Sample ours = results.get(row, Peer.OURS, figure);
        Sample other = beside == null ? null : results.get(row, beside, figure);
        if (ours == null || beside != null && other == null) return "";
        boolean isFloor = figure == Figure.PER_SECOND;
        double reached = beside == null ? ours.median() : ours.median() / other.median();
        boolean holds = isFloor ? reached >= bound : reached <= bound;
        String unit = beside == null ? " s" : " × " + beside.title();
        return String.format(
                Locale.ROOT,
                "| %s: %s | %s %.2f%s | %.2f | %s |%n",
                row.title,
                figure.title,
                isFloor ? "≥" : "≤",
                bound,
                unit,
                reached,
                holds ? "yes" : "no");
    }
}
