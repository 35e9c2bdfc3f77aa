package pitfalls.step02;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/** What the operator reads of an error: one line. */
final class ErrorLog {
    private static final Logger LOG = LoggerFactory.getLogger(ErrorHandlingProxy.class);
    private static final int LONGEST_CAUSE = 160;

    private ErrorLog() {}

    /** Logs what became of a request, and why; at INFO if the client is to blame. The stack trace is for DEBUG. */
    static void line(String verb, ProxyError error, Exchange exchange) {
        LOG.atLevel(error.isClientFault() ? Level.INFO : Level.WARN)
                .log(
                        "{} {} {} for {}: {} {}",
                        verb,
                        error.kind().status(),
                        error.kind().type(),
                        exchange.subject(),
                        summary(error.cause()),
                        exchange.label());
        LOG.debug("the cause in full {}", exchange.label(), error.cause());
    }

    /** Some of Jetty's messages are dumps of a connection, hundreds of characters long. */
    private static String summary(Throwable cause) {
        if (cause == null) return "refused";
        String text = cause.toString();
        return text.length() <= LONGEST_CAUSE
                ? printable(text)
                : cause.getClass().getName();
    }

    /** What a client or an upstream sent must not look like a line of the log. */
    static String printable(String text) {
        return text == null ? "" : text.replaceAll("[^ -~]", "?");
    }
}
