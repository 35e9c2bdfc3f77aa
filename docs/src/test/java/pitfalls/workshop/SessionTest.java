package pitfalls.workshop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.support.Slow;

/** What the workshop program answers to each key, without a terminal. */
@Slow
class SessionTest {
    private static final Path REPOSITORY = Path.of("").toAbsolutePath().getParent();

    private static final String SOLUTION_OF_1 = """
            package pitfalls.step01;

            import org.eclipse.jetty.http.HttpURI;
            import org.eclipse.jetty.proxy.ProxyHandler;
            import org.eclipse.jetty.server.Handler;
            import pitfalls.support.Exercise;

            @Exercise("step-01-minimal")
            public class MinimalExercise implements MinimalContract {
                static class MyProxy extends ProxyHandler.Reverse {
                    MyProxy(String target) {
                        super(request -> HttpURI.from(target.replaceFirst("/$", "") + request.getHttpURI().getPathQuery()));
                    }
                }

                @Override
                public Handler newProxy(String target) {
                    return new MyProxy(target);
                }
            }
            """;

    private final List<String> lines = new ArrayList<>();
    private List<ExerciseFile> exercises;

    @TempDir
    private Path root;

    @BeforeEach
    void copyTheExercises() throws IOException {
        for (ExerciseFile exercise : ExerciseFile.all(REPOSITORY)) {
            Path copy = root.resolve(REPOSITORY.relativize(exercise.path()));
            Files.createDirectories(copy.getParent());
            Files.writeString(copy, Shipped.text(exercise));
            Files.copy(exercise.readme(), root.resolve(exercise.folder()).resolve("README.md"));
            var solution = Lesson.of(exercise).solution();
            Path copied = root.resolve(REPOSITORY.relativize(solution));
            Files.createDirectories(copied.getParent());
            Files.copy(solution, copied);
        }
        exercises = ExerciseFile.all(root);
    }

    private Session session() {
        return session(Screen.USUAL);
    }

    private Session session(Screen screen) {
        return new Session(exercises, lines::add, () -> screen);
    }

    private void save(int step, String text) throws IOException {
        Path file = exercises.get(step - 1).path();
        long before = Files.getLastModifiedTime(file).toMillis();
        Files.writeString(file, text);
        Files.setLastModifiedTime(file, FileTime.fromMillis(before + 1000));
    }

    private String printed() {
        return String.join("\n", lines);
    }

    private List<String> answers(Session session, char... keys) {
        for (char key : keys) {
            lines.clear();
            session.key(key);
        }
        return lines;
    }

    @Test
    void the_exercise_at_hand_is_the_one_that_was_edited_last() throws Exception {
        save(2, Shipped.text(exercises.get(1)) + "// two\n");
        save(6, Shipped.text(exercises.get(5)) + "// six\n");
        Files.setLastModifiedTime(exercises.get(1).path(), FileTime.fromMillis(System.currentTimeMillis() + 90_000));

        assertThat(session().current().number()).isEqualTo(2);
    }

    @Test
    void without_an_edit_it_is_the_first_one() {
        assertThat(session().current().number()).isEqualTo(1);
    }

    @Test
    void Enter_runs_it_and_shows_the_first_failure_with_its_bytes() {
        answers(session(), '\r');

        assertThat(printed())
                .contains("0 of 7 solved", "▶ 1 minimal         · untouched")
                .contains("✘ path and query arrive byte for byte (0 of 11)")
                .contains("expected: 200\n but was: 404", "The client sent:\n    GET / HTTP/1.1")
                .contains("Edit step-01-minimal/src/test/java/pitfalls/step01/MinimalExercise.java and save it.");
    }

