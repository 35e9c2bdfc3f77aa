package pitfalls.step02;

import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.client.ContentSourceRequestContent;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;

/** The body of a client's request, which knows when it was the client that failed, and not the upstream. */
final class ClientUpload extends ContentSourceRequestContent {
    private static final String ATTRIBUTE = ClientUpload.class.getName();

    private Throwable clientFailure;
    private Content.Chunk end;
    private boolean demanded;

    ClientUpload(Request clientToProxyRequest) {
        super(clientToProxyRequest, clientToProxyRequest.getHeaders().get(HttpHeader.CONTENT_TYPE));
        clientToProxyRequest.setAttribute(ATTRIBUTE, this);
    }

    private static ClientUpload of(Request clientToProxyRequest) {
        return (ClientUpload) clientToProxyRequest.getAttribute(ATTRIBUTE);
    }

    /** The client's part in a failed exchange; {@code null} if it has none. */
    static ProxyError errorOf(Request clientToProxyRequest, Throwable failure) {
        ClientUpload upload = of(clientToProxyRequest);
        if (upload == null) return null;
        synchronized (upload) {
            if (upload.clientFailure != null) return ProxyError.ofClient(upload.clientFailure);
            return upload.demanded && failure instanceof TimeoutException ? ProxyError.ofClient(failure) : null;
        }
    }

    /** Whether the proxy still waits for more of the body, so that the connection cannot serve another request. */
    static boolean isWaitedFor(Request clientToProxyRequest) {
        ClientUpload upload = of(clientToProxyRequest);
        if (upload == null) return false;
        synchronized (upload) {
            return upload.demanded;
        }
    }

    @Override
    public synchronized Content.Chunk read() {
        if (end != null) return end;
        Content.Chunk chunk = super.read();
        if (Content.Chunk.isFailure(chunk)) clientFailure = chunk.getFailure();
        return chunk;
    }

    @Override
    public void demand(Runnable task) {
        boolean over;
        synchronized (this) {
            over = end != null;
            demanded = !over;
        }
        if (over) task.run();
        else
            super.demand(() -> {
                synchronized (this) {
                    demanded = false;
                }
                task.run();
            });
    }

    /**
     * Called when the exchange has failed for another reason. While the client's connection is being read, it is left
     * alone: Jetty 12.1.14 does not expect to be told from another thread, and the response might never be sent.
     */
    @Override
    public synchronized void fail(Throwable x, boolean last) {
        end = Content.Chunk.from(x, true);
        if (!demanded) super.fail(x, last);
    }
}
