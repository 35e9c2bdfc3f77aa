package pitfalls.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/**
 * Each row can be measured. The figures of a moment say nothing, so none is looked at. It runs with {@code -Dbench}, and at night, since a
 * load that ends without a figure says nothing about a change.
 */
@EnabledIfSystemProperty(named = "bench", matches = ".*", disabledReason = "it runs with -Dbench only")
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class BenchProof {
    private static int run(String... args) {
        assumeTrue(Files.exists(Path.of("/proc/self/stat")), "To prove this, run it on Linux");
        String[] brief = {"--rounds=1", "--seconds=1", "--warm-up=1", "--print"};
        return new CommandLine(new Bench())
                .execute(Stream.of(brief, args).flatMap(Stream::of).toArray(String[]::new));
    }

    /** Those of the proxies that are installed everywhere; one of them is enough where all do the same. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "--rows=SMALL --peers=OURS,JETTY,UNDERTOW,VERTX",
                "--rows=UPLOAD --peers=OURS,UNDERTOW",
                "--rows=MEDIUM --peers=OURS",
                "--rows=HTTP2 --peers=OURS,JETTY,UNDERTOW",
                "--rows=PACED --peers=OURS",
                "--rows=START --peers=OURS"
            })
    void a_row_is_measured(String args) {
        assertThat(run(args.split(" "))).as("the exit code of %s", args).isZero();
    }

    @Test
    void the_other_proxies_of_the_machine_serve_both_versions_of_http() {
        String others = String.join(
                ",",
                Peer.installed().stream()
                        .filter(peer -> !peer.isJava())
                        .map(Peer::name)
                        .toList());
        assumeTrue(!others.isEmpty(), "To prove this, install nginx, HAProxy or Caddy");

        assertThat(run("--rows=ONE,HTTP2", "--peers=" + others)).isZero();
    }

    /** As on a machine without wrk and h2load. */
    @Test
    void a_client_in_java_puts_the_same_loads_on() throws Exception {
        Path folder = Files.createDirectories(Path.of("target", "java-load"));
        try (var upstream = Others.Upstream.start(folder)) {
            var second = java.time.Duration.ofSeconds(1);
            var closed = new JavaLoad(new Load(Answers.SMALL_PATH, 0, 8, 1, 0), upstream.port(), false).run(second);
            var paced = new JavaLoad(new Load(Answers.SMALL_PATH, 0, 8, 1, 200), upstream.port(), false).run(second);
            var upload = new JavaLoad(new Load("/upload", Answers.LARGE, 2, 1, 0), upstream.port(), false).run(second);

            assertThat(closed.failed() + paced.failed() + upload.failed()).isZero();
            assertThat(paced.answered()).isBetween(150L, 201L);
            assertThat(closed.answered()).isGreaterThan(paced.answered());
        }
    }
}
