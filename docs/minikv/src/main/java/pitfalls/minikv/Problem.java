package pitfalls.minikv;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.ajax.JSON;

/**
 * Why a node does not do what it was asked for, in the form of RFC 9457, as {@link pitfalls.step02.ErrorResponder#problemJson} writes what
 * goes wrong on the way.
 *
 * @param status the status code
 * @param error a name for programs
 * @param detail a sentence or two for people: what is wrong, and what to do
 */
record Problem(int status, String error, String detail) {

    /** Answers with it. */
    void write(Response response, Callback callback) {
        putHeaders(response);
        response.write(true, BufferUtil.toBuffer(toJson(), StandardCharsets.UTF_8), callback);
    }

    /** Sets the status and the headers of its answer. */
    void putHeaders(Response response) {
        response.setStatus(status);
        response.getHeaders()
                .put(HttpHeader.CONTENT_TYPE, "application/problem+json")
                .put(HttpHeader.CACHE_CONTROL, "no-store");
        if (status == HttpStatus.SERVICE_UNAVAILABLE_503) response.getHeaders().put(HttpHeader.RETRY_AFTER, 1);
    }

    /** Its body. */
    String toJson() {
        Map<String, Object> problem = new LinkedHashMap<>();
        problem.put("title", HttpStatus.getMessage(status));
        problem.put("status", status);
        problem.put("detail", detail);
        problem.put("error", error);
        return new JSON().toJSON(problem) + "\n";
    }
}
