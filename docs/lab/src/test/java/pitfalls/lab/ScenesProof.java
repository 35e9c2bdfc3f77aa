package pitfalls.lab;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
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
                    var played = Player.play(scene, mark -> {});

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
                    assertSends(Terminal.command(played.right()), Terminal.request(played.right()));
                }));
    }

    @TestFactory
    Stream<DynamicTest> the_README_of_its_step_tells_of_the_fine_print() {
        return Scenes.all().stream()
                .filter(scene -> !scene.isHeadline())
                .map(scene -> DynamicTest.dynamicTest(
                        scene.test(),
                        () -> assertThat(readme(scene))
                                .containsPattern("[`\"]" + scene.test() + "[`\"]")
                                .contains("\n## The fine print\n")));
    }

    /** What a shell makes of the command is the request that was recorded, its body apart if that is long. */
    private static void assertSends(String command, String request) throws Exception {
        assertThat(request).as("the first request").isNotEmpty();
        assertThat(command).as("the command").contains("printf '").endsWith(" | nc -w 2 127.0.0.1 8080");
        if (!Files.isExecutable(Path.of("/bin/sh"))) return;
        String sender = command.substring(0, command.indexOf(" | nc -w 2"));
        Process shell = new ProcessBuilder("/bin/sh", "-c", sender).start();
        String sent = new String(shell.getInputStream().readAllBytes(), ISO_8859_1);
        assertThat(sent).startsWith(request.substring(0, request.indexOf("\r\n\r\n")));
        if (!command.startsWith("(")) assertThat(sent).isEqualTo(request);
    }

    private static double end(Recording recording) {
        return recording.marks().stream().mapToDouble(Mark::time).max().orElse(0);
    }

    private static String readme(Scene scene) throws IOException {
        return Files.readString(ROOT.resolve(scene.folder()).resolve("README.md"))
                .replace("\r\n", "\n");
    }
}
