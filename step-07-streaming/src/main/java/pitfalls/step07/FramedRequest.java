package pitfalls.step07;

import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;

/**
 * A request over HTTP/2 as HTTP/1.1 would frame it, in chunks if its body has no length. Jetty's proxy asks for one of
 * {@code Content-Length} and {@code Transfer-Encoding}, and loses a body that has neither. Cookies come in one field: a
 * browser splits them for HTTP/2, and HTTP/1.1 has one {@code Cookie} field per request (RFC 9113, section 8.2.3).
 */
final class FramedRequest extends Request.Wrapper {
    private final HttpFields fields;
    private Content.Chunk first;

    private FramedRequest(Request clientToProxyRequest) {
        super(clientToProxyRequest);
        var framed = HttpFields.build(clientToProxyRequest.getHeaders());
        if (framed.contains(HttpHeader.COOKIE)) {
            framed.put(HttpHeader.COOKIE, String.join("; ", framed.getValuesList(HttpHeader.COOKIE)));
        }
        if (clientToProxyRequest.getLength() < 0) {
            first = clientToProxyRequest.read();
            boolean hasBody = first == null || first.hasRemaining() || !first.isLast();
            if (hasBody) framed.put(HttpHeader.TRANSFER_ENCODING, HttpHeaderValue.CHUNKED.asString());
        }
        fields = framed.asImmutable();
    }

    /** The request as HTTP/1.1 frames it, which it may do already. */
    static Request of(Request clientToProxyRequest) {
        boolean isFramed =
                clientToProxyRequest.getConnectionMetaData().getHttpVersion().getVersion()
                        < HttpVersion.HTTP_2.getVersion();
        return isFramed ? clientToProxyRequest : new FramedRequest(clientToProxyRequest);
    }

    /** Lets go of what was read and will not be sent. */
    void release() {
        if (first != null) first.release();
        first = null;
    }

    @Override
    public HttpFields getHeaders() {
        return fields;
    }

    @Override
    public Content.Chunk read() {
        Content.Chunk chunk = first;
        if (chunk == null) return super.read();
        first = Content.Chunk.next(chunk);
        return chunk;
    }

    @Override
    public void demand(Runnable task) {
        if (first == null) super.demand(task);
        else task.run();
    }
}
