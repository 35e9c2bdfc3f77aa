package pitfalls.step02;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Objects;
import java.util.Set;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import pitfalls.step01.MinimalProxy;
import pitfalls.step02.ProxyError.Progress;

/**
 * The {@link MinimalProxy}, with errors that help: the client gets an answer of the operator's choice, the log one line
 * with the cause, and a response that broke off can be told from a complete one.
 */
public class ErrorHandlingProxy extends MinimalProxy {
    private static final Logger LOG = LoggerFactory.getLogger(ErrorHandlingProxy.class);
    private static final String FIELDS_BEFORE = ErrorHandlingProxy.class.getName() + ".fieldsBefore";
    private static final String BEGUN = ErrorHandlingProxy.class.getName() + ".begun";
    private static final int MAX_REQUEST_FIELDS = 16 * 1024; // Jetty's server accepts 8 KiB, to which a proxy adds
    private static final int MAX_RESPONSE_FIELDS = 15 * 1024; // Jetty's server can send 16 KiB, and adds some itself

    private ErrorResponder errorResponder = ErrorResponder.problemJson();

    /**
     * A proxy to one target.
     *
     * @param target as for {@link MinimalProxy#MinimalProxy(String)}
     */
    public ErrorHandlingProxy(String target) {
        super(target);
    }

