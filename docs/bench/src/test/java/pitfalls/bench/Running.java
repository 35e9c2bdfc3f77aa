package pitfalls.bench;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A process that listens, and what it costs the machine. Its figures come from {@code /proc}, so they are Linux's. */
final class Running implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final double TICKS_PER_SECOND = 100; // USER_HZ, which the kernel tells every program
    private static final int USER_TIME = 11; // behind the name, in proc_pid_stat(5)
    private static final int SYSTEM_TIME = 12;

    private final Process process;
    private final int port;
    private final Path output;

    /** Starts it, and waits until it listens. */
    Running(List<String> command, int port, Path folder) throws IOException, InterruptedException {
        this.port = port;
        output = folder.resolve("output");
        process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!listens()) {
            boolean ended = process.waitFor(1, TimeUnit.MILLISECONDS);
            if (!ended && System.nanoTime() < deadline) continue;
            close();
            throw new IOException(command + " does not listen, and says: " + Files.readString(output));
        }
    }

    /** A port of loopback that is free now. */
    static int freePort() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private boolean listens() {
        try (var socket = new Socket()) {
            socket.connect(new InetSocketAddress("127.0.0.1", port));
            return true;
        } catch (IOException refused) {
            return false;
        }
    }

    int port() {
        return port;
    }

    /** What it has printed. */
    String output() throws IOException {
        return Files.readString(output);
    }

    long pid() {
        return process.pid();
    }

    /** The seconds of a core that it has used, its children's among them. */
    double cpuSeconds() throws IOException {
        long ticks = 0;
        for (long pid : pids()) {
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
            ticks += Long.parseLong(fields[USER_TIME]) + Long.parseLong(fields[SYSTEM_TIME]);
        }
        return ticks / TICKS_PER_SECOND;
    }

    /** Its resident memory in MB (10<sup>6</sup> bytes), its children's among it. */
    double residentMegabytes() throws IOException {
        double kilobytes = 0;
        for (long pid : pids()) {
            for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
                if (line.startsWith("VmRSS:")) kilobytes += Double.parseDouble(line.replaceAll("[^0-9]", ""));
            }
        }
        return kilobytes * 1024 / 1e6;
    }

    private List<Long> pids() {
        return Stream.concat(Stream.of(process.toHandle()), process.descendants())
                .filter(ProcessHandle::isAlive)
                .map(ProcessHandle::pid)
                .toList();
    }

    @Override
    public void close() {
        List<ProcessHandle> children = process.descendants().toList();
        process.destroyForcibly();
        children.forEach(ProcessHandle::destroyForcibly);
        try {
            process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (InterruptedException x) {
            Thread.currentThread().interrupt();
        }
    }
}
