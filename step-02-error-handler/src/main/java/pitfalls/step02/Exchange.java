package pitfalls.step02;

import java.nio.ByteBuffer;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import pitfalls.step02.ProxyError.Progress;

/**
 * One request of a client, with all that the proxy knows about it. {@link ErrorHandlingProxy} makes one for each request,
 * and it is the only attribute that this project sets on the request. Its life has four phases, in this order:
 *
 * <ol>
 *   <li><b>Once:</b> {@link ErrorHandlingProxy#forward}. May the request be forwarded at all?
 *   <li><b>Per attempt:</b> {@link ErrorHandlingProxy#attempt}. Jetty chooses the upstream, writes the header and sends, and
 *       calls its hooks on the way.
 *   <li><b>On failure:</b> {@link ErrorHandlingProxy#onFailure}. The client gets an error, or another attempt begins.
 *   <li><b>At the end:</b> the tasks in {@link #atEnd} run, each exactly once, whatever came before.
 * </ol>
 *
 * <p>A later step that keeps state per request extends the exchange of the step before, and makes it in
 * {@link ErrorHandlingProxy#newExchange}. The exchange is also the callback that Jetty gets for the request: whoever
 * completes it first ends the exchange, and nobody ends it in another way. Handlers in front of the proxy learn of the end, and may
 * finish what they have begun; what the client gets is decided here. If the exchange succeeds, the response is whole. If it fails, the
 * response breaks off, and nothing takes its place.
 */
public class Exchange extends Callback.Nested {
    /** The name of the attribute of the client's request that holds the exchange. */
    protected static final String ATTRIBUTE = "pitfalls.exchange";

    private static final Logger LOG = LoggerFactory.getLogger(Exchange.class);

    /** The client's request. */
    public final Request clientToProxyRequest;

    /** The response to the client. */
    public final Response proxyToClientResponse;

    private final ClientResponse clientResponse;
    private final AtomicBoolean completed = new AtomicBoolean();
    private final HttpFields fieldsBefore;
    private String id;
    private volatile boolean over;

    /** What is done when the exchange ends, whatever came before: each task exactly once, the last one pushed first. */
    protected final Deque<Runnable> atEnd = new ConcurrentLinkedDeque<>();

    /** The number of the attempt under way, from 1; 0 before the first one. */
    protected int attempt;

    /** The request of the attempt under way; {@code null} until it is about to be sent. */
    protected volatile org.eclipse.jetty.client.Request proxyToServerRequest;

    volatile boolean requestBegun;
    volatile ProxyError stopReason;
    private volatile ClientUpload upload;
    volatile EofException clientLeft;
    volatile ProxyError error;

    /**
     * An exchange that has just begun.
     *
     * @param proxyToClientResponse its response, with the fields that handlers in front of the proxy have set
     * @param proxyToClientCallback completed when the response was sent, or cannot be
     */
    public Exchange(Request clientToProxyRequest, Response proxyToClientResponse, Callback proxyToClientCallback) {
        super(proxyToClientCallback);
        this.clientToProxyRequest = clientToProxyRequest;
        this.clientResponse = new ClientResponse(clientToProxyRequest, proxyToClientResponse);
        this.proxyToClientResponse = clientResponse;
        boolean mayBeSmuggled = clientToProxyRequest.getConnectionMetaData().getHttpVersion() == HttpVersion.HTTP_1_0
                && clientToProxyRequest.getHeaders().contains(HttpHeader.TRANSFER_ENCODING);
        if (mayBeSmuggled) { // another server may see its end elsewhere: no request follows (RFC 9112, section 6.1)
            proxyToClientResponse.getHeaders().put(HttpHeader.CONNECTION, HttpHeaderValue.CLOSE.asString());
        }
        this.fieldsBefore = HttpFields.build(proxyToClientResponse.getHeaders());
    }

    /**
     * Finds the exchange in a hook of Jetty's.
     *
     * @param clientToProxyRequest the client's request, as the hook gets it
     */
    public static Exchange of(Request clientToProxyRequest) {
        return (Exchange) clientToProxyRequest.getAttribute(ATTRIBUTE);
    }

    /** {@return the number of the attempt under way, from 1; 0 before the first one} */
    public final int attempt() {
        return attempt;
    }

