package pitfalls.step02;

import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.server.Request;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/** What the operator reads of an error: one line. */
final class ErrorLog {
    private static final Logger LOG = LoggerFactory.getLogger(ErrorHandlingProxy.class);
    private static final int LONGEST_CAUSE = 160;
    private static final int LONGEST_SUBJECT = 1000;

    private ErrorLog() {}

    /**
     * Logs what became of a request, and why; at INFO and with the client's address if the client is to blame. The stack trace is
     * for DEBUG. Other logs find the error in the exchange.
     */
    static void line(String verb, ProxyError error, Exchange exchange) {
        exchange.error = error;
        boolean isClientFault = error.isClientFault();
        LOG.atLevel(isClientFault ? Level.INFO : Level.WARN)
                .log(
                        "{} {} {} for {}{}: {} {}",
                        verb,
                        error.kind().status(),
                        error.kind().type(),
                        exchange.subject(),
                        isClientFault ? " from " + Request.getRemoteAddr(exchange.clientToProxyRequest) : "",
                        summary(error.cause()),
                        exchange.label());
        LOG.debug("the cause in full {}", exchange.label(), error.cause());
    }

    /** Some of Jetty's messages are dumps of a connection, hundreds of characters long. */
    private static String summary(Throwable cause) {
        if (cause == null) return "refused";
        if (cause instanceof HttpException refusal) {
            return refusal.getReason() == null ? "refused" : "refused: " + printable(refusal.getReason());
        }
        String text = cause.toString();
        return text.length() <= LONGEST_CAUSE
                ? printable(text)
                : cause.getClass().getName();
    }

    /** What a client asks for, shortened: a path may be as long as a server accepts. */
    static String methodAndPath(Request clientToProxyRequest) {
        String method = clientToProxyRequest.getMethod();
        String path = clientToProxyRequest.getHttpURI().getPath();
        if (method.equals("BAD")) { // as Jetty calls a request whose first line it cannot read
            return "an unreadable request";
        }
        String text = printable(method + " " + path);
        return text.length() <= LONGEST_SUBJECT ? text : text.substring(0, LONGEST_SUBJECT) + "...";
    }

    /** What a client or an upstream sent must not look like a line of the log. */
    static String printable(String text) {
        return text == null ? "" : text.replaceAll("[^ -~]", "?");
    }
}
