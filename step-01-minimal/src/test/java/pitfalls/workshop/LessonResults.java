package pitfalls.workshop;

import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * What the tests of a module have shown, in one JVM or in several at once. Each JVM leaves its part in a folder, and the one
 * that ends last takes all of them.
 */
final class LessonResults {
    private static final String RUNNING = "running-";
    private static final String DONE = "done-";

    private final Path folder;
    private final long pid;

    /** The part of one JVM: its classes of tests, and what is to be said of each failure. */
    record Found(ArrayList<TestClass> classes, ArrayList<String> failures) implements Serializable {}

    /**
     * @param name of the class
     * @param isLesson whether it has tests of what is broken
     * @param line what there is to say in one line
     * @param tree the same, in a line for each test
     */
    record TestClass(String name, boolean isLesson, String line, ArrayList<String> tree) implements Serializable {}

    LessonResults(Path folder) {
        this(folder, ProcessHandle.current().pid());
    }

    /** For tests, which play several JVMs in one. */
    LessonResults(Path folder, long pid) {
        this.folder = folder;
        this.pid = pid;
    }

    /** Tests begin in this JVM. What a run that was ended has left goes away. */
    void begin() {
        locked(() -> {
            Files.createDirectories(folder);
            if (!isAnotherRunning()) for (Path file : files("")) Files.delete(file);
            Files.write(folder.resolve(RUNNING + pid), new byte[0]);
            return null;
        });
    }

    /** Tests have ended in this JVM. What all have shown, if no other one goes on; otherwise nothing. */
    List<Found> end(Found mine) {
        return locked(() -> {
            try (var out = new ObjectOutputStream(Files.newOutputStream(folder.resolve(DONE + pid)))) {
                out.writeObject(mine);
            }
            Files.delete(folder.resolve(RUNNING + pid));
            List<Found> all = new ArrayList<>();
            if (isAnotherRunning()) return all;
            for (Path file : files(DONE)) {
                all.add(read(file));
                Files.delete(file);
            }
            return all;
        });
    }

    private static Found read(Path file) throws IOException {
        try (var in = new ObjectInputStream(Files.newInputStream(file))) {
            return (Found) in.readObject();
        } catch (ClassNotFoundException x) {
            throw new IllegalStateException(x);
        }
    }

    /** A JVM that was killed has left its file, and is not waited for. */
    private boolean isAnotherRunning() throws IOException {
        return files(RUNNING).stream()
                .map(file -> Long.parseLong(file.getFileName().toString().substring(RUNNING.length())))
                .anyMatch(other -> other != pid && ProcessHandle.of(other).isPresent());
    }

    private List<Path> files(String prefix) throws IOException {
        try (var files = Files.list(folder)) {
            return files.filter(file -> file.getFileName().toString().startsWith(prefix))
                    .sorted()
                    .toList();
        }
    }

    private interface Work<T> {
        T run() throws IOException;
    }

    /** Does this in one JVM at a time. The lock stands beside the folder. */
    private <T> T locked(Work<T> work) {
        Path lock = folder.resolveSibling(folder.getFileName() + ".lock");
        try (var channel = FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            channel.lock();
            return work.run();
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }
}