    @TestFactory
    Stream<DynamicTest> what_the_first_failure_of_each_step_says_fits_a_screen_and_says_no_list_twice() {
        return Stream.of(Screen.USUAL, new Screen(50, 80))
                .map(screen -> dynamicTest(screen.toString(), () -> {
                    var session = session(screen);
                    for (int step = 1; step <= exercises.size(); step++) {
                        lines.clear();
                        session.choose(step);
                        session.run(false);

                        var shown = lines.subList(lines.indexOf("\f") + 1, lines.size());
                        assertThat(screen.rowsOf(shown))
                                .as("rows of step %d", step)
                                .isLessThan(50); // the cursor has one
                        assertThat(printed())
                                .contains("✘ ", "The client sent:")
                                .doesNotContain("but some elements were not found");
                    }
                }));
    }

    @Test
    void no_word_is_broken_where_the_screen_is_narrow() {
        var session = session(new Screen(50, 60));
        for (int step = 1; step <= exercises.size(); step++) {
            session.choose(step);
            answers(session, 'h', 'h');

            assertThat(lines).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(60));
            assertThat(lines).as("the paragraph is joined first").anyMatch(line -> line.length() > 50);
        }
        answers(session, 'x');
        assertThat(lines)
                .containsExactly(
                        "Enter run · h hint · w wire · d diff · b bonus · r reset ·",
                        "n next · g4 go to 4 · l list · q quit");
    }

    @Test
    void the_code_of_a_hint_keeps_its_lines() {
        assertThat(answers(session(), 'h', 'h', 'h')).contains("// a sketch").noneMatch(line -> line.contains("```"));
    }

    @Test
    void the_wire_of_a_failed_test_ends_with_its_place_in_the_lab() {
        answers(session(), '\r', 'w');

        assertThat(printed())
                .contains("The client sent:")
                .endsWith("http://127.0.0.1:8090/#mine/1/path_and_query_arrive_byte_for_byte");
    }

    @Test
    void a_saved_file_runs_and_a_solved_one_says_so_last_with_what_was_learned_and_what_is_next() throws Exception {
        var session = session();
        save(1, SOLUTION_OF_1);

        session.tick();

        assertThat(printed())
                .contains("1 of 7 solved", "▶ 1 minimal         ✔ solved")
                .contains("S O L V E D   step 1, minimal")
                .containsPattern("S O L V E D[^✘]*Learned: Jetty brings the reverse proxy")
                .contains("mvn test -pl step-02-error-handler -Dtest=ErrorsTest");
    }

    @Test
    void a_file_that_was_not_saved_does_not_run() {
        session().tick();

        assertThat(lines).isEmpty();
    }

    @Test
    void a_file_that_does_not_compile_shows_what_the_compiler_says_and_stops_no_other() throws Exception {
        var session = session();
        save(1, SOLUTION_OF_1.replace("request ->", "requst ->"));
        session.tick();

        assertThat(printed()).contains("MinimalExercise.java:12: ", "symbol:", "it does not compile");
        lines.clear();
        session.key('2');
        assertThat(printed()).contains("Step 2, error handler: 2 of 5 tests green");
    }

    @Test
    void a_class_that_is_not_imported_is_named_with_its_package() throws Exception {
        save(1, SOLUTION_OF_1.replace("import org.eclipse.jetty.http.HttpURI;\n", ""));

        session().run(false);

        assertThat(printed())
                .contains("symbol:   variable HttpURI")
                .containsOnlyOnce("Is HttpURI not imported? There is: import org.eclipse.jetty.http.HttpURI;");
    }

    @Test
    void what_your_code_throws_is_shown_with_its_line() throws Exception {
        var session = session();
        save(1, SOLUTION_OF_1.replace("target.replaceFirst", "String.valueOf(Integer.parseInt(target)).replaceFirst"));

        session.tick();

        assertThat(printed()).contains("Your code threw java.lang.NumberFormatException", "(MinimalExercise.java:12)");
    }

    @Test
    void h_shows_the_hints_of_the_README_one_after_the_other() {
        var session = session();

        assertThat(answers(session, 'h')).contains("Hint 1: where to look", "Press h for the next one.");
        assertThat(answers(session, 'h')).contains("Hint 2: which rule");
        assertThat(answers(session, 'h')).contains("Hint 3: the shape of the answer", "That was the last hint.");
    }

    @Test
    void d_shows_the_difference_from_the_solution_after_a_question() {
        assertThat(answers(session(), 'd')).containsExactly("Show how your answer differs from the solution? y/n");
        assertThat(answers(session(), 'd', 'y'))
                .contains("+++ the solution: MinimalProxy")
                .anyMatch(line ->
                        line.startsWith("-class MinimalProxy") || line.startsWith("-static class MinimalProxy"));
        assertThat(answers(session(), 'd', 'n')).first().asString().contains("nothing was done");
    }

    @Test
    void r_puts_the_file_back_after_a_question_and_keeps_what_was_written() throws Exception {
        save(1, SOLUTION_OF_1);
        var session = session();

        answers(session, 'r', 'y');

        Path file = exercises.get(0).path();
        assertThat(file).hasContent(Shipped.text(exercises.get(0)));
        assertThat(file.resolveSibling("MinimalExercise.mine-1")).hasContent(SOLUTION_OF_1);
        assertThat(printed()).contains("What you wrote is in", "MinimalExercise.mine-1");
    }

    @Test
    void r_and_anything_but_y_leaves_the_file_alone() throws Exception {
        save(1, SOLUTION_OF_1);

        answers(session(), 'r', 'x');

        assertThat(exercises.get(0).path()).hasContent(SOLUTION_OF_1);
    }

    @Test
    void n_goes_to_the_next_exercise_that_is_not_solved() {
        var session = session();

        answers(session, 'n');

        assertThat(session.current().number()).isEqualTo(2);
    }

    @Test
    void go_4_chooses() {
        var session = session();

        answers(session, 'g', 'o', ' ', '3');

        assertThat(session.current().number()).isEqualTo(3);
    }

    @Test
    void l_lists_them() throws Exception {
        save(1, SOLUTION_OF_1);
        save(3, Shipped.text(exercises.get(2)) + "// begun\n");

        answers(session(), 'l');

        assertThat(printed()).contains("✔ solved", "3 URL normalize   ✘ begun", "2 error handler   · untouched");
    }

    @Test
    void w_shows_the_bytes_of_the_first_failure() {
        var session = session();
        assertThat(answers(session, 'w')).containsExactly("There is no failed test whose bytes could be shown.");

        assertThat(answers(session, '\r', 'w')).contains("The client sent:", "and received:");
    }

    @Test
    void b_runs_the_fine_print_once_the_exercise_is_solved() throws Exception {
        assertThat(answers(session(), 'b')).containsExactly("The fine print is a bonus: solve the exercise first.");
        save(1, SOLUTION_OF_1);
        var session = session();

        answers(session, '\r', 'b');

        assertThat(printed()).containsPattern("Bonus:   \\d of \\d of the fine print");
    }

    @Test
    void q_ends_it_and_any_other_key_names_the_keys() {
        var session = session();

        assertThat(answers(session, 'x')).hasSize(1).first().asString().contains("q quit");
        assertThat(session.isOver()).isFalse();
        session.key('q');
        assertThat(session.isOver()).isTrue();
    }

    @Test
    void each_exercise_has_what_the_program_shows_of_its_README() {
        assertThat(exercises).hasSize(7).allSatisfy(exercise -> {
            var lesson = Lesson.of(exercise);
            assertThat(lesson.hints()).hasSize(3);
            assertThat(lesson.learned()).endsWith(".");
            assertThat(lesson.solution()).exists();
            assertThat(lesson.command()).startsWith("mvn test -pl " + exercise.folder());
        });
    }

    @Test
    void the_files_of_all_steps_are_found() {
        assertThat(exercises.stream().map(ExerciseFile::simpleName))
                .containsExactlyElementsOf(
                        Stream.of("Minimal", "Errors", "Url", "Retries", "Hops", "Director", "Streaming")
                                .map(name -> name + "Exercise")
                                .toList());
    }
}