    /**
     * {@return what ends each log line of this request, so that you can put them together: {@code [request 4f2a9c01, attempt 1]}}
     */
    public final String label() {
        return attempt == 0 ? "[request " + id() + "]" : "[request " + id() + ", attempt " + attempt + "]";
    }

    /** {@return the name of this request in every log: {@code 4f2a9c01}, or the one that its client has given it} */
    public final synchronized String id() {
        if (id == null) id = RequestId.of(clientToProxyRequest);
        return id;
    }

    /** {@return where the attempt under way goes: {@code http://127.0.0.1:8081}; {@code null} if no upstream was asked} */
    public final String upstream() {
        var request = proxyToServerRequest;
        return request == null ? null : request.getScheme() + "://" + request.getHost() + ":" + request.getPort();
    }

    /** {@return what goes where, as it may stand in a log: {@code GET /v1/key to http://127.0.0.1:8081}} */
    public final String subject() {
        String upstream = upstream();
        return ErrorLog.methodAndPath(clientToProxyRequest) + " to " + (upstream == null ? "no upstream" : upstream);
    }

    /**
     * Ends an attempt for a reason of the proxy's own. It fails with this error, whatever Jetty makes of it.
     *
     * @param request the request of the attempt, which may be over
     * @param reason why
     */
    protected final void stop(org.eclipse.jetty.client.Request request, ProxyError reason) {
        synchronized (this) {
            if (request != proxyToServerRequest) return; // another attempt has begun
            stopReason = reason;
        }
        request.abort(reason.failure());
    }

    /**
     * Ends the attempt under way because the client has left. No other one will follow.
     *
     * @param failure how it was noticed
     */
    protected final void onClientLeft(EofException failure) {
        clientLeft = failure;
        var request = proxyToServerRequest;
        if (request != null) request.abort(failure);
    }

    /**
     * Ends a response that has begun with an error that its protocol can still tell. Most have no such way, and the response is broken off.
     *
     * @param error why it ends
     * @return whether it is being ended
     */
    protected boolean endWith(ProxyError error) {
        return false;
    }

    /** The client's body, for {@link ErrorHandlingProxy#newProxyToServerRequestContent}. */
    ClientUpload newUpload() {
        upload = new ClientUpload(this);
        return upload;
    }

    /** Called before the first byte of the client's body is asked for. */
    protected void onUploadBegin() {}

    /**
     * Called when the proxy begins to wait for more of the client's body, and when there is more.
     *
     * @param waits whether the proxy waits
     */
    protected void onUploadWait(boolean waits) {}

    /** Called when the client's body was read to its end. */
    protected void onUploadEnd() {}

    /** Drops what has arrived of the client's body; returns whether that was the rest of it. */
    final boolean consumeUpload() {
        return upload == null || upload.consumeAvailable();
    }

    /**
     * Finds out whose fault it is that the attempt under way has failed, and of which kind. It is asked once per failure.
     *
     * @param serverToProxyResponse what there is of the response
     * @param failure what Jetty's client reports
     * @return the error, which may become the client's answer
     */
    ProxyError errorOf(org.eclipse.jetty.client.Response serverToProxyResponse, Throwable failure) {
        EofException left = clientLeft;
        boolean onlyTold = left != null && left.getCause() == failure; // over HTTP/2, of the upstream's failure
        if (left != null && !onlyTold) return new ProxyError(ProxyError.CLIENT_LEFT, left);
        if (stopReason != null) return stopReason;
        if (isWriteFailure(failure)) {
            clientLeft = (EofException) failure;
            return new ProxyError(ProxyError.CLIENT_LEFT, failure);
        }
        ProxyError uploadError = upload == null ? null : upload.errorOf(failure);
        if (uploadError != null) return uploadError;
        if (serverToProxyResponse.getStatus() > 0) return ProxyError.ofUpstream(failure, Progress.RESPONSE_BEGUN);
        return ProxyError.ofUpstream(failure, requestBegun ? Progress.REQUEST_BEGUN : Progress.NOT_SENT);
    }

    /** Once a part of the response was sent, Jetty aborts the attempt with this exception if the next part cannot be. */
    private boolean isWriteFailure(Throwable failure) {
        return failure instanceof EofException
                && proxyToClientResponse.isCommitted()
                && !proxyToClientResponse.hasLastWrite();
    }

    /**
     * {@return what the client itself has done to end the exchange; {@code null} if it has done nothing}
     */
    public final ProxyError clientError() {
        if (clientLeft != null) return new ProxyError(ProxyError.CLIENT_LEFT, clientLeft);
        return upload == null ? null : upload.clientError();
    }

