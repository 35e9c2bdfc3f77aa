package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Where options come from, besides the command line. */
class EnvironmentTest {

    @Test
    void each_option_has_a_variable_and_help_has_none() {
        Set<String> asked = new HashSet<>();

        ReverseProxy.commandLine(new ReverseProxy(), name -> {
                    asked.add(name);
                    return null;
                })
                .parseArgs();

        assertThat(asked)
                .contains(
                        "REVERSE_PROXY_TARGET",
                        "REVERSE_PROXY_MAX_UPSTREAM_CONNECTIONS",
                        "REVERSE_PROXY_STRICT_TARGETS")
                .doesNotContain("REVERSE_PROXY_HELP", "REVERSE_PROXY_VERSION")
                .allMatch(name -> name.matches("REVERSE_PROXY_[A-Z_]+"));
    }

    @Test
    void the_command_line_comes_first_and_then_the_environment_and_then_the_default() {
        var environment = Map.of(
                "REVERSE_PROXY_TARGET", ":8081",
                "REVERSE_PROXY_RETRIES", "2",
                "REVERSE_PROXY_VIA", "edge-a",
                "REVERSE_PROXY_MAX_UPSTREAM_CONNECTIONS", "");
        var program = new ReverseProxy();

        ReverseProxy.commandLine(program, environment::get).parseArgs("--retries=3");

        var proxy = program.newProxy();
        assertThat(proxy.getRetryPolicy().attempts()).as("--retries=3").isEqualTo(4);
        assertThat(proxy.getViaHost()).as("REVERSE_PROXY_VIA").isEqualTo("edge-a");
        assertThat(proxy.getMaxUpstreamConnections()).as("an empty variable").isEqualTo(1000);
    }

    @TestFactory
    Stream<DynamicTest> a_bad_value_in_the_environment_is_one_sentence_and_exit_code_2() {
        return Stream.of(
                        "REVERSE_PROXY_RETRIES=often >> '--retries': 'often' is not a whole number",
                        "REVERSE_PROXY_NO_VIA=maybe >> '--no-via': 'maybe' is neither true nor false")
                .map(row -> row.split("=| >> "))
                .map(row -> DynamicTest.dynamicTest(row[0], () -> {
                    var err = new StringWriter();
                    var program = ReverseProxy.commandLine(new ReverseProxy(), Map.of(row[0], row[1])::get)
                            .setErr(new PrintWriter(err));

                    int exitCode = program.execute("--target=:1");

                    assertThat(exitCode).isEqualTo(2);
                    assertThat(err.toString().strip()).isEqualTo("reverse-proxy: Invalid value for option " + row[2]);
                }));
    }

    @TestFactory
    Stream<DynamicTest> a_flag_is_on_where_one_of_both_says_so() {
        return Stream.of("null none false", "true none true", "null --on true", "true --on true", "false --on true")
                .map(row -> row.split(" "))
                .map(row -> DynamicTest.dynamicTest(String.join(" ", row), () -> {
                    var flag = new Flag();
                    var environment = new Environment(name -> row[0].equals("null") ? null : row[0]);

                    new CommandLine(flag)
                            .setDefaultValueProvider(environment)
                            .setExecutionStrategy(Environment::execute)
                            .execute(row[1].equals("none") ? new String[0] : new String[] {row[1]});

                    assertThat(flag.seen).isEqualTo(Boolean.valueOf(row[2]));
                }));
    }

    /** A program with one flag. */
    @Command
    private static final class Flag implements Runnable {
        @Option(names = "--on")
        private boolean on;

        private Boolean seen;

        @Override
        public void run() {
            seen = on;
        }
    }

    @Test
    void options_can_be_read_from_a_file(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("options"), """
                # of the edge
                --target=:8081
                --retries 2
                --route 'X-Tenant=red and blue=:8082'
                --via "edge-a"
                """);
        var program = new ReverseProxy();

        ReverseProxy.commandLine(program, name -> null).parseArgs("@" + file, "--hop-mark=X-Mark");

        var proxy = program.newProxy();
        assertThat(proxy.getRetryPolicy().attempts()).isEqualTo(3);
        assertThat(proxy.getViaHost()).isEqualTo("edge-a");
    }

    @Test
    void help_tells_of_both() {
        String help = ReverseProxy.commandLine(new ReverseProxy(), name -> null).getUsageMessage();

        assertThat(help).contains("REVERSE_PROXY_MAX_HEAD_SIZE", "@FILE");
    }
}
