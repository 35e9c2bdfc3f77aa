package pitfalls.program;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.Locale;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.RequestLog;
import org.eclipse.jetty.server.RequestLogWriter;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.NanoTime;
import org.eclipse.jetty.util.component.ContainerLifeCycle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import pitfalls.step02.Exchange;
import pitfalls.step02.ProxyError;

/**
 * One line for each request, when it is over. It begins as the combined format of other servers does, so that their tools can read
 * it, and ends with what only a proxy knows. What is absent is {@code -}.
 *
 * <pre>
 * 127.0.0.1 - - [26/Nov/2026:09:01:25 +0000] "GET /a HTTP/1.1" 200 12 "-" "curl/8.14" ms=3 upstream=http://127.0.0.1:8081 attempts=1 request=4f2a9c01
 * </pre>
 *
 * <p>The status is 499 if the client has left before it had the whole response, as in nginx's log.
 */
final class AccessLog extends ContainerLifeCycle implements RequestLog {
    private static final Logger LOG = LoggerFactory.getLogger(AccessLog.class);
    private static final String ABSENT = "-";
    private static final HexFormat HEX = HexFormat.of().withUpperCase(); // a client may send thousands of such bytes

    /** The status of a request whose client has left. */
    static final int CLIENT_LEFT = 499;

    private final DateTimeFormatter time = DateTimeFormatter.ofPattern("'['dd/MMM/yyyy:HH:mm:ss Z']'", Locale.ENGLISH)
            .withZone(ZoneId.systemDefault());
    private final RequestLog.Writer writer;

    /** A log whose lines go to this writer. */
    AccessLog(RequestLog.Writer writer) {
        this.writer = writer;
        installBean(writer);
    }

    /**
     * A log in this file, or on the standard output if it is {@code -}.
     *
     * @throws IllegalArgumentException with one sentence, if it cannot be written
     */
    static AccessLog to(Path file) {
        if (file.toString().equals("-")) return new AccessLog(System.out::println);
        Path folder = file.toAbsolutePath().getParent();
        boolean canBeWritten = Files.exists(file)
                ? !Files.isDirectory(file) && Files.isWritable(file)
                : folder != null && Files.isDirectory(folder) && Files.isWritable(folder);
        if (canBeWritten) return new AccessLog(new RequestLogWriter(file.toString()));
        throw new IllegalArgumentException(
                "--access-log must be a file that can be written, in a folder that exists, not '" + file + "'");
    }

    @Override
    public void log(Request request, Response response) {
        try {
            writer.write(line(request, response));
        } catch (IOException x) {
            LOG.warn("no line in the access log: {}", x.toString());
        }
    }

    private String line(Request request, Response response) {
        Exchange exchange = Exchange.of(request);
        boolean isKnown = exchange != null;
        long bytes = Response.getContentBytesWritten(response);
        return String.join(
                " ",
                Request.getRemoteAddr(request),
                ABSENT,
                ABSENT,
                time.format(Instant.ofEpochMilli(Request.getTimeStamp(request))),
                quoted(startLine(request)),
                status(exchange, response),
                bytes == 0 ? ABSENT : String.valueOf(bytes),
                quoted(request.getHeaders().get(HttpHeader.REFERER)),
                quoted(request.getHeaders().get(HttpHeader.USER_AGENT)),
                "ms=" + NanoTime.millisSince(request.getBeginNanoTime()),
                "upstream=" + (isKnown && exchange.upstream() != null ? exchange.upstream() : ABSENT),
                "attempts=" + (isKnown ? exchange.attempt() : ABSENT),
                "request=" + (isKnown ? exchange.id() : ABSENT));
    }

    private static String startLine(Request request) {
        if (request.getMethod().equals("BAD")) return null; // Jetty could not read it
        return request.getMethod() + " " + request.getHttpURI().getPathQuery() + " "
                + request.getConnectionMetaData().getProtocol();
    }

    private static String status(Exchange exchange, Response response) {
        int status = statusOf(exchange, response);
        return status == 0 ? ABSENT : String.valueOf(status);
    }

    /** The status of a response; 499 if its client has left, and 0 if there is none. */
    static int statusOf(Exchange exchange, Response response) {
        ProxyError clientError = exchange == null ? null : exchange.clientError();
        boolean clientLeft = clientError != null && clientError.kind() == ProxyError.CLIENT_LEFT;
        return clientLeft ? CLIENT_LEFT : response.getStatus();
    }

    /** What a client has sent can neither end the quotes nor begin another line. */
    private static String quoted(String text) {
        if (text == null) return '"' + ABSENT + '"';
        var quoted = new StringBuilder(text.length() + 2).append('"');
        for (byte b : text.getBytes(UTF_8)) {
            boolean isPlain = b >= ' ' && b <= '~' && b != '"' && b != '\\';
            if (isPlain) quoted.append((char) b);
            else HEX.toHexDigits(quoted.append("\\x"), b);
        }
        return quoted.append('"').toString();
    }
}
