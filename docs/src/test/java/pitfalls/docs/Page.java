package pitfalls.docs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.commonmark.ext.gfm.tables.TablesExtension;
import org.commonmark.ext.heading.anchor.IdGenerator;
import org.commonmark.node.AbstractVisitor;
import org.commonmark.node.Code;
import org.commonmark.node.FencedCodeBlock;
import org.commonmark.node.Heading;
import org.commonmark.node.HtmlBlock;
import org.commonmark.node.Image;
import org.commonmark.node.Link;
import org.commonmark.node.Node;
import org.commonmark.node.Paragraph;
import org.commonmark.node.Text;
import org.commonmark.parser.IncludeSourceSpans;
import org.commonmark.parser.Parser;

/**
 * A page of Markdown.
 *
 * @param file where it stands
 * @param text its text, with bare line feeds
 * @param root what is in it
 */
record Page(Path file, String text, Node root) {
    /** The repository. */
    static final Path ROOT = Path.of("").toAbsolutePath().getParent();

    /** Whether what has drifted is to be written anew, {@code -Dupdate}. */
    static final boolean UPDATE = System.getProperty("update") != null;

    private static final Set<String> NOT_OURS = Set.of(".git", "target");

    private static final Parser PARSER = Parser.builder()
            .extensions(List.of(TablesExtension.create()))
            .includeSourceSpans(IncludeSourceSpans.BLOCKS)
            .build();

    /** The pages of the project: the README, those of the steps, those beside them, and those of the modules below {@code docs}. */
    static Stream<Page> all() {
        return files(".md").map(Page::read);
    }

    /** The project's own files whose names end so, in order; not what git or a build keeps there, which may go while this looks. */
    static Stream<Path> files(String ending) {
        List<Path> found = new ArrayList<>();
        try {
            Files.walkFileTree(ROOT, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
                    String name = folder.getFileName().toString();
                    return NOT_OURS.contains(name) ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                    if (file.toString().endsWith(ending)) found.add(file);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
        return found.stream().sorted();
    }

    static Page read(Path file) {
        return of(file, textOf(file));
    }

    /** The text of a file, with bare line feeds. */
    static String textOf(Path file) {
        try {
            return Files.readString(file).replace("\r\n", "\n");
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }

    /** A page that need not exist. */
    static Page of(Path file, String text) {
        return new Page(file, text, PARSER.parse(text));
    }

    /** Its path in the repository. */
    String name() {
        return ROOT.relativize(file).toString().replace('\\', '/');
    }

    /** Everything of that type, in the order of the page. */
    <T extends Node> List<T> all(Class<T> type) {
        List<T> found = new ArrayList<>();
        root.accept(new AbstractVisitor() {
            @Override
            protected void visitChildren(Node parent) {
                for (Node child = parent.getFirstChild(); child != null; child = child.getNext()) {
                    if (type.isInstance(child)) found.add(type.cast(child));
                    child.accept(this);
                }
            }
        });
        return found;
    }

    List<FencedCodeBlock> blocks() {
        return all(FencedCodeBlock.class);
    }

    /** Where its links and images lead. */
    List<String> destinations() {
        return Stream.concat(
                        all(Link.class).stream().map(Link::getDestination),
                        all(Image.class).stream().map(Image::getDestination))
                .toList();
    }

    /** Its words in code: those between single backquotes. */
    List<String> codes() {
        return all(Code.class).stream().map(Code::getLiteral).toList();
    }

    /** Its headings of that level. */
    List<String> headings(int level) {
        return all(Heading.class).stream()
                .filter(heading -> heading.getLevel() == level)
                .map(Page::plain)
                .toList();
    }

    /** What a link behind {@code #} may name. */
    List<String> anchors() {
        var ids = IdGenerator.builder().build();
        return all(Heading.class).stream()
                .map(heading -> ids.generateId(plain(heading)))
                .toList();
    }

    /** The paragraph before a block; {@code null} if there is none. */
    static Paragraph before(FencedCodeBlock block) {
        Node before = block.getPrevious();
        while (before instanceof HtmlBlock) before = before.getPrevious();
        return before instanceof Paragraph paragraph ? paragraph : null;
    }

    /** The comment right before a block, without its signs; empty if there is none. */
    static String commentBefore(FencedCodeBlock block) {
        return block.getPrevious() instanceof HtmlBlock comment
                ? comment.getLiteral().replaceAll("^<!--|-->$", "").strip()
                : "";
    }

    /** The line on which a block begins, from 1. */
    static int line(Node block) {
        return block.getSourceSpans().get(0).getLineIndex() + 1;
    }

    /** The text of a node, without its signs. */
    static String plain(Node node) {
        var text = new StringBuilder();
        node.accept(new AbstractVisitor() {
            @Override
            public void visit(Text part) {
                text.append(part.getLiteral());
            }

            @Override
            public void visit(Code part) {
                text.append(part.getLiteral());
            }
        });
        return text.toString();
    }

    /** Whether two texts are the same without their white space: a page breaks lines that are too long for it, some with a backslash. */
    static boolean differOnlyInSpace(String one, String other) {
        return withoutSpace(one).equals(withoutSpace(other));
    }

    private static String withoutSpace(String text) {
        return text.replaceAll("\\\\\\n|\\s", "");
    }

    /** Writes other lines into a block of the file, in which nothing above it has been rewritten. */
    void rewrite(FencedCodeBlock block, String literal) {
        var lines = new ArrayList<>(List.of(textOf(file).split("\n", -1)));
        int first = line(block); // behind the fence
        int count = (int) block.getLiteral().lines().count();
        lines.subList(first, first + count).clear();
        lines.addAll(first, literal.stripTrailing().lines().toList());
        try {
            Files.writeString(file, String.join("\n", lines));
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }
}
