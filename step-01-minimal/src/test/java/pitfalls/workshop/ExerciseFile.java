package pitfalls.workshop;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The one file of a step that an attendee edits.
 *
 * @param root the top folder of the repository
 * @param folder the folder of the step: {@code step-04-retries}
 * @param path of the file
 */
public record ExerciseFile(Path root, String folder, Path path) {

    /** The exercises of the steps, in their order. */
    public static List<ExerciseFile> all(Path root) {
        return foldersIn(root).flatMap(folder -> in(root, folder).stream()).toList();
    }

    private static Stream<String> foldersIn(Path root) {
        try (var folders = Files.list(root)) {
            return folders
                    .map(folder -> folder.getFileName().toString())
                    .filter(name -> name.matches("step-\\d+-.*"))
                    .sorted()
                    .toList()
                    .stream();
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }

    /** The exercises below that folder: one in a step, none elsewhere. */
    static List<ExerciseFile> in(Path root, String folder) {
        Path tests = root.resolve(folder).resolve("src/test/java");
        if (!Files.isDirectory(tests)) return List.of();
        try (var files = Files.walk(tests)) {
            return files.filter(file -> file.getFileName().toString().matches(".+Exercise\\.java"))
                    .sorted()
                    .map(file -> new ExerciseFile(root, folder, file))
                    .toList();
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }

    /** 1 to 7. */
    public int number() {
        return Integer.parseInt(folder.replaceAll("\\D", ""));
    }

    /** {@code error handler}, say. */
    public String title() {
        return folder.replaceFirst("step-\\d+-", "").replace('-', ' ').replace("url", "URL");
    }

    /** {@code RetriesExercise}. */
    public String simpleName() {
        return path.getFileName().toString().replaceFirst("\\.java$", "");
    }

    /** {@code pitfalls.step04.RetriesExercise}. */
    public String className() {
        Path relative = root.resolve(folder).resolve("src/test/java").relativize(path);
        return relative.toString().replaceFirst("\\.java$", "").replaceAll("[/\\\\]", ".");
    }

    /** Its path from the top folder, with slashes, as it may be pasted into an editor. */
    public String name() {
        return root.relativize(path).toString().replace('\\', '/');
    }

    /** The page of its step. */
    public Path readme() {
        return root.resolve(folder).resolve("README.md");
    }

    /** What it says now, with bare line feeds. */
    public String text() {
        try {
            return Files.readString(path).replace("\r\n", "\n");
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }
}
