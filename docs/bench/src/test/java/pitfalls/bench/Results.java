package pitfalls.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What was measured, by row, proxy and figure: a value for each round. They are kept in a file, so that one row can be measured anew. */
final class Results {
    private final Map<Key, Sample> samples = new TreeMap<>(
            Comparator.comparing(Key::row).thenComparing(Key::peer).thenComparing(Key::figure));
    private final Map<Row, String> measured = new TreeMap<>();
    private final Map<Peer, String> versions = new TreeMap<>();

    private record Key(Row row, Peer peer, Figure figure) {}

    /**
     * The values of all rounds.
     *
     * @param values at least one
     */
    record Sample(List<Double> values) {
        double median() {
            List<Double> sorted = values.stream().sorted().toList();
            int middle = sorted.size() / 2;
            return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
        }

        double least() {
            return values.stream().min(Double::compare).orElseThrow();
        }

        double most() {
            return values.stream().max(Double::compare).orElseThrow();
        }

        /**
         * Whether the two can be told apart: by the rank test of Mann, Whitney and Wilcoxon, at 5 %. Each round of one is compared with
         * each of the other. With five rounds, chance has at most 2 of the 25 pairs on the wrong side about once in 30 times; with
         * fewer, all have to be on one side.
         */
        boolean differsFrom(Sample other) {
            long above = values.stream()
                    .mapToLong(value -> other.values.stream()
                            .filter(theirs -> value > theirs)
                            .count())
                    .sum();
            long pairs = (long) values.size() * other.values.size();
            long exceptions = pairs < 25 ? 0 : pairs * 2 / 25;
            return above <= exceptions || above >= pairs - exceptions;
        }
    }

    /** Adds the value of one more round. */
    void add(Row row, Peer peer, Figure figure, double value) {
        samples.computeIfAbsent(new Key(row, peer, figure), key -> new Sample(new ArrayList<>()))
                .values()
                .add(value);
    }

    /** Forgets what was measured there. */
    void remove(Row row, Peer peer) {
        samples.keySet().removeIf(key -> key.row() == row && key.peer() == peer);
    }

    /** Says where and when a row was measured. */
    void measured(Row row, String where) {
        measured.put(row, where);
    }

    void version(Peer peer, String version) {
        versions.put(peer, version);
    }

    /** Takes all of those, in the place of what is here of the same row and proxy. */
    void putAll(Results others) {
        var renewed = others.samples.keySet().stream()
                .map(key -> key.row() + " " + key.peer())
                .collect(Collectors.toSet());
        samples.keySet().removeIf(key -> renewed.contains(key.row() + " " + key.peer()));
        samples.putAll(others.samples);
        measured.putAll(others.measured);
        versions.putAll(others.versions);
    }

    /** {@return the values, or {@code null} if there are none} */
    Sample get(Row row, Peer peer, Figure figure) {
        return samples.get(new Key(row, peer, figure));
    }

    boolean has(Row row, Figure figure) {
        return Stream.of(Peer.values()).anyMatch(peer -> get(row, peer, figure) != null);
    }

    String title(Peer peer) {
        return (peer.title() + " " + versions.getOrDefault(peer, "")).strip();
    }

    List<Peer> peers() {
        return Stream.of(Peer.values())
                .filter(peer -> samples.keySet().stream().anyMatch(key -> key.peer() == peer))
                .toList();
    }

    /** Which rows were measured at each place and time. */
    Map<String, List<Row>> measured() {
        return measured.entrySet().stream()
                .collect(Collectors.groupingBy(
                        Map.Entry::getValue, TreeMap::new, Collectors.mapping(Map.Entry::getKey, Collectors.toList())));
    }

    static Results read(Path file) throws IOException {
        var results = new Results();
        if (!Files.exists(file)) return results;
        for (String line : Files.readAllLines(file)) {
            String[] fields = line.split("\t");
            switch (fields[0]) {
                case "measured" -> results.measured(Row.valueOf(fields[1]), fields[2]);
                case "version" -> results.version(Peer.valueOf(fields[1]), fields[2]);
                default -> {
                    var key = new Key(Row.valueOf(fields[0]), Peer.valueOf(fields[1]), Figure.valueOf(fields[2]));
                    results.samples.put(
                            key,
                            new Sample(Arrays.stream(fields[3].split(" "))
                                    .map(Double::valueOf)
                                    .toList()));
                }
            }
        }
        return results;
    }

    void write(Path file) throws IOException {
        List<String> lines = new ArrayList<>();
        measured.forEach((row, where) -> lines.add("measured\t" + row + "\t" + where));
        versions.forEach((peer, version) -> {
            if (!version.isEmpty()) lines.add("version\t" + peer + "\t" + version);
        });
        samples.forEach((key, sample) -> lines.add(key.row() + "\t" + key.peer() + "\t" + key.figure() + "\t"
                + sample.values().stream()
                        .map(value -> String.format(Locale.ROOT, "%.2f", value))
                        .collect(Collectors.joining(" "))));
        Files.write(file, lines);
    }
}
