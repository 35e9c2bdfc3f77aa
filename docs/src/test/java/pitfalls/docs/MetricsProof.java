package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.targetOf;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.program.MetricsOutput;
import pitfalls.support.LoopbackTest;

/** Prometheus' own checker looks at what the program tells, and at the rules for alerts. */
class MetricsProof implements LoopbackTest {
    @TempDir
    private Path folder;

    private String promtool(String input, String... arguments) throws Exception {
        var command = new String[arguments.length + 1];
        command[0] = Program.find("promtool", "prometheus");
        System.arraycopy(arguments, 0, command, 1, arguments.length);
        return Program.run(folder, input, command) + Page.textOf(folder.resolve("errors"));
    }

    @Test
    void promtool_finds_nothing_wrong_with_the_metrics() throws Exception {
        String output = MetricsOutput.afterRequest(loopback, targetOf(loopback.upstream(ok())));

        assertThat(promtool(output, "check", "metrics")).isEmpty();
    }

    @Test
    void promtool_finds_what_is_wrong() throws Exception {
        assertThat(promtool("# TYPE x counter\nx 1\n", "check", "metrics")).contains("no help text");
    }

    @Test
    void each_alert_fires_when_it_should_and_not_before() throws Exception {
        String tests =
                Page.ROOT.resolve("docs/src/test/resources/alerts-test.yml").toString();

        assertThat(promtool("", "test", "rules", tests)).contains("SUCCESS").doesNotContain("FAILED");
    }
}
