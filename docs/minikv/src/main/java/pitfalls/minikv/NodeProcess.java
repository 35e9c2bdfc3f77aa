package pitfalls.minikv;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** A node in a process of its own, which can be killed and started again, and ends with the process that has started it. */
final class NodeProcess {
    /** A small heap, the quick compiler and the smallest collector: the values take 16 MiB at most. */
    static final List<String> JVM = List.of(
            "-XX:+ExitOnOutOfMemoryError", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx96m", "-Xss512k");

    private final List<String> command = new ArrayList<>();
    private final Consumer<String> listener;
    private Process process;
    private boolean killedHere;

    /**
     * Not started yet.
     *
     * @param id which of the members it is
     * @param members as {@link Member#parseAll} reads them
     * @param folder for its log, in a folder of that name
     * @param listener is told each line that it prints
     * @param options of {@link MiniKv}, besides these
     */
    NodeProcess(String id, String members, Path folder, Consumer<String> listener, String... options) {
        this.listener = listener;
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(JVM);
        command.addAll(List.of("-classpath", System.getProperty("java.class.path"), MiniKv.class.getName()));
        command.addAll(List.of(
                "--id", id, "--members", members, "--data", folder.resolve(id).toString()));
        command.add("--until-end-of-input");
        command.addAll(List.of(options));
    }

    /** Starts it, with what it had. */
    synchronized void start() throws IOException {
        process = new ProcessBuilder(command).redirectErrorStream(true).start();
        killedHere = false;
        var reader = new Thread(this::listen, "output of node");
        reader.setDaemon(true);
        reader.start();
    }

    private void listen() {
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) listener.accept(line);
        } catch (IOException | UncheckedIOException x) {
            // it was killed in the middle of a line
        }
    }

    /** Ends it at once, as {@code kill -9} does, and waits until it is gone. */
    synchronized void kill() throws InterruptedException {
        end();
        process.waitFor(10, TimeUnit.SECONDS);
    }

    /** The same, without waiting. */
    synchronized void end() {
        killedHere = true;
        if (process != null) process.destroyForcibly();
    }

    /** Sends it a signal: {@code STOP} or {@code CONT}. */
    void signal(String name) throws IOException, InterruptedException {
        int exit = new ProcessBuilder("kill", "-" + name, Long.toString(pid()))
                .start()
                .waitFor();
        if (exit != 0) throw new IOException("kill -" + name + " " + pid() + " has failed.");
    }

    /** Whether it runs, be it paused. */
    synchronized boolean isAlive() {
        return process != null && process.isAlive();
    }

    /** Whether it was ended from here, and not by somebody else. */
    synchronized boolean wasKilledHere() {
        return killedHere;
    }

    /** The number of its process. */
    synchronized long pid() {
        return process.pid();
    }
}
