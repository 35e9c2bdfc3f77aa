package pitfalls.embed;

import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** Takes requests whose path begins with a prefix, and passes them on without it. All others are left to the next handler. */
final class WithoutPrefix extends Handler.Wrapper {
    private final String prefix;

    WithoutPrefix(String prefix, Handler handler) {
        super(handler);
        this.prefix = prefix;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        String target = request.getHttpURI().getPathQuery();
        if (!target.startsWith(prefix + "/")) return false;
        var uri = HttpURI.build(request.getHttpURI()).pathQuery(target.substring(prefix.length()));
        return super.handle(Request.serveAs(request, uri.asImmutable()), response, callback);
    }
}
