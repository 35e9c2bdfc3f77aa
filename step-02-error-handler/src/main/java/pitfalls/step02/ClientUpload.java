package pitfalls.step02;

import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.client.ContentSourceRequestContent;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;

/** The body of a client's request, which knows when it was the client that failed, and not the upstream. */
final class ClientUpload extends ContentSourceRequestContent {
    private final Exchange exchange;
    private Throwable clientFailure;
    private Content.Chunk end;
    private boolean demanded;

    ClientUpload(Exchange exchange) {
        super(
                exchange.clientToProxyRequest,
                exchange.clientToProxyRequest.getHeaders().get(HttpHeader.CONTENT_TYPE));
        this.exchange = exchange;
        exchange.onUploadBegin();
    }

    /** What the fields say: a handler in front that unpacks the body takes the length of the packed one out. */
    @Override
    public long getLength() {
        return exchange.clientToProxyRequest.getHeaders().getLongField(HttpHeader.CONTENT_LENGTH);
    }

    /** The client's part in a failed attempt; {@code null} if it has none. */
    synchronized ProxyError errorOf(Throwable failure) {
        if (clientFailure != null) return ProxyError.ofClient(clientFailure);
        return demanded && failure instanceof TimeoutException ? ProxyError.ofClient(failure) : null;
    }

    /** How reading the body has failed; {@code null} if it has not. */
    synchronized ProxyError clientError() {
        return clientFailure == null ? null : ProxyError.ofClient(clientFailure);
    }

    /** Drops what has arrived of the body; returns whether that was the rest of it, so that the connection can serve another request. */
    synchronized boolean consumeAvailable() {
        return !demanded && exchange.clientToProxyRequest.consumeAvailable();
    }

    @Override
    public Content.Chunk read() {
        Content.Chunk chunk;
        synchronized (this) {
            if (end != null) return end;
            chunk = super.read();
            if (Content.Chunk.isFailure(chunk)) clientFailure = chunk.getFailure();
        }
        if (chunk != null && chunk.isLast() && !Content.Chunk.isFailure(chunk)) exchange.onUploadEnd();
        return chunk;
    }

    /** Runs the task when there is more of the body. While it is demanded already, it need not be demanded from Jetty again. */
    @Override
    public void demand(Runnable task) {
        boolean over;
        boolean isNew;
        synchronized (this) {
            over = end != null;
            isNew = !demanded;
            if (!over) waitForClient(true);
        }
        if (over) {
            task.run();
        } else if (isNew) {
            super.demand(() -> {
                synchronized (this) {
                    waitForClient(false);
                }
                task.run();
            });
        }
    }

    private void waitForClient(boolean waits) {
        demanded = waits;
        exchange.onUploadWait(waits);
    }

    /**
     * Called when the attempt has failed. The client's request is left alone: whoever stands in front of the proxy may take its failure
     * for the end of the exchange, and answer in the place of the proxy.
     */
    @Override
    public synchronized void fail(Throwable x, boolean last) {
        end = Content.Chunk.from(x, true);
    }
}
