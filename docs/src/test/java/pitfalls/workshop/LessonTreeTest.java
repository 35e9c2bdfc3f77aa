package pitfalls.workshop;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.core.LauncherConfig;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import pitfalls.support.Headline;

/** What Maven prints of a module's tests. */
class LessonTreeTest {

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

    private static String printed(Class<?>... tests) {
        var printed = new ByteArrayOutputStream();
        var tree = new LessonTree(true, new PrintStream(printed, true, UTF_8));
        var config = LauncherConfig.builder()
                .enableTestExecutionListenerAutoRegistration(false)
                .build();
        var selectors = Stream.of(tests).map(DiscoverySelectors::selectClass).toArray(DiscoverySelector[]::new);
        LauncherFactory.create(config)
                .execute(
                        LauncherDiscoveryRequestBuilder.request()
                                .selectors(selectors)
                                .build(),
                        tree);
        return printed.toString(UTF_8).replace("\r\n", "\n");
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
}
