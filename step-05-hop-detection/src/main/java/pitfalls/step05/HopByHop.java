package pitfalls.step05;

import java.util.EnumSet;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.HttpVersion;

/**
 * The fields that end at this hop (RFC 9110, section 7.6.1): some always, and those that {@code Connection} names. Jetty's
 * own proxy leaves out both from requests, but from responses only those that always end.
 */
public final class HopByHop {
    private static final Set<HttpHeader> ALWAYS = EnumSet.of(
            HttpHeader.CONNECTION,
            HttpHeader.KEEP_ALIVE,
            HttpHeader.PROXY_AUTHENTICATE,
            HttpHeader.PROXY_AUTHORIZATION,
            HttpHeader.PROXY_CONNECTION,
            HttpHeader.TE,
            HttpHeader.TRAILER,
            HttpHeader.TRANSFER_ENCODING,
            HttpHeader.UPGRADE);

    /**
     * What {@code Connection} cannot take away: {@code Host} belongs to the request's target, {@code Content-Length} frames
     * the body, and {@code Expect} belongs to the body too, which Jetty holds back for the upstream's 100.
     */
    private static final Set<String> NEVER = Set.of("host", "content-length", "expect");

    private HopByHop() {}

    /**
     * Leaves out what ends here.
     *
     * @param fields the fields of a request or a response
     * @return a copy without those that end here
     */
    public static HttpFields endToEnd(HttpFields fields) {
        var rest = HttpFields.build();
        copyEndToEnd(fields, rest);
        return rest;
    }

    /** Adds to the copy what does not end here. */
    static void copyEndToEnd(HttpFields fields, HttpFields.Mutable copy) {
        Set<String> named = namedByConnection(fields);
        for (HttpField field : fields) {
            boolean ends = ALWAYS.contains(field.getHeader()) || named.contains(field.getLowerCaseName());
            if (!ends) copy.add(field);
        }
    }

    /** The names in {@code Connection}, in lower case; most messages have none. */
    private static Set<String> namedByConnection(HttpFields fields) {
        Set<String> names = null;
        for (HttpField field : fields) {
            boolean mayName = field.getHeader() == HttpHeader.CONNECTION
                    && !HttpHeaderValue.KEEP_ALIVE.is(field.getValue())
                    && !HttpHeaderValue.CLOSE.is(field.getValue());
            if (!mayName) continue;
            if (names == null) names = new HashSet<>();
            for (String name : field.getValue().toLowerCase(Locale.ROOT).split(",")) names.add(name.strip());
        }
        if (names == null) return Set.of();
        names.removeAll(NEVER);
        return names;
    }

    /**
     * A field that ends here with every status but this one, which has to carry it to the client: without its challenge, a 407 can be
     * answered by nobody, and a 426 says which protocol is required (RFC 9110, sections 15.5.8 and 15.5.22). {@code null} if there is none.
     */
    static HttpHeader owedBy(int status) {
        return switch (status) {
            case HttpStatus.PROXY_AUTHENTICATION_REQUIRED_407 -> HttpHeader.PROXY_AUTHENTICATE;
            case HttpStatus.UPGRADE_REQUIRED_426 -> HttpHeader.UPGRADE;
            default -> null;
        };
    }

    /** Copies a field that this response's status has to carry; the client's hop has a {@code Connection} of its own. */
    static void copyOwed(
            HttpHeader owed, org.eclipse.jetty.client.Response serverToProxyResponse, HttpFields.Mutable copy) {
        for (HttpField field : serverToProxyResponse.getHeaders().getFields(owed)) copy.add(field);
        if (owed == HttpHeader.UPGRADE && copy.contains(owed)) copy.add(HttpHeader.CONNECTION, "Upgrade");
    }

    /** This response without the fields that {@code Connection} names; Jetty leaves out the others. */
    static org.eclipse.jetty.client.Response endToEnd(org.eclipse.jetty.client.Response response) {
        if (namedByConnection(response.getHeaders()).isEmpty()) return response;
        HttpFields fields = endToEnd(response.getHeaders());
        return new org.eclipse.jetty.client.Response() {
            @Override
            public org.eclipse.jetty.client.Request getRequest() {
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
