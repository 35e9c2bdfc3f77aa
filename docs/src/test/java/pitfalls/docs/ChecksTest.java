package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import pitfalls.support.Slow;

/** The checks find a word that was changed on one side only. */
@Timeout(value = 2, unit = TimeUnit.MINUTES) // for a machine that is busy: all sources are parsed
class ChecksTest {
    private static final Path STEP_4 = Page.ROOT.resolve("step-04-retries/README.md");
    private static final Path STEP_5 = Page.ROOT.resolve("step-05-hop-detection/README.md");

    /** What is changed in a page that is right, and the complaint about it. */
    private record Change(Path page, String from, String to, Function<Page, List<String>> check, String complaint) {}

    @TestFactory
    @Slow
    Stream<DynamicTest> a_change_on_one_side_is_found() {
        return Stream.of(
                        new Change(
                                STEP_4,
                                "if (!harmless && !keyHelps)",
                                "if (!keyHelps)",
                                Checks::blocks,
                                "RetryPolicy.verdict reads"),
                        new Change(
                                STEP_4,
                                "`RetryPolicy.verdict` decides",
                                "`RetryPolicy.object` decides",
                                Checks::blocks,
                                "is not in"),
                        new Change(STEP_4, "// a sketch\n", "", Checks::blocks, "needs a paragraph before it"),
                        new Change(
                                Page.ROOT.resolve("README.md"),
                                "1.0-SNAPSHOT</",
                                "1.0</",
                                Checks::blocks,
                                "its POM does not say"),
                        new Change(STEP_4, "```shell", "```bash", Checks::blocks, "a block of 'bash' has no source"),
                        new Change(
                                STEP_4,
                                "ended the connection",
                                "closed the connection",
                                Checks::blocks,
                                "when it is run"),
                        new Change(
                                STEP_4, "<!-- output: dropped, the log -->\n", "", Checks::blocks, "needs a comment"),
                        new Change(
                                STEP_4,
                                "blindly is applied",
                                "blindly gets applied",
                                Checks::blocks,
                                "not what comes next"),
                        new Change(STEP_4, "In words:", "In short:", Checks::blocks, "'In words:'"),
                        new Change(
                                STEP_5,
                                "(clientToProxyRequest)",
                                "(userToProxyRequest)",
                                Checks::blocks,
                                "four directions"),
                        new Change(
                                STEP_4,
                                "-pl step-04-retries",
                                "-pl step-04-retry",
                                Checks::commands,
                                "there is no module"),
                        new Change(
                                STEP_4, "-Dtest=RetriesTest", "-Dtest=RetryTest", Checks::commands, "there is no test"),
                        new Change(STEP_4, "(src/main/java", "(src/java", Checks::links, "leads nowhere"),
                        new Change(
                                STEP_4,
                                "(../step-05-hop-detection/README.md)",
                                "(../step-05-hop-detection/README.md#x)",
                                Checks::links,
                                "there is no heading"),
                        new Change(
                                STEP_4,
                                "`each_attempt_asks_anew_where_to_go`",
                                "`each_attempt_asks_where_to_go`",
                                Checks::names,
                                "there is no test"),
                        new Change(STEP_4, "```mermaid", "```text", Checks::lesson, "there is no diagram"),
                        new Change(STEP_4, "<summary>Hint 3", "<summary>The end", Checks::lesson, "there are 2 hints"),
                        new Change(STEP_4, "<details><summary>The sol", "The sol", Checks::lesson, "not folded"),
                        new Change(STEP_4, "**Learned.**", "", Checks::lesson, "nothing says"),
                        new Change(STEP_4, "## Still broken", "## What is left", Checks::lesson, "the headings are"))
                .map(change -> DynamicTest.dynamicTest(change.complaint() + ": " + change.to(), () -> {
                    String text = Page.textOf(change.page());
                    assertThat(text).contains(change.from());
                    var changed = Page.of(change.page(), text.replace(change.from(), change.to()));

                    assertThat(change.check().apply(changed))
                            .anySatisfy(complaint -> assertThat(complaint).contains(change.complaint()));
                }));
    }

    @Test
    void a_profile_that_does_not_exist_is_found() {
        var page = Page.of(STEP_4, "Run `mvn test -Pproofs`.");

        assertThat(Checks.commands(page)).containsExactly("mvn test -Pproofs: there is no profile proofs");
    }

    @Test
    void a_command_that_runs_the_program_and_goes_on_without_memory_is_told() {
        var page = Page.of(
                STEP_4, "Run `java -Xmx64m -jar proxy.jar`, or `java -XX:+ExitOnOutOfMemoryError -jar proxy.jar`.");

        assertThat(Checks.commands(page))
                .containsExactly("java -Xmx64m -jar proxy.jar: without -XX:+ExitOnOutOfMemoryError");
    }

    @Test
    void a_member_behind_a_link_that_is_not_there_is_found() {
        var page = Page.of(STEP_4, "[`RetryPolicy.never`](src/main/java/pitfalls/step04/RetryPolicy.java)");

        assertThat(Checks.names(page)).hasSize(1).first().asString().startsWith("RetryPolicy.never is not in");
    }

    @Test
    void lines_that_are_not_in_the_configuration_are_found() {
        var page = Page.of(
                Page.ROOT.resolve("docs/x.md"), "In [nginx.conf](edge/nginx.conf):\n\n```nginx\nsend off;\n```\n");

        assertThat(Checks.blocks(page)).hasSize(1).first().asString().contains("not in the file");
    }
}
