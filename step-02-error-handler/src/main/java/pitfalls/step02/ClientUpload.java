package pitfalls.step02;

import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.client.ContentSourceRequestContent;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;

/** The body of a client's request, which knows when it was the client that failed, and not the upstream. */
final class ClientUpload extends ContentSourceRequestContent {
    private static final String ATTRIBUTE = ClientUpload.class.getName();

    private volatile Throwable failure;
    private volatile boolean waiting;
    private volatile boolean ended;

    ClientUpload(Request clientToProxyRequest) {
        super(clientToProxyRequest, clientToProxyRequest.getHeaders().get(HttpHeader.CONTENT_TYPE));
        clientToProxyRequest.setAttribute(ATTRIBUTE, this);
    }

    /** The client's part in a failed exchange; {@code null} if it has none. */
    static ProxyError errorOf(Request clientToProxyRequest, Throwable failure) {
        if (!(clientToProxyRequest.getAttribute(ATTRIBUTE) instanceof ClientUpload upload)) return null;
        if (upload.failure != null) return ProxyError.ofClient(upload.failure);
        return upload.waiting && failure instanceof TimeoutException ? ProxyError.ofClient(failure) : null;
    }

    @Override
    public Content.Chunk read() {
        Content.Chunk chunk = super.read();
        if (!ended) {
            waiting = chunk == null;
            if (Content.Chunk.isFailure(chunk)) failure = chunk.getFailure();
        }
        return chunk;
    }

    /** Called when the exchange has failed for another reason: what is read from here on says nothing of the client. */
    @Override
    public void fail(Throwable x, boolean last) {
        ended = true;
        super.fail(x, last);
    }
}
