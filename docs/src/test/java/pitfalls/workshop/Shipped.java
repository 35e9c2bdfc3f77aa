package pitfalls.workshop;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The exercises as they are shipped: to tell what was touched, and to begin again. */
final class Shipped {
    private Shipped() {}

    /** What the file says before anybody has edited it. */
    static String text(ExerciseFile exercise) {
        String name = "/shipped/" + exercise.simpleName() + ".txt";
        try (var in = Shipped.class.getResourceAsStream(name)) {
            if (in == null) throw new IllegalStateException("there is no " + name);
            return new String(in.readAllBytes(), UTF_8).replace("\r\n", "\n");
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }

    /** Whether nobody has edited it. */
    static boolean isUntouched(ExerciseFile exercise) {
        return exercise.text().equals(text(exercise));
    }

    /** Puts the file back, and what was written into one beside it, which is returned. */
    static Path reset(ExerciseFile exercise) {
        try {
            Path mine = null;
            for (int i = 1; mine == null || Files.exists(mine); i++)
                mine = exercise.path().resolveSibling(exercise.simpleName() + ".mine-" + i);
            Files.move(exercise.path(), mine);
            Files.writeString(exercise.path(), text(exercise));
            return mine;
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }
}
