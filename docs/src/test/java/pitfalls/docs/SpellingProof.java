package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.commonmark.node.Text;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The words of the pages are spelt as in the dictionary, or stand in {@code words.txt}. */
class SpellingProof {

    @TestFactory
    Stream<DynamicTest> each_word_is_spelt_right(@TempDir Path folder) {
        return Page.all()
                .map(page -> DynamicTest.dynamicTest(
                        page.name(),
                        () -> assertThat(unknownWords(folder, page)).isEmpty()));
    }

    @Test
    void a_word_that_is_spelt_wrong_is_found(@TempDir Path folder) throws Exception {
        var page = Page.of(Page.ROOT.resolve("docs/x.md"), "A reverse proxy `forwrads` and recieves.");

        assertThat(unknownWords(folder, page)).containsExactly("recieves");
    }

    private static List<String> unknownWords(Path folder, Page page) throws Exception {
        String words = page.all(Text.class).stream()
                .map(Text::getLiteral)
                .map(text -> text.replaceAll("\\S*[/#.]\\w\\S*", " ")) // addresses and names of files
                .collect(Collectors.joining("\n"));
        String unknown = Program.run(
                folder,
                words,
                Program.find("aspell", "aspell aspell-en"),
                "list",
                "--lang=en_GB-ise",
                "--encoding=utf-8",
                "--personal=" + Page.ROOT.resolve("docs/src/test/resources/words.txt"));
        return unknown.lines()
                .distinct()
                .filter(word -> !Sources.classes().contains(word))
                .toList();
    }
}
