package pitfalls.docs;

import com.github.javaparser.ast.body.MethodDeclaration;
import com.github.javaparser.ast.body.TypeDeclaration;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.commonmark.node.Link;

/**
 * A link in a page to a test, {@code [test](src/test/java/…/RetriesContract.java#L42 "a_dropped_connection_costs_a_GET_nothing")}:
 * the name would make a table too wide, so the reader sees it as the link's title.
 *
 * @param destination where the link leads now
 * @param file the file in it, as the page names it
 * @param test the name of the test, which is the link's title
 * @param line the line on which the file declares the test; 0 if it does not
 */
record MethodLink(String destination, String file, String test, int line) {

    /** The links to tests in that page, in its order. */
    static List<MethodLink> in(Page page) {
        return page.all(Link.class).stream()
                .filter(link -> link.getTitle() != null && link.getDestination().matches(".*\\.java#L[0-9]+"))
                .map(link -> of(page, link))
                .toList();
    }

    private static MethodLink of(Page page, Link link) {
        String file = link.getDestination().replaceFirst("#.*", "");
        Path path = page.file().resolveSibling(file).normalize();
        int line = Sources.types(path).stream()
                .flatMap(MethodLink::methods)
                .filter(method -> method.getNameAsString().equals(link.getTitle()))
                .mapToInt(method -> method.getName().getBegin().orElseThrow().line)
                .findFirst()
                .orElse(0);
        return new MethodLink(link.getDestination(), file, link.getTitle(), line);
    }

    private static Stream<MethodDeclaration> methods(TypeDeclaration<?> type) {
        return type.findAll(MethodDeclaration.class).stream();
    }

    /** What is wrong with its line; {@code null} if nothing is. */
    String complaint() {
        return destination.equals(file + "#L" + line) ? null : test + " is on line " + line + ", not at " + destination;
    }

    /** Writes the lines of a page's links anew. */
    static void update(Page page) {
        String text = Page.textOf(page.file());
        for (MethodLink link : in(page)) {
            text = text.replace(
                    "(" + link.destination + " \"" + link.test + "\")",
                    "(" + link.file + "#L" + link.line + " \"" + link.test + "\")");
        }
        try {
            Files.writeString(page.file(), text);
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }
}
