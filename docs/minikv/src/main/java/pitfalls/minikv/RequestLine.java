package pitfalls.minikv;

import java.io.PrintStream;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.RequestLog;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.NanoTime;

/** Prints each request for the demo: who has answered it, what and how soon. */
final class RequestLine implements RequestLog {
    /** How such a line begins, by which the demo knows it. */
    static final String BEGIN = "request: ";

    private final String id;
    private final PrintStream out;

    RequestLine(String id, PrintStream out) {
        this.id = id;
        this.out = out;
    }

    @Override
    public void log(Request request, Response response) {
        String path = request.getHttpURI().getPath();
        if (!path.startsWith("/v1/") || path.equals("/v1/status"))
            return; // the page and the demo ask for those all the time
        String by = response.getHeaders().get(Api.NODE);
        boolean wasForwarded = request.getHeaders().contains(Node.FORWARDED);
        String who = by == null
                ? "no node has answered"
                : !by.equals(id) ? "forwarded to node " + by : wasForwarded ? "forwarded to it" : "answered here";
        long ms = NanoTime.millisSince(request.getBeginNanoTime());
        out.println(BEGIN + request.getMethod() + " " + request.getHttpURI().getPathQuery() + "  " + who + ": "
                + response.getStatus() + " after " + ms + " ms");
    }
}
