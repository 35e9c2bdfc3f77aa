package pitfalls.step02;

import java.util.Objects;
import java.util.function.Function;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.Result;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import pitfalls.step01.MinimalProxy;

/**
 * The {@link MinimalProxy}, with errors that help: the client gets an answer of the operator's choice, the log one line
 * with the cause, and a response that broke off can be told from a complete one.
 *
 * <p>The way of a request is that of its {@link Exchange}: {@link #forward}, {@link #attempt}, {@link #onFailure}. Whatever is
 * thrown on this way becomes an answer.
 */
public class ErrorHandlingProxy extends MinimalProxy {
    private static final Logger LOG = LoggerFactory.getLogger(ErrorHandlingProxy.class);
    private static final int USUAL_REQUEST_FIELDS = 16 * 1024; // the buffer that Jetty's client takes for each request
    private static final int MAX_REQUEST_FIELDS = 80 * 1024; // a server may accept 64 KiB, to which a proxy adds
    private static final int MAX_RESPONSE_FIELDS = 15 * 1024; // Jetty's server can send 16 KiB, and adds some itself

    private ErrorResponder errorResponder = ErrorResponder.problemJson();

    /** A proxy to one target. */
    public ErrorHandlingProxy(String target) {
        super(target);
    }

    /** A proxy for a later step, which knows better than by one address where a request goes. */
    protected ErrorHandlingProxy(Function<Request, HttpURI> httpURIRewriter) {
        super(httpURIRewriter);
    }

    @Override
    protected void onServerToProxyResponseFailure(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            org.eclipse.jetty.client.Response serverToProxyResponse,
            Response proxyToClientResponse,
            Callback proxyToClientCallback,
            Throwable failure) {
        Exchange exchange = Exchange.of(clientToProxyRequest);
        try {
            onFailure(exchange, exchange.errorOf(serverToProxyResponse, failure));
        } catch (Throwable x) {
            answer(exchange, ProxyError.ofProxy(x));
        }
    }

    /**
     * What becomes of an exchange whose attempt has failed. Here the client gets an answer, if it can still be answered.
     *
     * @param error why the attempt has failed
     */
    protected void onFailure(Exchange exchange, ProxyError error) {
        answer(exchange, error);
    }

    private void answer(Exchange exchange, ProxyError error) {
        Response proxyToClientResponse = exchange.proxyToClientResponse;
        if (proxyToClientResponse.hasLastWrite()) {
            exchange.succeeded(); // the upstream answered, and did not want the rest of the upload
        } else if (proxyToClientResponse.isCommitted()) {
            ErrorLog.line("aborted", error, exchange);
            if (!exchange.endWith(error)) Truncation.abort(exchange, error.failure());
        } else {
            ErrorLog.line("answered", error, exchange);
            ErrorAnswer.write(error, errorResponder, exchange);
        }
    }

