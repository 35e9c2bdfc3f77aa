package pitfalls.workshop;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.support.Slow;

/** What {@code mvn test -Dtest=…} says before Surefire runs. */
class RequestedTestsTest {
    private static final Path REPOSITORY = Path.of("").toAbsolutePath().getParent();

    private final ByteArrayOutputStream printed = new ByteArrayOutputStream();

    private boolean run(Path root, boolean isChosen, String tests) {
        return runIn("step-01-minimal", root, isChosen, tests);
    }

    private boolean runIn(String module, Path root, boolean isChosen, String tests) {
        var requested = new RequestedTests(root, module, isChosen, new PrintStream(printed, true, UTF_8));
        return requested.run(tests, false);
    }

    private String printed() {
        return printed.toString(UTF_8);
    }

    @Test
    void a_name_that_no_class_of_the_module_has_is_refused_with_the_names_that_exist() {
        assertThat(run(REPOSITORY, true, "MinimalExcercise")).isFalse();

        assertThat(printed())
                .isEqualTo("There is no test 'MinimalExcercise' in step-01-minimal."
                        + " There are: MinimalExercise, MinimalTest." + System.lineSeparator());
    }

    @Test
    void without_a_module_the_tests_of_all_modules_are_known() {
        assertThat(run(REPOSITORY, false, "RetriesTest")).isTrue();
        assertThat(run(REPOSITORY, false, "RetriesTets")).isFalse();
        assertThat(printed()).contains("There is no test 'RetriesTets'.", "RetriesTest", "SessionTest");
    }

    @Test
    void a_module_below_docs_has_its_tests_too() {
        assertThat(runIn("docs/h2", REPOSITORY, true, "GrpcTest")).isTrue();
        assertThat(runIn("docs/h2", REPOSITORY, false, "GrpcTest")).isTrue();
        assertThat(runIn("docs/h2", REPOSITORY, true, "GrpcTets")).isFalse();
        assertThat(printed())
                .isEqualTo("There is no test 'GrpcTets' in docs/h2. There are: GrpcTest, HandlersInFrontTest."
                        + System.lineSeparator());
    }

    /** Of the larger modules below docs, those that say so. */
    @TestFactory
    Stream<DynamicTest> each_module_can_be_tested_from_its_own_folder() throws Exception {
        return Pattern.compile("<module>(.*?)</module>")
                .matcher(Files.readString(REPOSITORY.resolve("pom.xml")))
                .results()
                .map(module -> module.group(1))
                .filter(module -> !module.contains("/") || Files.exists(REPOSITORY.resolve(module + "/.mvn")))
                .map(module -> DynamicTest.dynamicTest(module, () -> {
                    Path folder = REPOSITORY.resolve(module);
                    String top = folder.relativize(REPOSITORY).toString().replace('\\', '/');
                    assertThat(folder.resolve(".mvn/maven.config"))
                            .content()
                            .contains("--file=" + top + "/pom.xml\n--projects=" + module + "\n--also-make\n");
                }));
    }

    @Test
    void a_pattern_is_left_to_Surefire() {
        assertThat(run(REPOSITORY, true, "*Nothing,!Other")).isTrue();
        assertThat(printed()).isEmpty();
    }

    @Test
    void a_method_behind_a_name_is_no_part_of_it() {
        assertThat(run(REPOSITORY, true, "pitfalls.step01.MinimalTest#a_method"))
                .isTrue();
    }

    @Slow
    @Test
    void an_unsolved_exercise_ends_in_a_summary_of_the_next_test_and_where_the_hints_are(@TempDir Path root)
            throws Exception {
        var shipped = ExerciseFile.all(REPOSITORY).get(0);
        Path copy = root.resolve(REPOSITORY.relativize(shipped.path()));
        Files.createDirectories(copy.getParent());
        Files.writeString(copy, Shipped.text(shipped));

        assertThat(run(root, true, "MinimalExercise")).isFalse();

        assertThat(printed().replace("\r\n", "\n")).endsWith("""
                        Step 1, minimal: 0 of 4 tests green
                        Next:  path and query arrive byte for byte: /
                        Edit:  step-01-minimal/src/test/java/pitfalls/step01/MinimalExercise.java
                        Hints: step-01-minimal/README.md, under "Your turn"
                        """);
        assertThat(printed().split("expected: 200", -1))
                .as("a failure stands once")
                .hasSize(2);
    }
}
