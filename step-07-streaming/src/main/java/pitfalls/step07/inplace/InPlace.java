package pitfalls.step07.inplace;

import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/**
 * Keeps a request in the thread that reads it, and its connection in the thread that sends the response. Jetty changes threads in both
 * places, because handlers may wait for something. The proxy does not wait, and the change costs it a quarter of its CPU for small requests.
 *
 * <pre>
 * var server = new Server(new InPlaceThreads());
 * server.setHandler(new InPlace(proxy));
 * </pre>
 *
 * <p>A thread that reads does so for many connections. What could keep it from all others goes to another thread: a request with a body, which
 * lasts for as long as the client sends; and every {@value #IN_A_ROW}th request of a connection, for a client may send request after request
 * without a pause.
 *
 * <p>Danger: the handler inside must not wait for anything, nor may a director or an error responder. While it waits, many clients are not
 * served. And where clients speak TLS, the connector needs ALPN; without it, the threads that read do the handshakes too.
 */
public final class InPlace extends Handler.Wrapper {
    static final int IN_A_ROW = 64;

    /**
     * Serves requests in place.
     *
     * @param handler never waits
     */
    public InPlace(Handler handler) {
        super(handler);
    }

    /** Tells Jetty that the thread that has read a request may handle it, and then reads on from all connections. */
    @Override
    public InvocationType getInvocationType() {
        return InvocationType.NON_BLOCKING;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        boolean mayStay = !mayHaveBody(request) && !isLastInARow(request);
        if (mayStay) return super.handle(request, response, callback);
        getServer().getThreadPool().execute(() -> handleThere(request, response, callback));
        return true;
    }

    /** Over HTTP/2 there may be one that has no field. What has arrived of it is read here, and no more. */
    private static boolean mayHaveBody(Request request) {
        return request.getLength() > 0 || request.getHeaders().contains(HttpHeader.TRANSFER_ENCODING);
    }

    private static boolean isLastInARow(Request request) {
        return request.getConnectionMetaData().getConnection().getMessagesIn() % IN_A_ROW == 0;
    }

    private void handleThere(Request request, Response response, Callback callback) {
        try {
            boolean handled = super.handle(request, response, callback);
            if (!handled) Response.writeError(request, response, callback, HttpStatus.NOT_FOUND_404);
        } catch (Throwable x) {
            Response.writeError(request, response, callback, x);
        }
    }
}
