package pitfalls.lab;

import java.util.Set;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;

/**
 * Lets the lab's own page drive the lab, and no other page. Another name for 127.0.0.1 would let a foreign page read what is here, so
 * {@code Host} has to be one of the three that a machine calls itself by; and whatever plays something needs an {@code Origin}, which a
 * browser always tells and no page can choose.
 */
final class Guard extends Handler.Wrapper {
    private static final String POLICY =
            "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; script-src 'self';"
                    + " base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    Guard(Handler handler) {
        super(handler);
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        int port = ((ServerConnector) request.getConnectionMetaData().getConnector()).getLocalPort();
        Set<String> hosts = Set.of("127.0.0.1:" + port, "localhost:" + port, "[::1]:" + port);
        String host = request.getHeaders().get(HttpHeader.HOST);
        if (host == null || !hosts.contains(host))
            return refuse(
                    response,
                    callback,
                    HttpStatus.MISDIRECTED_REQUEST_421,
                    "This is http://127.0.0.1:" + port + "/, and has no other name.\n");
        boolean isRead =
                request.getMethod().equals("GET") || request.getMethod().equals("HEAD");
        if (!isRead && !("http://" + host).equals(request.getHeaders().get(HttpHeader.ORIGIN)))
            return refuse(
                    response,
                    callback,
                    HttpStatus.FORBIDDEN_403,
                    "Only the lab's own page may do this: Origin has to be http://" + host + ".\n");
        response.getHeaders()
                .put("Content-Security-Policy", POLICY)
                .put("Cross-Origin-Resource-Policy", "same-origin")
                .put("Cross-Origin-Opener-Policy", "same-origin")
                .put("Referrer-Policy", "no-referrer")
                .put("X-Content-Type-Options", "nosniff")
                .put(HttpHeader.CACHE_CONTROL, "no-store");
        return super.handle(request, response, callback);
    }

    static boolean refuse(Response response, Callback callback, int status, String sentence) {
        response.setStatus(status);
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, "text/plain;charset=utf-8");
        Content.Sink.write(response, true, sentence, callback);
        return true;
    }
}
