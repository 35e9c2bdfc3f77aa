package pitfalls.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.support.Slow;
import pitfalls.workshop.ExerciseFile;

@Slow
class AttemptTest {
    private static final String ID = "mine/4/a_dropped_connection_costs_a_GET_nothing";

    @TempDir
    private Path root;

    @BeforeEach
    void copyTheExercises() throws IOException {
        for (ExerciseFile exercise : ExerciseFile.all(Attempt.root())) {
            Path copy = root.resolve(Attempt.root().relativize(exercise.path()));
            Files.createDirectories(copy.getParent());
            Files.copy(exercise.path(), copy);
        }
    }

    @Test
    void what_you_have_is_on_the_left_and_what_is_wanted_on_the_right() {
        var played = Attempt.find(ID).orElseThrow().play(root, mark -> {});

        assertThat(played.left().failure()).contains("expected: 200", "but was: 502");
        assertThat(played.right().failure()).isEmpty();
        assertThat(played.first()).isNotNegative();
    }

    @Test
    void of_a_test_with_rows_it_is_the_first_that_fails() {
        var played = Attempt.find("mine/4/if_nothing_was_sent_every_method_is_tried_again")
                .orElseThrow()
                .play(root, mark -> {});

        assertThat(played.left().passed()).isFalse();
        assertThat(played.right().passed()).isTrue();
        assertThat(played.left().marks().get(1).bytes()).startsWith("GET /x ");
    }

    @Test
    void an_exercise_that_does_not_compile_is_told_by_the_compiler() throws IOException {
        Path file = ExerciseFile.all(root).get(3).path();
        Files.writeString(file, Files.readString(file).replace("return new MyProxy", "return MyProxy"));

        assertThatThrownBy(() -> Attempt.find(ID).orElseThrow().play(root, mark -> {}))
                .hasMessageStartingWith("Your exercise does not compile: ")
                .hasMessageContaining("RetriesExercise.java");
    }

    @Test
    void what_is_no_test_is_refused() {
        assertThat(Attempt.find("mine/8/x")).isEmpty();
        assertThat(Attempt.find("mine/4/../x")).isEmpty();
        assertThatThrownBy(() -> Attempt.find("mine/4/notify").orElseThrow().play(root, mark -> {}))
                .hasMessage("'notify' is no test of the exercise of step 4.");
    }
}
