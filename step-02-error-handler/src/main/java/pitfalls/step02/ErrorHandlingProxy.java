package pitfalls.step02;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import pitfalls.step01.MinimalProxy;

/**
 * The {@link MinimalProxy}, with errors that help: the client gets an answer of the operator's choice, the log one line
 * with the cause, and a response that broke off is never mistaken for a complete one.
 */
public class ErrorHandlingProxy extends MinimalProxy {
    private static final Logger LOG = LoggerFactory.getLogger(ErrorHandlingProxy.class);
    private static final String CLIENT_FAILURE = ErrorHandlingProxy.class.getName() + ".clientFailure";
    private static final int MAX_RESPONSE_FIELDS = 12 * 1024; // of the 16 KiB that a Jetty server can send
    private static final int LONGEST_CAUSE = 160;

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
        var error = clientToProxyRequest.getAttribute(CLIENT_FAILURE) instanceof Throwable clientFailure
                ? ProxyError.ofClient(clientFailure)
                : ProxyError.ofUpstream(failure, serverToProxyResponse.getStatus() > 0);
        log(error, clientToProxyRequest, originOf(proxyToServerRequest));
        if (proxyToClientResponse.isCommitted())
            Truncation.abort(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback, failure);
        else respond(error, clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
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
        log(error, clientToProxyRequest, "no upstream");
        respond(error, clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
    }

    private void respond(
            ProxyError error,
            Request clientToProxyRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        String body;
        try {
            begin(error, proxyToClientResponse);
            body = errorResponder.respond(error, clientToProxyRequest, proxyToClientResponse);
        } catch (Exception x) {
            LOG.warn(
                    "the error responder failed, the client gets a bare {}",
                    error.kind().status(),
                    x);
            begin(error, proxyToClientResponse);
            body = null;
        }
        byte[] content = (body == null ? "" : body).getBytes(StandardCharsets.UTF_8);
        proxyToClientResponse.getHeaders().put(HttpHeader.CONTENT_LENGTH, content.length);
        clientToProxyRequest.consumeAvailable(); // or else the connection is closed after this response
        proxyToClientResponse.write(true, ByteBuffer.wrap(content), proxyToClientCallback);
    }

    private static void begin(ProxyError error, Response proxyToClientResponse) {
        proxyToClientResponse.reset(); // drops what the upstream sent before it failed
        proxyToClientResponse.setStatus(error.kind().status());
        proxyToClientResponse
                .getHeaders()
                .put("Proxy-Status", "reverse-proxy; error=" + error.kind().type())
                .put(HttpHeader.CACHE_CONTROL, "no-store");
    }

    /** What fails before anything was sent to an upstream is told in the same way. */
    @Override
    public boolean handle(
            Request clientToProxyRequest, Response proxyToClientResponse, Callback proxyToClientCallback) {
        try {
            return super.handle(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
        } catch (RuntimeException x) {
            var error = new ProxyError(ProxyError.INTERNAL, x);
            refuse(error, clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
            return true;
        }
    }

    /** Remembers that it was the client's upload that failed: Jetty reports it as if it were the upstream's failure. */
    @Override
    protected org.eclipse.jetty.client.Request.Content newProxyToServerRequestContent(
            Request clientToProxyRequest,
            Response proxyToClientResponse,
            org.eclipse.jetty.client.Request proxyToServerRequest) {
        return new ProxyRequestContent(clientToProxyRequest) {
            @Override
            public Content.Chunk read() {
                Content.Chunk chunk = super.read();
                if (Content.Chunk.isFailure(chunk))
                    clientToProxyRequest.setAttribute(CLIENT_FAILURE, chunk.getFailure());
                return chunk;
            }
        };
    }

    @Override
    protected void sendProxyToServerRequest(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        proxyToServerRequest.onResponseHeaders(serverToProxyResponse ->
                Truncation.makeVisible(clientToProxyRequest, serverToProxyResponse, proxyToClientResponse));
        super.sendProxyToServerRequest(
                clientToProxyRequest, proxyToServerRequest, proxyToClientResponse, proxyToClientCallback);
    }

    /** Refuses a response whose fields the server side could not send on: Jetty would notice too late to answer well. */
    @Override
    protected void configureHttpClient(HttpClient httpClient) {
        super.configureHttpClient(httpClient);
        httpClient.setMaxResponseHeadersSize(MAX_RESPONSE_FIELDS);
    }

    private static void log(ProxyError error, Request clientToProxyRequest, String upstream) {
        String cause = String.valueOf(error.cause()); // some of Jetty's are dumps of a connection
        LOG.atLevel(error.kind().status() < 500 ? Level.INFO : Level.WARN)
                .log(
                        "{} {} for {} {} to {}: {}",
                        error.kind().status(),
                        error.kind().type(),
                        clientToProxyRequest.getMethod(),
                        clientToProxyRequest.getHttpURI().getPath(),
                        upstream,
                        cause.length() <= LONGEST_CAUSE ? cause : cause.substring(0, LONGEST_CAUSE) + "…");
        LOG.debug("the cause in full", error.cause());
    }

    private static String originOf(org.eclipse.jetty.client.Request request) {
        return request.getScheme() + "://" + request.getHost() + ":" + request.getPort();
    }
}