    /** Called by Jetty for each request of a client. Whatever is thrown becomes an answer. */
    @Override
    public boolean handle(
            Request clientToProxyRequest, Response proxyToClientResponse, Callback proxyToClientCallback) {
        Exchange exchange = null;
        try {
            exchange = newExchange(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
            clientToProxyRequest.setAttribute(Exchange.ATTRIBUTE, exchange);
            LOG.debug("forward {}", exchange);
            forward(exchange);
        } catch (Throwable x) {
            if (exchange == null) {
                exchange = new Exchange(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
            }
            answer(exchange, ProxyError.ofProxy(x));
        }
        return true;
    }

    /**
     * Makes the exchange for a request. A later step that keeps state per request makes one of its own.
     *
     * @param proxyToClientCallback completed when the response was sent, or cannot be
     */
    protected Exchange newExchange(
            Request clientToProxyRequest, Response proxyToClientResponse, Callback proxyToClientCallback) {
        return new Exchange(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
    }

    /**
     * Called once for each request: forwards it, or refuses it by throwing {@link Refused}.
     *
     * @param exchange the exchange, which has just begun
     */
    protected void forward(Exchange exchange) {
        attempt(exchange);
    }

    /**
     * Called for each attempt at a request. Jetty chooses the upstream ({@link #rewriteHttpURI}), makes the request
     * ({@link #newProxyToServerRequest}), writes its header ({@link #copyRequestHeaders}, {@link #addProxyHeaders}) and sends
     * it ({@link #sendProxyToServerRequest}).
     *
     * @param exchange the exchange, of whose response nothing was sent
     */
    protected final void attempt(Exchange exchange) {
        synchronized (exchange) {
            exchange.attempt++;
            exchange.proxyToServerRequest = null;
            exchange.requestBegun = false;
            exchange.stopReason = null;
        }
        LOG.debug("attempt {}", exchange);
        try {
            if (exchange.attempt > 1) exchange.restart(); // nothing of the failed attempt survives
            super.handle(exchange.clientToProxyRequest, exchange.proxyToClientResponse, exchange);
        } catch (Throwable x) {
            answer(exchange, ProxyError.ofProxy(x));
        }
    }

    @Override
    protected org.eclipse.jetty.client.Request.Content newProxyToServerRequestContent(
            Request clientToProxyRequest,
            Response proxyToClientResponse,
            org.eclipse.jetty.client.Request proxyToServerRequest) {
        return Exchange.of(clientToProxyRequest).newUpload();
    }

    @Override
    protected org.eclipse.jetty.client.Response.CompleteListener newServerToProxyResponseListener(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        return new ResponseListener(Exchange.of(clientToProxyRequest), proxyToServerRequest);
    }

    /** Passes a response on as Jetty does, and lets the client see where it breaks off. */
    protected class ResponseListener extends ProxyResponseListener {

        /**
         * A listener for one attempt, to be made just before its request is sent.
         *
         * @param proxyToServerRequest the request of the attempt
         */
        public ResponseListener(Exchange exchange, org.eclipse.jetty.client.Request proxyToServerRequest) {
            super(exchange.clientToProxyRequest, proxyToServerRequest, exchange.proxyToClientResponse, exchange);
            exchange.proxyToServerRequest = proxyToServerRequest;
            proxyToServerRequest.onRequestBegin(request -> exchange.requestBegun = true);
            proxyToServerRequest.onResponseHeaders(response -> {
                if (ResponseFraming.UNUSUAL.test(response)) ResponseFraming.correct(exchange, response);
            });
            if (exchange.clientLeft != null) proxyToServerRequest.abort(exchange.clientLeft);
        }

        /** Where the upload has failed behind a whole response, the client gets the end of that response first. */
        @Override
        public void onComplete(Result result) {
            boolean hasResponse = result.getResponse().getStatus() > 0;
            boolean isWhole = hasResponse && result.getResponseFailure() == null;
            if (isWhole && result.isFailed()) whenComplete((written, failure) -> super.onComplete(result));
            else super.onComplete(result);
        }
    }

    @Override
    protected void onServerToProxyResponse102Processing(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            HttpFields fields,
            Response proxyToClientResponse) {
        super.onServerToProxyResponse102Processing(
                clientToProxyRequest, proxyToServerRequest, ResponseFraming.without(fields), proxyToClientResponse);
    }

    @Override
    protected void onServerToProxyResponse103EarlyHints(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            HttpFields fields,
            Response proxyToClientResponse) {
        super.onServerToProxyResponse103EarlyHints(
                clientToProxyRequest, proxyToServerRequest, ResponseFraming.without(fields), proxyToClientResponse);
    }

    /** As in step 1, with connections that tell how they end, and that serve nobody when they are no good. */
    @Override
    protected HttpClient newHttpClient() {
        return new HttpClient(new UpstreamTransport());
    }

    /**
     * Passes on what a server accepts from its clients, and refuses from an upstream what the server could not send:
     * Jetty would notice too late to answer well. Of the framing of a response, accepts what can be understood.
     */
    @Override
    protected void configureHttpClient(HttpClient httpClient) {
        super.configureHttpClient(httpClient);
        httpClient.setMaxRequestHeadersSize(MAX_REQUEST_FIELDS);
        httpClient.setRequestBufferSize(USUAL_REQUEST_FIELDS);
        httpClient.setMaxResponseHeadersSize(MAX_RESPONSE_FIELDS);
        httpClient.setHttpCompliance(ResponseFraming.tolerant(httpClient.getHttpCompliance()));
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
}
