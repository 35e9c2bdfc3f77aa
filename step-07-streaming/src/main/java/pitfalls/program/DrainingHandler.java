package pitfalls.program;

import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.util.Callback;
import pitfalls.step07.inplace.InPlace;

/**
 * Lets a server that stops finish what it has begun, and serves what still comes on the connections that are open. Jetty's own
 * handler answers those requests with 503, though a client cannot know that the server stops before it reads
 * {@code Connection: close}. The {@link DrainingConnector} sees to the connections.
 */
final class DrainingHandler extends GracefulHandler {

    DrainingHandler(Handler handler) {
        super(handler);
    }

    @Override
    protected void handleShutdownRejection(Request request, Response response, Callback callback) {
        InPlace.handleToEnd(getHandler(), request, response, callback);
    }
}
