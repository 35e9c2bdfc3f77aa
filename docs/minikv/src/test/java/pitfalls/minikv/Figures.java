package pitfalls.minikv;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A part of a page that is measured, between two comments; {@code -Dupdate} writes it anew. */
final class Figures {
    private Figures() {}

    /** Compares the part of that name, or writes it if that is wanted. */
    static void assertEqual(String page, String name, String expected) throws IOException {
        if (isUpdate()) write(page, name, expected);
        else
            assertThat(Files.readString(Path.of(page)).replace("\r\n", "\n"))
                    .as(page + ", which mvn test -Pproof -pl docs/minikv -Dupdate writes")
                    .contains("<!-- generated: " + name + " -->\n" + expected + "<!-- end -->\n");
    }

    /** Writes the part of that name, if that is wanted: it was measured, and would be another one each time. */
    static void write(String page, String name, String figures) throws IOException {
        if (!isUpdate()) return;
        String begin = "<!-- generated: " + name + " -->\n";
        Path file = Path.of(page);
        String text = Files.readString(file).replace("\r\n", "\n");
        assertThat(text).as("the place for the figures in " + page).contains(begin);
        int from = text.indexOf(begin) + begin.length();
        int to = text.indexOf("<!-- end -->\n", from);
        Files.writeString(file, text.substring(0, from) + figures + text.substring(to));
    }

    private static boolean isUpdate() {
        return System.getProperty("update") != null;
    }
}
