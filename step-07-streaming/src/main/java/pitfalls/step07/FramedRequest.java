package pitfalls.step07;

import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;

/**
 * A request over HTTP/2 as HTTP/1.1 would frame it, in chunks if its body has no length. Jetty's proxy asks for one of
 * {@code Content-Length} and {@code Transfer-Encoding}, and loses a body that has neither.
 */
final class FramedRequest extends Request.Wrapper {
    private final boolean hasBody;
    private Content.Chunk first;

    private FramedRequest(Request clientToProxyRequest) {
        super(clientToProxyRequest);
        first = clientToProxyRequest.read();
        hasBody = first == null || first.hasRemaining() || !first.isLast();
    }

    /** The request as HTTP/1.1 frames it, which it may do already. */
    static Request of(Request clientToProxyRequest) {
        boolean isFramed = clientToProxyRequest.getLength() >= 0
                || clientToProxyRequest.getConnectionMetaData().getHttpVersion().getVersion()
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
        HttpFields fields = super.getHeaders();
        return hasBody
                ? HttpFields.build(fields).put(HttpHeader.TRANSFER_ENCODING, HttpHeaderValue.CHUNKED.asString())
                : fields;
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
