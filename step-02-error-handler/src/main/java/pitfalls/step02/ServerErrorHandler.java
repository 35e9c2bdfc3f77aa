package pitfalls.step02;

import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;

/**
 * Answers what Jetty's server refuses before it asks any handler: a request that it cannot read, a header that is too long, an
 * HTTP version that it does not know. Without this class the client gets Jetty's own page, and the log stays empty. With it the
 * client gets an answer of the proxy's {@link ErrorResponder}, and the log gets one line. It takes one line to install:
 *
 * <pre>{@code
 * server.setErrorHandler(new ServerErrorHandler(proxy));
 * }</pre>
 *
 * <p>Danger: it answers for everything on that server that calls {@code Response.writeError}, other handlers included. If the
 * server does more than proxying, give those handlers a {@code ContextHandler} with an error handler of its own.
 */
public final class ServerErrorHandler implements Request.Handler {
    private static final Map<Integer, String> DETAILS = Map.of(
            408, "The request did not arrive in time. Send it again.",
            414, "The request's target is too long. Shorten it, or send its parameters in a body.",
            417, "The only expectation that can be met here is 100-continue. Send the request without the other one.",
            426, "HTTP/2 is not spoken here. Send the request in HTTP/1.1.",
            431, ProxyError.REQUEST_TOO_LARGE.detail(),
            500, ProxyError.INTERNAL.detail(),
            503, "The proxy is stopping, or has too much to do. Try again soon.",
            505, "This version of HTTP is not spoken here. Send the request in HTTP/1.1.");

    private final ErrorHandlingProxy proxy;

    /**
     * A handler for the errors of the server that runs this proxy.
     *
     * @param proxy whose {@link ErrorResponder} writes the answers
     */
    public ServerErrorHandler(ErrorHandlingProxy proxy) {
        this.proxy = proxy;
    }

    /** Called by Jetty with the status that it has chosen, and with what was thrown in an attribute of the request. */
    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        if (response.getStatus()
                == HttpStatus.UPGRADE_REQUIRED_426) { // which has to say to what (RFC 9110, section 15.5.22)
            response.getHeaders().put(HttpHeader.UPGRADE, "HTTP/1.1").put(HttpHeader.CONNECTION, "Upgrade, close");
        }
        var exchange = new Exchange(request, new Resettable(request, response), callback);
        if (Exchange.of(request) == null)
            request.setAttribute(Exchange.ATTRIBUTE, exchange); // so that both logs name it alike
        var cause = (Throwable) request.getAttribute(ErrorHandler.ERROR_EXCEPTION);
        if (cause instanceof EofException left) { // over HTTP/2, before its request was looked at
            exchange.clientLeft = left;
            ErrorLog.line("aborted", new ProxyError(ProxyError.CLIENT_LEFT, left), exchange);
            exchange.failed(left);
            return true;
        }
        ProxyError error = errorOf(cause, response.getStatus());
        ErrorLog.line("answered", error, exchange);
        ErrorAnswer.write(error, proxy.getErrorResponder(), exchange);
        return true;
    }

    private static ProxyError errorOf(Throwable cause, int chosenStatus) {
        int status = cause instanceof TimeoutException ? HttpStatus.REQUEST_TIMEOUT_408 : chosenStatus;
        String type = status < 500 ? "http_request_error" : "http_request_denied";
        if (status == HttpStatus.INTERNAL_SERVER_ERROR_500) type = ProxyError.INTERNAL.type();
        return new ProxyError(new ProxyError.Kind(status, type, detail(status, cause)), cause);
    }

    /** Only the reason of an {@link HttpException} is meant for a client: the text of another exception may name classes. */
    private static String detail(int status, Throwable cause) {
        String standard = HttpStatus.getMessage(status);
        String known = DETAILS.get(status);
        if (known != null) return known;
        boolean hasReason = cause instanceof HttpException refusal
                && refusal.getReason() != null
                && !refusal.getReason().equals(standard);
        return hasReason ? "The request was refused: " + ((HttpException) cause).getReason() + "." : standard + ".";
    }

    /** A response that can be reset: Jetty would reset the one that has failed, and not the one that is written now. */
    private static final class Resettable extends Response.Wrapper {
        private Resettable(Request request, Response response) {
            super(request, response);
        }

        @Override
        public void reset() {
            getHeaders().clear();
            setTrailersSupplier(null);
        }

        /**
         * Leaves out the body for HEAD. Jetty does not know the method where it could not read the rest of the head, and its client
         * would take the body for the next response.
         */
        @Override
        public void write(boolean last, ByteBuffer content, Callback callback) {
            boolean isToHead = HttpMethod.HEAD.is(getRequest().getMethod());
            if (isToHead) super.write(false, BufferUtil.EMPTY_BUFFER, callback);
            else super.write(last, content, callback);
        }
    }
}
