package pitfalls.bench;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import okhttp3.tls.HeldCertificate;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Measures how fast the finished proxy is beside others, and writes {@code docs/speed.md}. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        usageHelpWidth = 100,
        description =
                "Measures how fast the proxy is beside others, and writes docs/speed.md. It needs a quiet machine.")
final class Bench implements Callable<Integer> {
    static final Path RESULTS = Path.of("results.tsv");
    static final Path PAGE = Path.of("..", "speed.md");
    private static final double MOST_FAILURES = 0.001;
    private static final String LOOPBACK = "127.0.0.1";

    @Option(
            names = "--rows",
            split = ",",
            description = "What to measure, separated by commas: ${COMPLETION-CANDIDATES}. Default: all.")
    private List<Row> rows = List.of(Row.values());

    @Option(
            names = "--peers",
            split = ",",
            description = "Which proxies: ${COMPLETION-CANDIDATES}. Default: all that are installed.")
    private List<Peer> peers = Peer.installed();

    @Option(
            names = "--rounds",
            defaultValue = "5",
            description = "How often each is measured. Default: ${DEFAULT-VALUE}.")
    private int rounds;

    @Option(names = "--seconds", defaultValue = "5", description = "How long a round takes. Default: ${DEFAULT-VALUE}.")
    private int seconds;

    @Option(
            names = "--warm-up",
            defaultValue = "25",
            description = "For how many seconds each JVM is used before; with less, its compilers still take some of"
                    + " the time. Default: ${DEFAULT-VALUE}.")
    private int warmUp;

    @Option(
            names = "--jvm",
            defaultValue = "-XX:+UseSerialGC -Xms17m -Xmn16m -Xmx256m",
            description = "Options for each JVM. Default: ${DEFAULT-VALUE}, as in the README of step 7.")
    private String jvm;

    @Option(names = "--code", description = "Measure our own code instead, method by method: time and memory.")
    private boolean code;

    @Option(names = "--print", description = "Print the tables, and write nothing.")
    private boolean print;

    private final Results results = new Results();
    private Path folder;
    private boolean isComplete = true;

    Bench() {}

    /**
     * Measures.
     *
     * @param args the options: {@code --help} lists them
     */
    public static void main(String[] args) {
        System.exit(new CommandLine(new Bench()).execute(args));
    }

    @Override
    public Integer call() throws Exception {
        if (code) {
            HotCode.measure(rounds, 1);
            Report.write(PAGE, "code", HotCode.table());
            return CommandLine.ExitCode.OK;
        }
        folder = Files.createDirectories(Path.of("target", "bench").toAbsolutePath());
        for (Peer peer : peers) results.version(peer, peer.version(folder));
        for (Row row : rows) {
            if (row == Row.START) start();
            else if (row != Row.IDLE) measure(row);
            if (row != Row.IDLE) results.measured(row, where());
        }
        if (print) {
            System.out.println(new Report(results).tables());
            return exitCode();
        }
        Results all = Results.read(RESULTS);
        all.putAll(results);
        all.write(RESULTS);
        new Report(Results.read(RESULTS)).write(PAGE); // from the rounded values, as the test does
        return exitCode();
    }

    private int exitCode() {
        return isComplete ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
    }

    /** Tells what is broken, and leaves that proxy out of this row. */
    private void leaveOut(Peer peer, Row row, IOException reason, List<Peer> measured) {
        System.err.println("bench: " + row.title + ", " + peer.title() + ": " + reason.getMessage());
        isComplete = false;
        measured.remove(peer);
        results.remove(row, peer);
    }

    private void measure(Row row) throws Exception {
        Map<Peer, Running> running = new EnumMap<>(Peer.class);
        List<Peer> measured = new ArrayList<>(peers);
        try (Running upstream = upstream(row)) {
            try {
                forEach(measured, row, peer -> running.put(peer, proxy(peer, row, upstream.port())));
                if (row == Row.SMALL) {
                    forEach(measured, row, peer -> {
                        awaitFirst200(running.get(peer).port());
                        results.add(
                                Row.IDLE, peer, Figure.MEMORY, running.get(peer).residentMegabytes());
                    });
                }
                forEach(
                        measured,
                        row,
                        peer -> run(row.load(), row, peer, running.get(peer), peer.isJava() ? warmUp : 1));
                Load load = row.load(row == Row.PACED ? pace(measured, running) : 0);
                forEach(measured, row, peer -> run(load, row, peer, running.get(peer), 1)); // the first turn is slow
                for (int round = 0; round < rounds; round++) {
                    forEach(measured, row, peer -> measure(load, row, peer, running.get(peer)));
                }
            } finally {
                for (Running proxy : running.values()) proxy.close();
            }
        }
    }

    /** Half of what Undertow can do now, or the first one if Undertow is not measured. */
    private double pace(List<Peer> measured, Map<Peer, Running> running) throws Exception {
        Peer model = measured.contains(Peer.UNDERTOW) ? Peer.UNDERTOW : measured.get(0);
        return run(Row.PACED.load(), Row.PACED, model, running.get(model), seconds)
                        .perSecond()
                / 2;
    }

