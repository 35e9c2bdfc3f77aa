package pitfalls.step02;

import java.util.HexFormat;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.server.Request;

/**
 * Names a request in the log: by the trace of W3C's {@code traceparent} or by {@code X-Request-Id} if the client sends one of
 * them, so that its log and this one can be put together, and by a random number otherwise.
 */
final class RequestId {
    private static final Pattern TRACEPARENT = Pattern.compile("[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*");
    private static final Pattern PRINTABLE = Pattern.compile("[!-~]{1,64}");

    private RequestId() {}

    static String of(Request clientToProxyRequest) {
        HttpFields fields = clientToProxyRequest.getHeaders();
        Matcher traceparent = TRACEPARENT.matcher(Objects.requireNonNullElse(fields.get("traceparent"), ""));
        if (traceparent.matches()) return traceparent.group(1);
        String id = fields.get("X-Request-Id");
        if (id != null && PRINTABLE.matcher(id).matches()) return id;
        return HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextInt());
    }
}
