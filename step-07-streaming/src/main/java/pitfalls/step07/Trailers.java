package pitfalls.step07;

import java.util.List;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import pitfalls.step05.HopByHop;

/** The fields behind a chunked body (RFC 9110, section 6.5), which are passed on whether they were announced or not. */
final class Trailers {
    private static final List<HttpHeader> NEVER =
            List.of(HttpHeader.CONTENT_LENGTH, HttpHeader.HOST, HttpHeader.TE, HttpHeader.AUTHORIZATION);

    private Trailers() {}

    /** Passes on the trailers of a request, once its body was sent. */
    static void passOn(Request clientToProxyRequest, org.eclipse.jetty.client.Request proxyToServerRequest) {
        HttpFields header = clientToProxyRequest.getHeaders();
        if (!isChunked(header)) return;
        proxyToServerRequest.trailersSupplier(() -> endToEnd(clientToProxyRequest.getTrailers(), header));
        proxyToServerRequest.headers(fields -> announce(header, fields));
    }

    /** Passes on the trailers of a response, once its body was sent. */
    static void passOn(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Response serverToProxyResponse,
            Response proxyToClientResponse) {
        HttpFields header = serverToProxyResponse.getHeaders();
        boolean understood = clientToProxyRequest.getConnectionMetaData().getHttpVersion() != HttpVersion.HTTP_1_0;
        if (!understood || !isChunked(header)) return;
        proxyToClientResponse.setTrailersSupplier(() -> endToEnd(serverToProxyResponse.getTrailers(), header));
        announce(header, proxyToClientResponse.getHeaders());
    }

    private static boolean isChunked(HttpFields header) {
        return header.contains(HttpHeader.TRANSFER_ENCODING, HttpHeaderValue.CHUNKED.asString());
    }

    private static void announce(HttpFields header, HttpFields.Mutable fields) {
        if (header.contains(HttpHeader.TRAILER))
            fields.put(HttpHeader.TRAILER, String.join(", ", header.getValuesList(HttpHeader.TRAILER)));
    }

    /**
     * What may be passed on of these trailers; {@code null} if there are none.
     *
     * @param header the fields of the same message, whose {@code Connection} counts for the trailers too
     */
    private static HttpFields endToEnd(HttpFields trailers, HttpFields header) {
        if (trailers == null) return null;
        var all = HttpFields.build(trailers);
        for (HttpField connection : header.getFields(HttpHeader.CONNECTION)) all.add(connection);
        var rest = HttpFields.build(HopByHop.endToEnd(all));
        NEVER.forEach(rest::remove);
        return rest.size() == 0 ? null : rest;
    }
}