    private interface Action {
        void of(Peer peer) throws Exception;
    }

    private void forEach(List<Peer> measured, Row row, Action action) throws Exception {
        for (Peer peer : List.copyOf(measured)) {
            try {
                action.of(peer);
            } catch (IOException x) {
                leaveOut(peer, row, x, measured);
            }
        }
    }

    private void measure(Load load, Row row, Peer peer, Running proxy) throws Exception {
        double before = proxy.cpuSeconds();
        Load.Outcome outcome = run(load, row, peer, proxy, seconds);
        double cpuMicros = (proxy.cpuSeconds() - before) * 1e6 / outcome.answered();
        if (row != Row.PACED) results.add(row, peer, Figure.PER_SECOND, outcome.perSecond());
        if (row == Row.PACED) results.add(row, peer, Figure.P99, outcome.p99Ms());
        results.add(row, peer, Figure.CPU, cpuMicros);
        results.add(row, peer, Figure.MEMORY, proxy.residentMegabytes());
        System.err.printf(
                "%-8s%-10s%,10.0f/s%8.0f µs%8.2f ms%8.0f MB%n",
                row, peer, outcome.perSecond(), cpuMicros, outcome.p99Ms(), proxy.residentMegabytes());
    }

    private Load.Outcome run(Load load, Row row, Peer peer, Running proxy, int seconds) throws Exception {
        Load.Outcome outcome = load.run(proxy.port(), row.isTls(), Duration.ofSeconds(seconds), folder(peer));
        if (outcome.answered() == 0 || outcome.failed() > outcome.answered() * MOST_FAILURES) {
            throw new IOException("%s: %d of %d requests through %s failed, so there is nothing to measure. It says: %s"
                    .formatted(
                            row.title,
                            outcome.failed(),
                            outcome.failed() + outcome.answered(),
                            peer.title(),
                            proxy.output()));
        }
        return outcome;
    }

    /** The time from the start of the process. All are started once before, so that their files are in memory. */
    private void start() throws Exception {
        try (Running upstream = upstream(Row.START)) {
            List<Peer> measured = new ArrayList<>(peers);
            for (int i = 0; i <= rounds; i++) {
                boolean counts = i > 0;
                forEach(measured, Row.START, peer -> {
                    long begin = System.nanoTime();
                    try (Running proxy = proxy(peer, Row.START, upstream.port())) {
                        awaitFirst200(proxy.port());
                        double took = (System.nanoTime() - begin) / 1e9;
                        if (counts) results.add(Row.START, peer, Figure.SECONDS, took);
                    }
                });
            }
        }
    }

    private static void awaitFirst200(int port) throws IOException {
        var connection = (HttpURLConnection) URI.create("http://" + LOOPBACK + ":" + port + Answers.SMALL_PATH)
                .toURL()
                .openConnection();
        int status = connection.getResponseCode();
        if (status != HttpURLConnection.HTTP_OK) throw new IOException("the first answer is a " + status);
        connection.getInputStream().readAllBytes();
    }

    private Running proxy(Peer peer, Row row, int target) throws Exception {
        int port = Running.freePort();
        Path place = folder(peer);
        Path tls = row.isTls() ? certificate() : null;
        List<String> command = peer.command(new Peer.Place(place, port, target, tls), List.of(jvm.split(" ")));
        return new Running(command, port, place);
    }

    private Running upstream(Row row) throws Exception {
        Path place = Files.createDirectories(folder.resolve("upstream"));
        boolean isNginx = Peer.find("nginx").isPresent() && !row.isUpload();
        if (isNginx) {
            int port = Running.freePort();
            Files.write(place.resolve("small"), Answers.body(Answers.SMALL));
            Files.write(place.resolve("medium"), Answers.body(Answers.MEDIUM));
            Files.write(place.resolve("large"), Answers.body(Answers.LARGE));
            String http = """
                    open_file_cache max=10; sendfile on; tcp_nopush on;
                    server { listen 127.0.0.1:%d backlog=4096; root %s; }
                    """.formatted(port, place);
            return new Running(Peer.nginx(place, http), port, place);
        }
        return Others.Upstream.start(place);
    }

    private Path certificate() throws IOException {
        var held = new HeldCertificate.Builder()
                .addSubjectAlternativeName("127.0.0.1")
                .build();
        return Files.writeString(folder.resolve("certificate.pem"), held.certificatePem() + held.privateKeyPkcs8Pem());
    }

    private Path folder(Peer peer) throws IOException {
        return Files.createDirectories(folder.resolve(peer.name()));
    }

    private static String where() throws IOException {
        String model = Files.readAllLines(Path.of("/proc/cpuinfo")).stream()
                .filter(line -> line.startsWith("model name"))
                .map(line -> line.replaceFirst("^[^:]*:\\s*", ""))
                .findFirst()
                .orElse("an unknown processor");
        return LocalDate.now() + ": " + Runtime.getRuntime().availableProcessors() + " cores of "
                + model.replaceAll("\\((R|TM)\\)", "") + ", " + System.getProperty("os.name") + " "
                + System.getProperty("os.version") + ", Java " + System.getProperty("java.version");
    }
}
