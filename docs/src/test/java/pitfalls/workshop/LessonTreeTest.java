package pitfalls.workshop;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.core.LauncherConfig;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import pitfalls.support.Headline;
import pitfalls.workshop.LessonResults.Found;
import pitfalls.workshop.LessonResults.TestClass;

/** What Maven prints of a module's tests. */
class LessonTreeTest {
    @TempDir
    Path top;

    private Path folder;

    @BeforeEach
    void nameAFolderThatIsNotThere() {
        folder = top.resolve("lesson-tree");
    }

    /** A lesson, whose fine print is red. */
    static class Lesson {
        @Nested
        class Broken {
            @Test
            void it_breaks() {}
        }

        @Nested
        class Fixed {
            @Headline
            @Order(1)
            @TestFactory
            Stream<DynamicTest> it_is_fixed() {
                return Stream.of("a", "b").map(row -> DynamicTest.dynamicTest(row, () -> {}));
            }

            @Order(2)
            @Test
            void a_detail() {}

            @Order(3)
            @Test
            void a_detail_that_is_red() {
                assertThat(1).as("the answer").isEqualTo(42);
            }
        }
    }

    static class Details {
        @Test
        void one() {}

        @Test
        void two() {}
    }

    /** What a JVM prints that runs the tests of each of these classes, one class after the other. */
    private String printed(Class<?>... tests) {
        var lines = new StringBuilder();
        run(
                new LessonTree(
                        true,
                        new LessonResults(folder, 1),
                        line -> lines.append(line).append('\n')),
                tests);
        return lines.toString();
    }

    private static void run(LessonTree tree, Class<?>... tests) {
        var config = LauncherConfig.builder()
                .enableTestExecutionListenerAutoRegistration(false)
                .enableLauncherSessionListenerAutoRegistration(false)
                .addLauncherSessionListeners(tree)
                .build();
        try (var session = LauncherFactory.openSession(config)) {
            for (Class<?> one : tests)
                session.getLauncher()
                        .execute(LauncherDiscoveryRequestBuilder.request()
                                .selectors(DiscoverySelectors.selectClass(one))
                                .build());
        }
    }

    @Test
    void the_lesson_comes_last_with_its_rows_in_one_line_and_a_failure_once() {
        assertThat(printed(Lesson.class, Details.class))
                .startsWith(
                        "✔ pitfalls.workshop.LessonTreeTest$Details (2)\n┬─ pitfalls.workshop.LessonTreeTest$Lesson\n")
                .contains("""
                        ├─ ── Broken
                        │     └─ ✔ it breaks
                        └─ ── Fixed
                              ├─ ✔ it is fixed (2)
                              ├─ ✘ a detail that is red
                              └─ ✔ and the fine print: 1 more, 1 test (-Dbonus lists them)
                        """)
                .containsOnlyOnce("[the answer]")
                .contains("expected: 42", "    at pitfalls.workshop.LessonTreeTest$Lesson$Fixed.a_detail_that_is_red");
    }

    @Test
    void a_class_alone_is_shown_in_full() {
        assertThat(printed(Details.class)).contains("─ ✔ one\n", "─ ✔ two\n");
    }

    @Test
    void of_several_JVMs_the_last_one_that_ends_prints_what_all_have_shown() {
        var printed = new ArrayList<String>();
        var other = new LessonResults(folder, ProcessHandle.current().pid());
        other.begin();
        run(new LessonTree(true, new LessonResults(folder, 1), printed::add), Lesson.class);
        assertThat(printed).as("printed while another JVM goes on").isEmpty();

        var all = other.end(new Found(new ArrayList<>(), new ArrayList<>()));

        assertThat(all.stream().flatMap(found -> found.classes().stream()))
                .extracting(TestClass::name)
                .containsExactly(Lesson.class.getName());
    }

    @Test
    void a_JVM_that_was_killed_is_not_waited_for_and_what_it_has_left_is_not_shown() {
        var killed = new LessonResults(folder, Integer.MAX_VALUE);
        killed.begin();
        assertThat(printed(Details.class)).startsWith("┬─ ");

        assertThat(folder).isEmptyDirectory();
    }
}
