package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Every page says what is so. {@code -Dupdate} mends code and output. */
class PagesTest {

    @TestFactory
    Stream<DynamicTest> each_block_equals_its_source() {
        return pages(Checks::blocks);
    }

    @TestFactory
    Stream<DynamicTest> each_link_leads_somewhere() {
        return pages(Checks::links);
    }

    @TestFactory
    Stream<DynamicTest> each_command_names_what_exists() {
        return pages(Checks::commands);
    }

    @Test
    void the_build_runs_the_program_with_the_option_that_ends_it_when_memory_is_out() {
        String pom = Page.textOf(Page.ROOT.resolve("step-07-streaming").resolve("pom.xml"));

        assertThat(pom).contains("<commandlineArgs>" + Checks.ENDS_WITHOUT_MEMORY + " -classpath ");
    }

    @TestFactory
    Stream<DynamicTest> each_test_and_member_that_is_named_exists() {
        return pages(Checks::names);
    }

    @TestFactory
    Stream<DynamicTest> each_block_and_table_fits_into_a_page() {
        return pages(Widths::tooWide);
    }

    @TestFactory
    Stream<DynamicTest> each_step_has_the_shape_of_a_lesson() {
        return Page.all()
                .filter(page -> page.name().startsWith("step-"))
                .map(page -> DynamicTest.dynamicTest(
                        page.name(), () -> assertThat(Checks.lesson(page)).isEmpty()));
    }

    private static Stream<DynamicTest> pages(Function<Page, List<String>> check) {
        return Page.all()
                .map(page -> DynamicTest.dynamicTest(
                        page.name(), () -> assertThat(check.apply(page)).isEmpty()));
    }
}
