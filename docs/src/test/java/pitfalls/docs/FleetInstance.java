package pitfalls.docs;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * A proxy in a process of its own, one of several.
 *
 * @param name what it writes into {@code Via}, if it is asked to
 * @param process the process
 * @param url where it listens
 * @param output what it prints
 * @param signal what asks it to end well
 */
record FleetInstance(String name, ServerProcess process, URI url, Path output, String signal) {

    /** Sends that signal. */
    void askToEnd() throws IOException, InterruptedException {
        process.signal(signal);
    }

    /** Waits until it has ended; false if it had to be killed. */
    boolean awaitEnd(Duration limit) throws InterruptedException {
        return process.awaitEnd(limit);
    }

    /** How many lines of what it has printed contain that text. */
    int count(String text) throws IOException {
        return (int) log().lines().filter(line -> line.contains(text)).count();
    }

    /** What it has printed. */
    String log() throws IOException {
        return Files.readString(output);
    }
}
