package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Parts of the pages that are made of something else, between two comments; {@code -Dupdate} writes them anew. */
final class Generated {
    private Generated() {}

    /** Compares the part of that name. */
    static void assertEqual(String page, String name, String expected) throws IOException {
        String begin = "<!-- generated: " + name + " -->\n";
        String end = "<!-- end -->\n";
        Path file = Page.ROOT.resolve(page);
        String text = Page.textOf(file);
        assertThat(text).as("the place for the generated part of %s", page).contains(begin);
        int from = text.indexOf(begin) + begin.length();
        int to = text.indexOf(end, from);
        if (Page.UPDATE) Files.writeString(file, text.substring(0, from) + expected + text.substring(to));
        else
            assertThat(text.substring(from, to))
                    .as("%s, which mvn test -pl docs -Dupdate mends", page)
                    .isEqualTo(expected);
    }
}
