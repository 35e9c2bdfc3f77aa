package pitfalls.step07;

import java.util.concurrent.Executor;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.client.transport.HttpRequest;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import pitfalls.step02.ProxyError;
import pitfalls.step06.DirectedExchange;
import pitfalls.step07.http2.ClientStream;
import pitfalls.step07.http2.Grpc;
import pitfalls.step07.watch.ClientWatch;
import pitfalls.step07.watch.Deadlines.Deadline;

/** An exchange that ends when its client leaves, and not before, however long it is quiet. */
final class StreamingExchange extends DirectedExchange {
    private final StreamingProxy proxy;
    final Timeouts limits;
    private final ClientWatch watch;
    private volatile boolean watching = true;
    private volatile boolean uploading;
    private ClientStream clientStream;

    /** The limit for the upstream of the attempt under way. */
    volatile UpstreamSilence silence;

    /** The head of the response to the attempt under way. */
    volatile ResponseHead head;

    /** What the attempt under way waits for before it sends the client's body; {@code null} if for nothing. */
    volatile Expectation expectation;

    /** Why the proxy itself ends a call of gRPC whose response has begun; {@code null} if it does not. */
    volatile ProxyError callError;

    /** Run before the last bytes of the response are written: from then on Jetty reads the client's connection. */
    final Runnable endWatch;

    StreamingExchange(
            StreamingProxy proxy,
            Request clientToProxyRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        super(proxy, FramedRequest.of(clientToProxyRequest), proxyToClientResponse, proxyToClientCallback);
        this.proxy = proxy;
        this.watch = new ClientWatch(this.clientToProxyRequest, proxy.deadlines, this::onClientLeft);
        this.endWatch = () -> {
            if (!watching) return;
            watching = false;
            watch.end();
        };
        this.clientToProxyRequest.addIdleTimeoutListener(timeout -> false); // nobody waits for the client now
        atEnd.push(endWatch);
        boolean isHttp2 = this.clientToProxyRequest instanceof FramedRequest;
        if (isHttp2) endWithConnection();
        limits = isHttp2 ? Grpc.limits(clientToProxyRequest, proxy.timeouts) : proxy.timeouts;
        long clientTimeout = isHttp2 ? limits.client().toMillis() : proxy.clientTimeout;
        this.clientToProxyRequest.addHttpStreamWrapper(stream -> {
            long betweenRequests = stream.getIdleTimeout();
            stream.setIdleTimeout(clientTimeout);
            atEnd.push(() -> stream.setIdleTimeout(betweenRequests));
            if (!isHttp2) return stream;
            var connection = clientToProxyRequest.getConnectionMetaData().getConnection();
            clientStream = new ClientStream(stream, connection);
            if (clientStream.hasEnded()) onClientLeft(new EofException("the client has left"));
            return clientStream;
        });
        if (this.clientToProxyRequest instanceof FramedRequest framed) atEnd.push(framed::release);
        HttpFields fields = this.clientToProxyRequest.getHeaders();
        boolean hasBody = this.clientToProxyRequest.getLength() > 0 || fields.contains(HttpHeader.TRANSFER_ENCODING);
        boolean bodyComesFirst = hasBody && !fields.contains(HttpHeader.EXPECT);
        if (!bodyComesFirst) watch.begin(proxy.watchDelay); // otherwise when it has been read
    }

    /** As {@link pitfalls.step04.RetryingExchange#of(Request)}. */
    public static StreamingExchange of(Request clientToProxyRequest) {
        return (StreamingExchange) clientToProxyRequest.getAttribute(ATTRIBUTE);
    }

    /** Jetty reads the client's body now, and the watch must not. */
    @Override
    protected void onUploadBegin() {
        uploading = true;
        watch.pause();
    }

    /** Nobody waits for the client at the upstream's expense. */
    @Override
    protected void onUploadWait(boolean waits) {
        silence.awaitUpload(waits);
    }

    @Override
    protected void onUploadEnd() {
        uploading = false;
        watch.begin(proxy.watchDelay);
    }

    /**
     * When Jetty ends the connection of an HTTP/2 client that floods it with frames, it does not always tell the requests on it. One whose
     * response is complete, and whose upload is not, would last for ever.
     */
    private void endWithConnection() {
        Connection connection = clientToProxyRequest.getConnectionMetaData().getConnection();
        Executor executor = clientToProxyRequest.getComponents().getExecutor();
        var end = new Connection.Listener() {
            @Override
            public void onClosed(Connection closed) {
                if (watching || uploading)
                    executor.execute(() -> onClientLeft(new EofException("the client has left")));
            }
        };
        connection.addEventListener(end);
        atEnd.push(() -> connection.removeEventListener(end));
    }

    /**
     * A call of gRPC ends with a status in trailers, behind the message that is being written. Without it, the caller would be told
     * that somebody has cancelled it.
     */
    @Override
    protected boolean endWith(ProxyError error) {
        if (error.isClientFault() || !Grpc.canEnd(clientToProxyRequest, proxyToClientResponse)) return false;
        callError = error;
        clientStream.whenWritten(() -> proxyToClientResponse.write(true, BufferUtil.EMPTY_BUFFER, this));
        return true;
    }

    /** The attempt has failed while the client had bytes to take: if because of a limit, it was the client's. */
    void onClientStalled(Throwable failure) {
        if (!(failure instanceof TimeoutException timeout)) return;
        stop(proxyToServerRequest, new ProxyError(ProxyError.CLIENT_STALLED, timeout));
    }

    /** The body is held back until the upstream asks for it, or has not asked for it for a moment. */
    void expect100(HttpRequest proxyToServerRequest, Runnable sendBody) {
        var awaited = new Expectation(proxyToServerRequest, sendBody, silence);
        expectation = awaited;
        atEnd.push(awaited::end);
        proxyToServerRequest.onRequestCommit(sent -> awaited.begin(proxy.deadlines, proxy.continueDelay));
    }

    /** The attempt was sent, and waits if all connections are in use. */
    void limitWaitForConnection(org.eclipse.jetty.client.Request proxyToServerRequest) {
        Runnable task = () -> onWaitedForConnection(proxyToServerRequest);
        Deadline limit = proxy.deadlines.after(proxy.timeouts.connection(), task);
        atEnd.push(limit::cancel);
        if (isOver()) limit.cancel(); // it has failed at once
    }

    private void onWaitedForConnection(org.eclipse.jetty.client.Request proxyToServerRequest) {
        boolean isWaiting = proxyToServerRequest == this.proxyToServerRequest
                && proxyToServerRequest.getConnection() == null
                && !isOver();
        if (!isWaiting) return;
        if (proxy.hasConnectionLeft(proxyToServerRequest)) {
            limitWaitForConnection(proxyToServerRequest); // one is on its way, with a timeout of its own
        } else {
            var failure = new TimeoutException("no connection was free in time");
            stop(proxyToServerRequest, new ProxyError(ProxyError.CONNECTION_LIMIT, failure));
        }
    }
}
