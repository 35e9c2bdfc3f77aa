package pitfalls.step07;

import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import pitfalls.step02.Exchange;
import pitfalls.step02.ProxyError;
import pitfalls.step02.UpstreamTransport;
import pitfalls.step05.HopByHop;
import pitfalls.step06.ForwardedFields;
import pitfalls.step07.http2.Grpc;

/**
 * The fields behind a chunked body (RFC 9110, section 6.5), which are passed on whether they were announced or not. Fields
 * that HTTP knows belong to the head, where a proxy has looked at them, and are dropped; {@code ETag} is none of them.
 */
final class Trailers {
    /** The value of {@code TE} that asks for them. */
    static final String TRAILERS = "trailers";

    private static final String CHUNKED = HttpHeaderValue.CHUNKED.asString();

    private Trailers() {}

    /**
     * Says to the upstream that trailers of its response pass, which gRPC and others ask for. {@code TE} is between neighbours, and
     * nothing else of the client's is passed on (RFC 9110, section 10.1.4).
     */
    static void accept(Exchange exchange, org.eclipse.jetty.client.Request proxyToServerRequest) {
        boolean upgrades =
                exchange.clientToProxyRequest.getHeaders().contains(HttpHeader.UPGRADE); // which needs Connection
        if (!understoodBy(exchange) || upgrades) return;
        proxyToServerRequest.headers(
                fields -> fields.put(HttpHeader.TE, TRAILERS).put(HttpHeader.CONNECTION, "TE"));
    }

    /** Passes on the trailers of a request, once its body was sent. Where the version is agreed on in TLS, it may be HTTP/1.1. */
    static void passOn(
            Exchange exchange, org.eclipse.jetty.client.Request proxyToServerRequest, UpstreamProtocol protocol) {
        Request clientToProxyRequest = exchange.clientToProxyRequest;
        HttpFields header = clientToProxyRequest.getHeaders();
        // Over HTTP/2, also a body with a length may have some. HTTP/1.1 would have no place for them.
        boolean isHttp2 = proxyToServerRequest.getTransport() == UpstreamTransport.HTTP_2_PRIOR_KNOWLEDGE
                || protocol == UpstreamProtocol.HTTP_2 && !header.contains(HttpHeader.UPGRADE);
        if (!isHttp2 && !header.contains(HttpHeader.TRANSFER_ENCODING, CHUNKED)) return;
        proxyToServerRequest.trailersSupplier(() -> endToEnd(clientToProxyRequest.getTrailers(), header));
        proxyToServerRequest.headers(fields -> announce(header, fields));
    }

    /** Passes on the trailers of a response, once its body was sent. */
    static void passOn(Exchange exchange, org.eclipse.jetty.client.Response serverToProxyResponse) {
        Response proxyToClientResponse = exchange.proxyToClientResponse;
        HttpFields header = serverToProxyResponse.getHeaders();
        boolean hasPlace = header.contains(HttpHeader.TRANSFER_ENCODING, CHUNKED)
                || serverToProxyResponse.getVersion() == HttpVersion.HTTP_2
                        && (!header.contains(HttpHeader.CONTENT_LENGTH) || isHttp2(exchange))
                        && !HttpMethod.HEAD.is(exchange.clientToProxyRequest.getMethod());
        if (!hasPlace || !understoodBy(exchange)) return;
        proxyToClientResponse.setTrailersSupplier(() -> {
            ProxyError error = ((StreamingExchange) exchange).callError;
            return error != null
                    ? Grpc.status(error, exchange.clientToProxyRequest)
                    : endToEnd(serverToProxyResponse.getTrailers(), header);
        });
        announce(header, proxyToClientResponse.getHeaders());
    }

    private static boolean isHttp2(Exchange exchange) {
        return exchange.clientToProxyRequest.getConnectionMetaData().getHttpVersion() == HttpVersion.HTTP_2;
    }

    /** An HTTP/1.0 client knows no chunks, behind which they would come. */
    private static boolean understoodBy(Exchange exchange) {
        return exchange.clientToProxyRequest.getConnectionMetaData().getHttpVersion() != HttpVersion.HTTP_1_0;
    }

    private static void announce(HttpFields header, HttpFields.Mutable fields) {
        for (String name : header.getCSV(HttpHeader.TRAILER, false)) {
            if (isTrailer(name)) fields.add(HttpHeader.TRAILER, name);
        }
    }

    /** What may be passed on of these trailers; {@code null} if it is nothing. {@code Connection} counts for them too. */
    static HttpFields endToEnd(HttpFields trailers, HttpFields header) {
        if (trailers == null) return null;
        var all = HttpFields.build();
        for (HttpField trailer : trailers) {
            if (isTrailer(trailer.getName())) all.add(trailer);
        }
        for (HttpField connection : header.getFields(HttpHeader.CONNECTION)) all.add(connection);
        HttpFields rest = HopByHop.endToEnd(all);
        return rest.size() == 0 ? null : rest;
    }

    private static boolean isTrailer(String name) {
        HttpHeader known = HttpHeader.CACHE.get(name);
        return !ForwardedFields.isForwardedField(name) && (known == null || known == HttpHeader.ETAG);
    }
}
