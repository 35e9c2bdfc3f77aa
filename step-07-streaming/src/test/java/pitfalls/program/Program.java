package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The program in a process of its own, listening on a free port of loopback. */
final class Program implements AutoCloseable {
    private final Process process;
    private final BufferedReader output;
    private final String greeting;
    private final URI url;

    Program(String... options) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-classpath",
                System.getProperty("java.class.path"),
                ReverseProxy.class.getName(),
                "--listen=127.0.0.1:0"));
        command.addAll(List.of(options));
        process = new ProcessBuilder(command).redirectErrorStream(true).start();
        output = process.inputReader();
        greeting = readGreeting(output, String.join(" ", options).contains("--target"));
        url = URI.create(greeting.replaceAll("(?s).*listening on (\\S+),.*", "$1"));
    }

    private static String readGreeting(BufferedReader output, boolean hasTarget) throws IOException {
        var lines = new StringBuilder();
        for (String line = output.readLine(); line != null; line = output.readLine()) {
            lines.append(line).append('\n');
            if (line.contains(hasTarget ? "listening on" : "says hello")) break;
        }
        return lines.toString();
    }

    /** What it prints when it starts. */
    String greeting() {
        return greeting;
    }

    /** What it prints after that, its log among it, to the first line with that text. */
    List<String> linesTo(String text) throws IOException {
        List<String> lines = new ArrayList<>();
        for (String line = output.readLine(); line != null; line = output.readLine()) {
            lines.add(line);
            if (line.contains(text)) break;
        }
        return lines;
    }

    /** Where it listens. */
    URI url() {
        return url;
    }

    /** Waits until it refuses new connections. */
    void awaitRefusing() throws IOException {
        while (accepts(url)) Thread.onSpinWait();
    }

    /** Whether a program accepts a new connection there. */
    static boolean accepts(URI address) throws IOException {
        try (var socket = new Socket(address.getHost(), address.getPort())) {
            return socket.isConnected();
        } catch (SocketException refused) {
            return false; // or reset, where the connection still stood in the queue when the program let go
        }
    }

    /** Sends it a SIGTERM. What it prints after that can still be read. */
    void terminate() {
        process.toHandle().destroy();
    }

    /** Waits for its end. */
    int exitCode() throws InterruptedException {
        assertThat(process.waitFor(10, TimeUnit.SECONDS)).as("ends").isTrue();
        return process.exitValue();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
