package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;

/** Options that name PEM files which are not what they should be, and what is said of them. */
final class BadPem {
    private BadPem() {}

    /** A test for each row, {@code options >> sentence}, in which files are named without their folder. */
    static Stream<DynamicTest> inFolder(Path folder, String... rows) {
        return Stream.of(rows)
                .map(row -> row.split(" >> "))
                .map(row -> DynamicTest.dynamicTest(row[0], () -> {
                    var err = new StringWriter();
                    var program = ReverseProxy.commandLine(new ReverseProxy()).setErr(new PrintWriter(err));
                    String options = "--target=:1 "
                            + row[0].replaceAll(
                                    "=(\\S+\\.pem)", "=" + Matcher.quoteReplacement(folder + File.separator) + "$1");

                    int exitCode = program.execute(options.split(" "));

                    assertThat(exitCode).isEqualTo(2);
                    assertThat(err.toString().strip().replace(folder + File.separator, ""))
                            .isEqualTo("reverse-proxy: " + row[1]);
                }));
    }
}
