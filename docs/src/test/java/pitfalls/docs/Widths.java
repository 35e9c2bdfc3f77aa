package pitfalls.docs;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.commonmark.ext.gfm.tables.TableBlock;
import org.commonmark.ext.gfm.tables.TableCell;
import org.commonmark.ext.gfm.tables.TableRow;
import org.commonmark.node.AbstractVisitor;
import org.commonmark.node.Code;
import org.commonmark.node.FencedCodeBlock;
import org.commonmark.node.Node;
import org.commonmark.node.Text;

/** A page of GitHub's is about 830 pixels wide: what is wider can only be read by moving it from side to side. */
final class Widths {
    private static final double PAGE = 830;
    private static final double BLOCK_PADDING = 32;
    private static final double CELL_PADDING = 27;
    private static final double CODE_PADDING = 11;
    private static final double CODE_CHARACTER = 8.2; // in a block and between backquotes
    private static final double CHARACTER = 8.4; // in a cell: an average

    private Widths() {}

    /** The blocks and tables of a page that are too wide for it, with what makes them so. */
    static List<String> tooWide(Page page) {
        return Stream.concat(
                        page.blocks().stream()
                                .filter(block -> !block.getInfo().equals("mermaid"))
                                .flatMap(Widths::lines),
                        page.all(TableBlock.class).stream().flatMap(Widths::table))
                .toList();
    }

    private static Stream<String> lines(FencedCodeBlock block) {
        return block.getLiteral()
                .lines()
                .filter(line -> line.codePointCount(0, line.length()) * CODE_CHARACTER + BLOCK_PADDING > PAGE)
                .map(line -> "the block at line " + Page.line(block) + " has a line that is too long: " + line);
    }

    /** A table needs what the longest word of each column needs; words break at spaces and behind hyphens. */
    private static Stream<String> table(TableBlock table) {
        List<Double> widths = new ArrayList<>();
        List<String> words = new ArrayList<>();
        table.accept(new AbstractVisitor() {
            @Override
            protected void visitChildren(Node parent) {
                int column = 0;
                for (Node child = parent.getFirstChild(); child != null; child = child.getNext()) {
                    if (parent instanceof TableRow) measure((TableCell) child, column++);
                    else child.accept(this);
                }
            }

            private void measure(TableCell cell, int column) {
                if (column == widths.size()) {
                    widths.add(0.0);
                    words.add("");
                }
                for (Word word : words(cell)) {
                    if (word.width() <= widths.get(column)) continue;
                    widths.set(column, word.width());
                    words.set(column, word.text());
                }
            }
        });
        double width =
                widths.stream().mapToDouble(column -> column + CELL_PADDING).sum();
        if (width <= PAGE) return Stream.of();
        return Stream.of("the table at line " + Page.line(table) + " needs " + (int) width
                + " pixels, since its columns have the words " + words);
    }

    private record Word(String text, double width) {}

    private static List<Word> words(TableCell cell) {
        List<Word> words = new ArrayList<>();
        cell.accept(new AbstractVisitor() {
            @Override
            public void visit(Text text) {
                add(text.getLiteral(), CHARACTER, 0);
            }

            @Override
            public void visit(Code code) {
                add(code.getLiteral(), CODE_CHARACTER, CODE_PADDING);
            }

            private void add(String text, double character, double padding) {
                for (String word : text.split("\\s|(?<=-)"))
                    words.add(new Word(word, word.length() * character + padding));
            }
        });
        return words;
    }
}