    @Override
    protected void onServerToProxyResponseFailure(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            org.eclipse.jetty.client.Response serverToProxyResponse,
            Response proxyToClientResponse,
            Callback proxyToClientCallback,
            Throwable failure) {
        var error = errorOf(clientToProxyRequest, proxyToServerRequest, serverToProxyResponse, failure);
        if (proxyToClientResponse.hasLastWrite()) {
            // The client has its answer, and the upstream did not want the rest of the upload.
            proxyToClientCallback.succeeded();
        } else if (proxyToClientResponse.isCommitted()) {
            boolean clientLeft = failure instanceof EofException; // Jetty's own: a write has failed
            if (clientLeft) error = new ProxyError(ProxyError.CLIENT_LEFT, failure);
            ErrorLog.line("aborted", error, clientToProxyRequest, originOf(proxyToServerRequest));
            Truncation.abort(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback, failure);
        } else {
            ErrorLog.line("answered", error, clientToProxyRequest, originOf(proxyToServerRequest));
            respond(error, clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
        }
    }

    /**
     * Finds out whose fault a failure is, and of which kind.
     *
     * @param clientToProxyRequest the request that got no response, or half of one
     * @param proxyToServerRequest the request that was made of it
     * @param serverToProxyResponse what there is of the response
     * @param failure what Jetty's client reports
     * @return the error to answer with
     */
    protected ProxyError errorOf(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            org.eclipse.jetty.client.Response serverToProxyResponse,
            Throwable failure) {
        ProxyError error = ClientUpload.errorOf(clientToProxyRequest, failure);
        if (error != null) return error;
        if (serverToProxyResponse.getStatus() > 0) return ProxyError.ofUpstream(failure, Progress.RESPONSE_BEGUN);
        boolean begun = proxyToServerRequest.getAttributes().containsKey(BEGUN);
        return ProxyError.ofUpstream(failure, begun ? Progress.REQUEST_BEGUN : Progress.NOT_SENT);
    }

    /** {@return what a client reads when the proxy has to answer instead of the upstream} */
    public ErrorResponder getErrorResponder() {
        return errorResponder;
    }

    /**
     * Sets what a client reads when the proxy has to answer instead of the upstream;
     * {@link ErrorResponder#problemJson()} unless set. Set it before the proxy is started.
     *
     * @param errorResponder not {@code null}
     */
    public void setErrorResponder(ErrorResponder errorResponder) {
        this.errorResponder = Objects.requireNonNull(errorResponder);
    }

    /**
     * Answers a request that goes to no upstream, through the {@link ErrorResponder}, and logs why.
     *
     * @param error why it goes to none
     * @param clientToProxyRequest the request to answer
     * @param proxyToClientResponse its response, of which nothing may have been sent yet
     * @param proxyToClientCallback completed when the answer was sent
     */
    protected void refuse(
            ProxyError error,
            Request clientToProxyRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        ErrorLog.line("answered", error, clientToProxyRequest, "no upstream");
        respond(error, clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
    }

    private void respond(
            ProxyError error,
            Request clientToProxyRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        String body;
        try {
            begin(error, clientToProxyRequest, proxyToClientResponse);
            body = errorResponder.respond(error, clientToProxyRequest, proxyToClientResponse);
        } catch (Throwable x) {
            LOG.warn(
                    "the error responder failed, the client gets a bare {}",
                    error.kind().status(),
                    x);
            if (proxyToClientResponse.isCommitted()) {
                proxyToClientCallback.failed(x);
                return;
            }
            begin(error, clientToProxyRequest, proxyToClientResponse);
            body = null;
        }
        byte[] content = (body == null ? "" : body).getBytes(StandardCharsets.UTF_8);
        proxyToClientResponse.getHeaders().put(HttpHeader.CONTENT_LENGTH, content.length);
        if (ClientUpload.isWaitedFor(clientToProxyRequest))
            proxyToClientResponse.getHeaders().put(HttpHeader.CONNECTION, HttpHeaderValue.CLOSE.asString());
        proxyToClientResponse.write(true, ByteBuffer.wrap(content), proxyToClientCallback);
    }

    private static void begin(ProxyError error, Request clientToProxyRequest, Response proxyToClientResponse) {
        restart(clientToProxyRequest, proxyToClientResponse);
        proxyToClientResponse.setStatus(error.kind().status());
        proxyToClientResponse
                .getHeaders()
                .put("Proxy-Status", "reverse-proxy; error=" + error.kind().type())
                .put(HttpHeader.CACHE_CONTROL, "no-store");
    }

    /**
     * Takes a response back to where the proxy began with it: without what an upstream has sent before it failed, but
     * with what handlers in front of the proxy have set.
     *
     * @param clientToProxyRequest the request
     * @param proxyToClientResponse its response, not committed yet
     */
    protected static void restart(Request clientToProxyRequest, Response proxyToClientResponse) {
        HttpFields before = fieldsBefore(clientToProxyRequest, proxyToClientResponse);
        proxyToClientResponse.reset();
        putOver(proxyToClientResponse, before);
    }

    /**
     * Sets fields of a response, in place of those with the same names, also of Jetty's own {@code Server} and
     * {@code Date}, which cannot be removed.
     *
     * @param proxyToClientResponse a response, not committed yet
     * @param fields the fields it shall have besides the others
     */
    public static void putOver(Response proxyToClientResponse, HttpFields fields) {
        Set<String> names = new HashSet<>();
        for (HttpField field : fields) {
            if (names.add(field.getLowerCaseName()))
                proxyToClientResponse.getHeaders().put(field);
            else proxyToClientResponse.getHeaders().add(field);
        }
    }

    private static HttpFields fieldsBefore(Request clientToProxyRequest, Response proxyToClientResponse) {
        if (clientToProxyRequest.getAttribute(FIELDS_BEFORE) instanceof HttpFields before) return before;
        HttpFields now = HttpFields.build(proxyToClientResponse.getHeaders());
        clientToProxyRequest.setAttribute(FIELDS_BEFORE, now);
        return now;
    }

    /** What fails before anything was sent to an upstream is told in the same way. */
    @Override
    public boolean handle(
            Request clientToProxyRequest, Response proxyToClientResponse, Callback proxyToClientCallback) {
        fieldsBefore(clientToProxyRequest, proxyToClientResponse);
        try {
            return super.handle(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
        } catch (RuntimeException x) {
            refuse(ProxyError.ofProxy(x), clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
            return true;
        }
    }

    @Override
    protected org.eclipse.jetty.client.Request.Content newProxyToServerRequestContent(
            Request clientToProxyRequest,
            Response proxyToClientResponse,
            org.eclipse.jetty.client.Request proxyToServerRequest) {
        return new ClientUpload(clientToProxyRequest);
    }

    @Override
    protected void sendProxyToServerRequest(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        proxyToServerRequest.onRequestBegin(request -> request.attribute(BEGUN, true));
        proxyToServerRequest.onResponseHeaders(serverToProxyResponse ->
                Truncation.makeVisible(clientToProxyRequest, serverToProxyResponse, proxyToClientResponse));
        super.sendProxyToServerRequest(
                clientToProxyRequest, proxyToServerRequest, proxyToClientResponse, proxyToClientCallback);
    }

    /**
     * Passes on what a server accepts from its clients, and refuses from an upstream what the server could not send:
     * Jetty would notice too late to answer well.
     */
    @Override
    protected void configureHttpClient(HttpClient httpClient) {
        super.configureHttpClient(httpClient);
        httpClient.setMaxRequestHeadersSize(MAX_REQUEST_FIELDS);
        httpClient.setMaxResponseHeadersSize(MAX_RESPONSE_FIELDS);
    }

    /**
     * Names an upstream in the log.
     *
     * @param request a request to it
     * @return its scheme, host and port
     */
    protected static String originOf(org.eclipse.jetty.client.Request request) {
        return request.getScheme() + "://" + request.getHost() + ":" + request.getPort();
    }
}
