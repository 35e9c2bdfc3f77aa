package pitfalls.step05;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.client.Request;
import org.eclipse.jetty.client.Response;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.http.HttpVersion;

/**
 * The fields that end at this hop (RFC 9110, section 7.6.1). Jetty leaves out those of requests as it copies them, but of
 * those of responses only the ones that always end.
 */
public final class HopByHop {
    /** Options of the connection, and fields that frame the message, which Connection cannot name. */
    private static final Set<String> NOT_NAMES = Set.of("close", "keep-alive", "content-length", "host");

    private static final List<String> ALWAYS = List.of(
            "Connection",
            "Keep-Alive",
            "Proxy-Authenticate",
            "Proxy-Authorization",
            "Proxy-Connection",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "Upgrade");

    private HopByHop() {}

    /**
     * Leaves out what ends here: always the same fields, and those that {@code Connection} names.
     *
     * @param fields the fields of a request or a response
     * @return a copy without those that end here
     */
    public static HttpFields endToEnd(HttpFields fields) {
        var rest = HttpFields.build(fields);
        namedIn(fields).forEach(rest::remove);
        ALWAYS.forEach(rest::remove);
        return rest;
    }

    /** Tells it of most messages, and quickly. */
    private static boolean namesNone(HttpFields fields) {
        for (HttpField field : fields)
            if (field.getHeader() == HttpHeader.CONNECTION
                    && !HttpHeaderValue.KEEP_ALIVE.is(field.getValue())
                    && !HttpHeaderValue.CLOSE.is(field.getValue())) return false;
        return true;
    }

    private static List<String> namedIn(HttpFields fields) {
        List<String> names = new ArrayList<>();
        for (HttpField connection : fields.getFields(HttpHeader.CONNECTION))
            for (String name : connection.getValue().split(","))
                if (!NOT_NAMES.contains(name.strip().toLowerCase(Locale.ROOT))) names.add(name.strip());
        return names;
    }

    /** This response without the fields that {@code Connection} names; Jetty leaves out the others. */
    static Response endToEnd(Response response) {
        if (namesNone(response.getHeaders())) return response;
        HttpFields fields = endToEnd(response.getHeaders());
        return new Response() {
            @Override
            public Request getRequest() {
                return response.getRequest();
            }

            @Override
            public HttpVersion getVersion() {
                return response.getVersion();
            }

            @Override
            public int getStatus() {
                return response.getStatus();
            }

            @Override
            public String getReason() {
                return response.getReason();
            }

            @Override
            public HttpFields getHeaders() {
                return fields;
            }

            @Override
            public HttpFields getTrailers() {
                return response.getTrailers();
            }

            @Override
            public CompletableFuture<Boolean> abort(Throwable cause) {
                return response.abort(cause);
            }
        };
    }
}
