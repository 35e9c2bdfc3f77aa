package pitfalls.step07.inplace;

import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.internal.HttpConnection;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.Invocable;

/**
 * Keeps a request in the thread that has read it. Jetty changes threads there, and again after the response, because handlers may wait
 * for something. The proxy does not wait, and the changes cost it a quarter of its CPU for small requests. {@link InPlaceThreads} saves the
 * second one.
 *
 * <pre>
 * var server = new Server(new InPlaceThreads());
 * server.setHandler(new InPlace(proxy));
 * </pre>
 *
 * <p>A thread that reads does so for many connections. What could keep it from all others goes to another thread: a request with a body, which
 * lasts for as long as the client sends; and every {@value #SHARE}th request of a connection, for a client may send request after
 * request without a pause. Of HTTP/2, a thread reads as many requests as there are. They stay in it if another one reads from the other
 * connections meanwhile.
 *
 * <p>Danger: the handler inside must not wait for anything, nor may a director or an error responder. While it waits, many clients are not
 * served. And a single client can keep the thread where it speaks TLS without ALPN, or HTTP/2 without TLS.
 */
public final class InPlace extends Handler.Wrapper {
    static final int SHARE = 64;

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
        if (mayStay(request)) return super.handle(request, response, callback);
        getServer().getThreadPool().execute(() -> handleToEnd(getHandler(), request, response, callback));
        return true;
    }

    private boolean mayStay(Request request) {
        ConnectionMetaData data = request.getConnectionMetaData();
        if (data.getConnection() instanceof HttpConnection http1) return !isShareOver(http1) && !hasBody(request);
        return data.getHttpVersion() == HttpVersion.HTTP_2 && readsFromOneConnection();
    }

    /**
     * Whether this thread is free for the connection from which it reads. When Jetty has something to read in HTTP/2, it lets another thread go on
     * with all connections. If none is ready, it says that nothing may block here.
     */
    private boolean readsFromOneConnection() {
        boolean isServers = getServer().getThreadPool() instanceof InPlaceThreads threads && threads.isOneOfThem();
        return isServers && !Invocable.isNonBlockingInvocation();
    }

    private static boolean isShareOver(HttpConnection connection) {
        return connection.getMessagesIn() % SHARE == 0;
    }

    private static boolean hasBody(Request request) {
        return request.getLength() > 0 || request.getHeaders().contains(HttpHeader.TRANSFER_ENCODING);
    }

    /** Has that handler handle the request, where Jetty does not see the outcome: what it leaves is a 404, and its failure a 500. */
    public static void handleToEnd(Handler handler, Request request, Response response, Callback callback) {
        try {
            boolean handled = handler.handle(request, response, callback);
            if (!handled) Response.writeError(request, response, callback, HttpStatus.NOT_FOUND_404);
        } catch (Throwable x) {
            Response.writeError(request, response, callback, x);
        }
    }
}