    /** {@return why the proxy itself has ended the exchange, and not the upstream; {@code null} if it has not} */
    public final ProxyError error() {
        return error;
    }

    /**
     * {@return whether the attempt under way was given a connection that was open before the client asked, and on which nothing
     * has come since} Always {@code false} with an {@code HttpClient} of your own whose transport is Jetty's.
     */
    protected final boolean isUnansweredOnKeptConnection() {
        var request = proxyToServerRequest;
        return request != null
                && request.getConnection() instanceof KeptConnection kept
                && kept.isUnansweredSince(clientToProxyRequest.getHeadersNanoTime());
    }

    /**
     * {@return whether a part of an upstream's response was passed on} The client may have got it, or a handler in front of the proxy may
     * hold it back. Either way, no other response can follow it.
     */
    protected final boolean isResponseBegun() {
        return clientResponse.isBegun();
    }

    /**
     * Takes the response back to where the proxy began with it: without what an upstream has sent before it failed, but
     * with what handlers in front of the proxy have set. Nothing of it may have been sent yet; what a handler in front holds
     * back of it stays there.
     */
    final void restart() {
        if (isResponseBegun()) bypassHandlers();
        proxyToClientResponse.reset();
        putOver(fieldsBefore);
    }

    /** From now on, no handler in front of the proxy can hold back, change or refuse what is written. */
    final void bypassHandlers() {
        clientResponse.bypassHandlers();
    }

    /** Whether a handler in front still has a part of a response, which it may try to send behind what the client gets. */
    final boolean isPartHeldBack() {
        return clientResponse.bypassesHandlers();
    }

    /**
     * Sets fields of the response in place of those with the same names, also of Jetty's own {@code Server} and
     * {@code Date}, which cannot be removed.
     *
     * @param fields fields of which several may have one name
     */
    public final void putOver(HttpFields fields) {
        Set<String> names = new HashSet<>();
        for (HttpField field : fields) {
            if (names.add(field.getLowerCaseName())) {
                proxyToClientResponse.getHeaders().put(field);
            } else {
                proxyToClientResponse.getHeaders().add(field);
            }
        }
    }

    /**
     * Writes an answer of the proxy's own, whose status and fields are set, and ends the exchange before that: as soon as the
     * client has the last byte, its connection is Jetty's again.
     *
     * @param content the whole body, which may be empty
     */
    public final void answer(ByteBuffer content) {
        end();
        proxyToClientResponse.write(true, content, this);
    }

    /**
     * Ends the exchange, if it has not ended. Called before the last bytes of a response are written, and when the response is
     * complete or has failed.
     */
    public final void end() {
        if (!over) LOG.debug("end {}", this);
        over = true;
        for (Runnable task = atEnd.poll(); task != null; task = atEnd.poll()) {
            try {
                task.run();
            } catch (Throwable x) {
                LOG.warn("a task at the end failed, the others go on {}", label(), x);
            }
        }
    }

    /** {@return whether the exchange has ended} */
    protected final boolean isOver() {
        return over;
    }

    /** Ends the exchange, whose response is whole. Has no effect on one that is completed. */
    @Override
    public final void succeeded() {
        end();
        if (completed.compareAndSet(false, true)) super.succeeded();
    }

    /**
     * Ends the exchange, and breaks the response off: over HTTP/1.1 with the connection, over HTTP/2 with the stream. The client gets no
     * page in its place. Has no effect on an exchange that is completed.
     *
     * @param failure why
     */
    @Override
    public final void failed(Throwable failure) {
        end();
        if (!completed.compareAndSet(false, true)) return;
        var abort = new Request.Handler.AbortException(failure); // Jetty answers any other with a page of its own
        BrokenStream.of(clientToProxyRequest, abort);
        super.failed(abort);
        if (isRequestCallback()) clientToProxyRequest.fail(abort);
    }

    /** Whether failing the request completes it, as it does, and nothing else, behind Jetty's {@code EagerContentHandler}. */
    private boolean isRequestCallback() {
        Request request = clientToProxyRequest;
        while (request instanceof Request.Wrapper wrapper) {
            if (wrapper instanceof Callback) return true;
            request = wrapper.getWrapped();
        }
        return false;
    }

    @Override
    public String toString() {
        return subject() + " " + label();
    }
}
