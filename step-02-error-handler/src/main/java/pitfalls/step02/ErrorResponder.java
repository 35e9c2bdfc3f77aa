package pitfalls.step02;

import java.util.LinkedHashMap;
import java.util.Map;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.ajax.JSON;

/**
 * Says what a client reads when the proxy has to answer instead of the upstream.
 *
 * <p>The response comes with the error's status and a {@code Proxy-Status} field (RFC 9209), and with nothing of what
 * the upstream may have sent before it failed. A responder may change both, adds fields, and returns the body.
 *
 * <p>Danger: {@link ProxyError#cause()} names addresses and classes that are none of the client's business.
 */
@FunctionalInterface
public interface ErrorResponder {

    /**
     * Called on one of Jetty's threads, so it must not wait for anything.
     *
     * @param error why there is no response of the upstream's
     * @param request the client's request
     * @param response the response to complete: its status and its fields
     * @return the body, sent as UTF-8 (left out for HEAD); {@code null} for none
     * @throws Exception after which the client gets the error's bare status, and the log the exception
     */
    String respond(ProxyError error, Request request, Response response) throws Exception;

    /**
     * The default, for people and programs.
     *
     * @return a responder that writes an {@code application/problem+json} document (RFC 9457)
     */
    static ErrorResponder problemJson() {
        return (error, request, response) -> {
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/problem+json");
            Map<String, Object> problem = new LinkedHashMap<>();
            problem.put("title", HttpStatus.getMessage(error.kind().status()));
            problem.put("status", error.kind().status());
            problem.put("detail", error.kind().detail());
            problem.put("error", error.kind().type());
            return new JSON().toJSON(problem) + "\n";
        };
    }

    /**
     * For people at a terminal.
     *
     * @return a responder that writes one line of {@code text/plain}: "upstream failed: connection refused"
     */
    static ErrorResponder plainText() {
        return (error, request, response) -> {
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, "text/plain;charset=utf-8");
            return "upstream failed: " + error.kind().type().replace('_', ' ') + "\n";
        };
    }
}
