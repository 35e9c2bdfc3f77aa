package pitfalls.docs;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import pitfalls.docs.SoakRequest.Client;
import pitfalls.docs.SoakRequest.Fault;

/** What became of each request of the soak. */
final class SoakAccounts {
    private static final int SHOWN = 50;

    private final Map<Long, Sent> sent = new ConcurrentHashMap<>();
    private final Map<String, Map<String, AtomicLong>> outcomes = new ConcurrentHashMap<>();

    /** A request that has ended, and how often it came to the upstream. */
    private static final class Sent {
        private final int retries;
        private final SoakRequest request;
        private final String outcome;
        private int seen;
        private int whole;

        private Sent(int retries, SoakRequest request, String outcome) {
            this.retries = retries;
            this.request = request;
            this.outcome = outcome;
        }

        private String complaint() {
            // One more attempt where a kept connection turns out to be closed.
            int most = request.method().equals("POST") ? 1 : 2 + retries;
            if (SoakClient.isWrong(outcome)) return "the client has got what must not be";
            if (seen > most) return "more often at the upstream than it may be";
            if (seen > 0 && request.client() == Client.LEAVES_IN_HEAD) return "half a head is a request";
            if (whole > 0 && outcome.equals(SoakClient.LEFT_IN_UPLOAD)) return "half a body is a whole one";
            if (whole == 0 && SoakClient.isAnswered(outcome)) return "the upstream has never seen it";
            if (request.fault() != Fault.GARBAGE && outcome.contains("http_protocol_error"))
                return "the proxy has read what belongs to another response";
            return null;
        }

        @Override
        public String toString() {
            return request + ", " + retries + " retries, " + seen + " times seen, " + whole + " times whole: "
                    + outcome;
        }
    }

    /** Counts a request that has ended. */
    void add(int retries, SoakRequest request, String outcome) {
        String told = outcome.intern(); // there are few, and a million requests
        sent.put(request.id(), new Sent(retries, request, told));
        for (String column :
                List.of(retries + " retries", request.fault().name().toLowerCase(Locale.ROOT)))
            outcomes.computeIfAbsent(told, any -> new ConcurrentHashMap<>())
                    .computeIfAbsent(column, any -> new AtomicLong())
                    .incrementAndGet();
    }

    /** A line for each outcome: how often, with and without retries, and by what the upstream did. */
    String table() {
        var table = new StringBuilder("sent: " + sent.size() + "\n");
        new TreeMap<>(outcomes).forEach((outcome, columns) -> {
            long all = columns.entrySet().stream()
                    .filter(column -> column.getKey().endsWith(" retries"))
                    .mapToLong(column -> column.getValue().get())
                    .sum();
            table.append(String.format("%8d %s: %s%n", all, outcome, new TreeMap<>(columns)));
        });
        return table.toString();
    }

    /** What must not be, in view of what the upstream has recorded; not more than anybody would read. */
    List<String> complaints(Path records) throws IOException {
        List<String> complaints = new ArrayList<>();
        try (BufferedReader lines = Files.newBufferedReader(records)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] parts = line.split(" ");
                Sent one = sent.get(Long.parseLong(parts[0]));
                if (one == null || !one.request.method().equals(parts[1])) complaints.add("nobody has sent " + line);
                else if (parts[2].equals("seen")) one.seen++;
                else if (parts[2].equals("whole")) one.whole++;
                else complaints.add("another body has come of " + one);
            }
        }
        sent.values().forEach(one -> {
            if (one.complaint() != null) complaints.add(one.complaint() + ": " + one);
        });
        return complaints.subList(0, Math.min(SHOWN, complaints.size()));
    }
}
