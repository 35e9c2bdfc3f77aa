package pitfalls.step02;

import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
        Matcher traceparent = TRACEPARENT.matcher(valueOf(clientToProxyRequest, "traceparent"));
        if (traceparent.matches()) return traceparent.group(1);
        String id = valueOf(clientToProxyRequest, "X-Request-Id");
        if (PRINTABLE.matcher(id).matches()) return id;
        return HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextInt());
    }

    private static String valueOf(Request clientToProxyRequest, String name) {
        String value = clientToProxyRequest.getHeaders().get(name);
        return value == null ? "" : value;
    }
}
