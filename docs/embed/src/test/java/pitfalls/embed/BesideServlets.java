package pitfalls.embed;

import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ConditionalHandler;
import org.eclipse.jetty.util.Callback;

/** Passes some paths of a servlet context to another handler, and leaves the others to the servlets. */
final class BesideServlets extends ConditionalHandler.ElseNext {
    private final Handler handler;

    /**
     * @param path which paths, below that of the context: {@code /v1/*}
     * @param handler who gets them
     */
    BesideServlets(String path, Handler handler) {
        includePath(path);
        this.handler = handler;
        installBean(handler); // it starts and stops with the context
    }

    @Override
    public void setServer(org.eclipse.jetty.server.Server server) {
        super.setServer(server);
        handler.setServer(server);
    }

    @Override
    protected boolean onConditionsMet(Request request, Response response, Callback callback) throws Exception {
        return handler.handle(request, response, callback);
    }
}
