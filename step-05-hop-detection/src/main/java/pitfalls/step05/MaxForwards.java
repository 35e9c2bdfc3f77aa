package pitfalls.step05;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.Set;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.BufferUtil;
import pitfalls.step02.Exchange;

/** {@code Max-Forwards} on TRACE and OPTIONS (RFC 9110, section 7.6.2): how a client asks one hop after the other. */
final class MaxForwards {
    private static final Set<String> METHODS = Set.of("TRACE", "OPTIONS");
    private static final Set<String> SENSITIVE = Set.of("authorization", "cookie", "proxy-authorization");

    private MaxForwards() {}

    /** Whether this hop is the one that the client asks. */
    static boolean isZero(Request clientToProxyRequest) {
        return METHODS.contains(clientToProxyRequest.getMethod()) && left(clientToProxyRequest) == 0;
    }

    /** Counts this hop, in the fields that go to the upstream. */
    static void decrement(Request clientToProxyRequest, HttpFields.Mutable proxyToServerFields) {
        if (!METHODS.contains(clientToProxyRequest.getMethod())) return;
        long left = left(clientToProxyRequest);
        if (left > 0) proxyToServerFields.put(HttpHeader.MAX_FORWARDS, left - 1);
    }

    /** Answers as the final recipient: OPTIONS with what may be asked, TRACE with what has arrived. */
    static void answer(Exchange exchange) {
        HttpFields.Mutable fields = exchange.proxyToClientResponse.getHeaders();
        exchange.proxyToClientResponse.setStatus(200);
        if (exchange.clientToProxyRequest.getMethod().equals("OPTIONS")) {
            fields.put(HttpHeader.ALLOW, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE");
            exchange.answer(BufferUtil.EMPTY_BUFFER);
        } else {
            fields.put(HttpHeader.CONTENT_TYPE, "message/http");
            exchange.answer(ISO_8859_1.encode(received(exchange.clientToProxyRequest)));
        }
    }

    /** The request as it arrived, without what a page's script must not get to see (RFC 9110, section 9.3.8). */
    private static String received(Request clientToProxyRequest) {
        var text = new StringBuilder("TRACE %s %s\r\n"
                .formatted(
                        clientToProxyRequest.getHttpURI().getPathQuery(),
                        clientToProxyRequest.getConnectionMetaData().getProtocol()));
        for (HttpField field : clientToProxyRequest.getHeaders()) {
            if (!SENSITIVE.contains(field.getLowerCaseName())) {
                text.append(field.getName())
                        .append(": ")
                        .append(field.getValue())
                        .append("\r\n");
            }
        }
        return text.append("\r\n").toString();
    }

    /** The number in the field, 18 digits at most; -1 if there is none. */
    private static long left(Request clientToProxyRequest) {
        String value = clientToProxyRequest.getHeaders().get(HttpHeader.MAX_FORWARDS);
        if (value == null || !value.matches("[0-9]+")) return -1;
        return value.length() > 18 ? 999_999_999_999_999_999L : Long.parseLong(value);
    }
}
