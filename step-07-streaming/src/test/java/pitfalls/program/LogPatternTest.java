package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.joran.JoranConfigurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import ch.qos.logback.core.ConsoleAppender;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What the program's log looks like, whatever somebody else has put into a message, the program's own or Jetty's. */
class LogPatternTest {

    @TestFactory
    Stream<DynamicTest> no_control_character_of_any_kind_reaches_the_log() {
        return Stream.of(
                        "\r\n",
                        "\u0000",
                        "\u0007",
                        "\u001b[31m",
                        "\u007f",
                        "\u0080",
                        "\u0085",
                        "\u009b31m",
                        "\u00ad",
                        "\u061c",
                        "\u200b",
                        "\u200e",
                        "\u202a",
                        "\u202e",
                        "\u2028",
                        "\u2029",
                        "\u2066",
                        "\u2069",
                        "\ufeff",
                        "\ufff9",
                        "\ud800",
                        "\udb40\udc41")
                .map(text -> DynamicTest.dynamicTest(escaped(text), () -> {
                    var cause = new IllegalStateException("before" + text + "after");

                    String message = logged("GET /a" + text + "2026-11-26 WARN forged", null);
                    String withCause = logged("failed", cause);

                    assertThat(message).matches("\\S+ WARN  GET /a ?(\\[?31m)?2026-11-26 WARN forged\n");
                    assertThat(withCause)
                            .matches("\\S+ WARN  failed java.lang.IllegalStateException: before ?(\\[?31m)?after.*\n")
                            .doesNotEndWith(" \n");
                }));
    }

    @TestFactory
    Stream<DynamicTest> what_is_no_control_character_is_left_as_it_is() {
        return Stream.of("plain", "caf\u00e9 \u65e5\u672c \u05d0 \ud83d\ude00", "a $1 \\ {}")
                .map(text -> DynamicTest.dynamicTest(
                        text, () -> assertThat(logged(text, null)).endsWith(" WARN  " + text + "\n")));
    }

    private static String escaped(String text) {
        return text.chars().mapToObj(c -> String.format("U+%04X", c)).toList().toString();
    }

    /** What stands in the log of the program. */
    private static String logged(String message, Throwable cause) throws Exception {
        var context = new LoggerContext();
        context.setMDCAdapter(new LogbackMDCAdapter());
        var configurator = new JoranConfigurator();
        configurator.setContext(context);
        configurator.doConfigure(LogPatternTest.class.getResource("logback.xml"));
        var appender = (ConsoleAppender<ILoggingEvent>)
                context.getLogger(Logger.ROOT_LOGGER_NAME).getAppender("stderr");
        var event = new LoggingEvent("", context.getLogger("pitfalls"), Level.WARN, message, cause, null);
        byte[] line = appender.getEncoder().encode(event);
        context.stop();
        return new String(line, StandardCharsets.UTF_8);
    }
}
