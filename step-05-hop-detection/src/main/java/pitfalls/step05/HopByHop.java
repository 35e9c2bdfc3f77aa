package pitfalls.step05;

import java.util.List;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;

/** The fields of responses that end at this hop (RFC 9110, section 7.6.1). Those of requests Jetty removes itself. */
final class HopByHop {
    private static final List<String> ALWAYS = List.of(
            "Connection",
            "Keep-Alive",
            "Proxy-Authenticate",
            "Proxy-Connection",
            "Trailer",
            "Transfer-Encoding",
            "Upgrade");

    private HopByHop() {}

    /** Removes the fields that {@code Connection} names. */
    static void removeNamed(HttpFields.Mutable fields) {
        for (String name : fields.getCSV(HttpHeader.CONNECTION, false)) {
            boolean framesTheBody = HttpHeader.CONTENT_LENGTH.is(name) || HttpHeader.TRANSFER_ENCODING.is(name);
            if (!framesTheBody) fields.remove(name);
        }
    }

    /** These fields without the hop-by-hop ones. */
    static HttpFields endToEnd(HttpFields fields) {
        var rest = HttpFields.build(fields);
        removeNamed(rest);
        ALWAYS.forEach(rest::remove);
        return rest;
    }
}
