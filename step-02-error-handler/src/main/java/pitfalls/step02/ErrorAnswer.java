package pitfalls.step02;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.server.Response;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The answer that a client gets from the proxy instead of the upstream's: what the {@link ErrorResponder} makes of an error. */
final class ErrorAnswer {
    private static final Logger LOG = LoggerFactory.getLogger(ErrorHandlingProxy.class);

    private ErrorAnswer() {}

    /** Writes the whole answer, of which nothing was sent before. */
    static void write(ProxyError error, ErrorResponder errorResponder, Exchange exchange) {
        Response proxyToClientResponse = exchange.proxyToClientResponse;
        String body;
        try {
            begin(error, exchange);
            body = errorResponder.respond(error, exchange.clientToProxyRequest, proxyToClientResponse);
        } catch (Throwable x) {
            LOG.warn(
                    "the error responder failed, the client gets a bare {} {}",
                    error.kind().status(),
                    exchange.label(),
                    x);
            if (proxyToClientResponse.isCommitted()) {
                exchange.failed(x);
                return;
            }
            begin(error, exchange);
            body = null;
        }
        byte[] content = (body == null ? "" : body).getBytes(StandardCharsets.UTF_8);
        announce(content.length, exchange);
        boolean isLast = !exchange.consumeUpload() || exchange.isPartHeldBack();
        if (isLast) proxyToClientResponse.getHeaders().put(HttpHeader.CONNECTION, HttpHeaderValue.CLOSE.asString());
        exchange.answer(ByteBuffer.wrap(content));
    }

    /** Jetty's {@code SizeLimitHandler} throws if it is the length of a response that it does not let through. */
    private static void announce(int length, Exchange exchange) {
        try {
            exchange.proxyToClientResponse.getHeaders().put(HttpHeader.CONTENT_LENGTH, length);
        } catch (RuntimeException refused) {
            exchange.bypassHandlers();
            exchange.proxyToClientResponse.getHeaders().put(HttpHeader.CONTENT_LENGTH, length);
        }
    }

    private static void begin(ProxyError error, Exchange exchange) {
        exchange.restart();
        exchange.proxyToClientResponse.setStatus(error.kind().status());
        exchange.proxyToClientResponse
                .getHeaders()
                .put("Proxy-Status", "reverse-proxy; error=" + error.kind().type())
                .put(HttpHeader.CACHE_CONTROL, "no-store");
    }
}
