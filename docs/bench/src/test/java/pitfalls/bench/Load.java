package pitfalls.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Clients that send requests, each the next one when it has the answer to the last one.
 *
 * @param path of the request
 * @param upload how many bytes of a body each request has; 0 for a GET
 * @param connections how many there are
 * @param streams how many requests each has on its way at a time: more than 1 is HTTP/2
 * @param rate how many requests a second all of them send; 0 for as many as they can
 */
record Load(String path, int upload, int connections, int streams, double rate) {
    private static final double PERCENTILE = 0.99;
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Pattern WRK = Pattern.compile("TOLD (\\d+) (\\d+) (\\d+) (\\d+)");
    private static final String WRK_SCRIPT = """
            if %d > 0 then
              wrk.method = "POST"
              wrk.body = string.rep("x", %1$d)
            end
            done = function(summary, latency, requests)
              local e = summary.errors
              io.write(string.format("TOLD %%d %%d %%d %%d\\n", summary.requests, summary.duration,
                e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(99)))
            end
            """;

    /**
     * What came of it.
     *
     * @param answered how many requests were answered with a 2xx
     * @param failed how many were not
     * @param seconds how long it took
     * @param p99Ms the time in ms within which 99 of 100 were answered
     */
    record Outcome(long answered, long failed, double seconds, double p99Ms) {
        double perSecond() {
            return answered / seconds;
        }
    }

    /** Puts it on that port for about that time: by wrk or h2load where they are installed, otherwise by a client from Maven Central. */
    Outcome run(int port, boolean tls, Duration time, Path folder) throws IOException, InterruptedException {
        boolean byH2load = streams > 1 || rate > 0;
        if (byH2load && Peer.find("h2load").isPresent()) return h2load(port, tls, time, folder);
        if (!byH2load && Peer.find("wrk").isPresent()) return wrk(port, time, folder);
        return new JavaLoad(this, port, tls).run(time);
    }

    private Outcome wrk(int port, Duration time, Path folder) throws IOException, InterruptedException {
        Path script = Files.writeString(folder.resolve("wrk.lua"), WRK_SCRIPT.formatted(upload));
        String output = output(
                folder,
                time,
                List.of(
                        Peer.find("wrk").orElseThrow(),
                        "-t1",
                        "-c" + connections,
                        "-d" + Math.max(1, time.toSeconds()) + "s",
                        "--timeout=10s",
                        "-s",
                        script.toString(),
                        "http://127.0.0.1:" + port + path));
        Matcher told = WRK.matcher(output);
        if (!told.find()) throw new IOException("wrk says: " + output);
        long failed = Long.parseLong(told.group(3));
        return new Outcome(
                Long.parseLong(told.group(1)) - failed,
                failed,
                Long.parseLong(told.group(2)) / 1e6,
                Long.parseLong(told.group(4)) / 1e3);
    }

    private Outcome h2load(int port, boolean tls, Duration time, Path folder) throws IOException, InterruptedException {
        Path log = folder.resolve("h2load.log");
        Files.deleteIfExists(log);
        List<String> command = new ArrayList<>(List.of(
                Peer.find("h2load").orElseThrow(),
                "-t1",
                "-c" + connections,
                "-m" + streams,
                "-D" + Math.max(1, time.toSeconds()),
                "--log-file=" + log));
        if (streams == 1) command.add("--h1");
        if (rate > 0) command.add("--rps=" + rate / connections);
        command.add((tls ? "https" : "http") + "://127.0.0.1:" + port + path);
        String output = output(folder, time, command);
        List<Double> ms = new ArrayList<>();
        long failed = 0;
        double last = 0;
        double first = Double.MAX_VALUE;
        for (String line : Files.readAllLines(log)) { // when it began in µs, status, how long it took in µs
            String[] fields = line.split("\t");
            if (fields.length < 3) continue; // it was being written when h2load was stopped
            double micros = Double.parseDouble(fields[2]);
            first = Math.min(first, Double.parseDouble(fields[0]));
            last = Math.max(last, Double.parseDouble(fields[0]) + micros);
            if (fields[1].startsWith("2")) ms.add(micros / 1e3);
            else failed++;
        }
        if (ms.isEmpty()) throw new IOException("h2load says: " + output);
        return new Outcome(ms.size(), failed, (last - first) / 1e6, percentile(ms));
    }

    /** That of those, which are sorted for it. */
    static double percentile(List<Double> times) {
        times.sort(null);
        return times.get((int) Math.min(times.size() - 1, Math.floor(times.size() * PERCENTILE)));
    }

    /** What it prints. Now and then h2load goes on for ever at a fixed rate, so it is stopped; its log has what it has done by then. */
    private static String output(Path folder, Duration time, List<String> command)
            throws IOException, InterruptedException {
        Path output = folder.resolve("load");
        var process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        boolean ended = process.waitFor(time.plus(PATIENCE).toMillis(), TimeUnit.MILLISECONDS);
        if (!ended) process.destroyForcibly().waitFor();
        return Files.readString(output);
    }
}
