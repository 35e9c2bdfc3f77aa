package pitfalls.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Each scene shows what its test asserts: it fails on the proxy of the step before, and passes on that of its step. */
class ScenesProof {
    private static final Path ROOT = Path.of("").toAbsolutePath().getParent().getParent();

    @Test
    void there_are_at_least_thirty_and_a_headline_of_each_step() {
        assertThat(Scenes.all()).hasSizeGreaterThanOrEqualTo(30);
        assertThat(Scenes.all().stream().map(Scene::id)).doesNotHaveDuplicates();
        assertThat(Scenes.all().stream().filter(Scene::isHeadline).map(Scene::step))
                .contains(1, 2, 3, 4, 5, 6, 7);
    }

    @TestFactory
    Stream<DynamicTest> it_fails_on_the_left_and_passes_on_the_right_and_the_picture_shows_where() {
        return Scenes.all().stream()
                .map(scene -> DynamicTest.dynamicTest(scene.step() + " " + scene.title(), () -> {
                    long begin = System.nanoTime();
                    var played = Player.play(scene, mark -> {});
                    double seconds = (System.nanoTime() - begin) / 1e9;

                    assertThat(played.right().failure())
                            .as("what the test says on the proxy of its step")
                            .isEmpty();
                    assertThat(played.left().passed())
                            .as("whether the test passes on the proxy before")
                            .isFalse();
                    assertThat(played.first()).as("the first row that differs").isNotNegative();
                    assertThat(Math.max(end(played.left()), end(played.right())))
                            .as("milliseconds until the last mark")
                            .isLessThan(3000);
                }));
    }

    @TestFactory
    Stream<DynamicTest> the_README_of_its_step_tells_of_the_fine_print() {
        return Scenes.all().stream()
                .filter(scene -> !scene.isHeadline())
                .map(scene -> DynamicTest.dynamicTest(scene.test(), () -> assertThat(readme(scene))
                        .containsPattern("[`\"]" + scene.test() + "[`\"]")
                        .contains("\n## The fine print\n")));
    }

    private static double end(Recording recording) {
        return recording.marks().stream().mapToDouble(Mark::time).max().orElse(0);
    }

    private static String readme(Scene scene) throws IOException {
        return Files.readString(ROOT.resolve(scene.folder()).resolve("README.md"))
                .replace("\r\n", "\n");
    }
}
