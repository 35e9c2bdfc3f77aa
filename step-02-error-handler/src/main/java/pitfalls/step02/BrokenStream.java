package pitfalls.step02;

import java.nio.ByteBuffer;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.server.HttpStream;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.Callback;

/**
 * The client's stream from when its exchange has failed: nothing more is sent on it, and it can only be broken off. A handler in front
 * that learns of the failure cannot finish the response any more, as Jetty's {@code BufferedResponseHandler} does with the half that it has.
 */
final class BrokenStream extends HttpStream.Wrapper {
    private final Throwable failure;

    private BrokenStream(HttpStream stream, Throwable failure) {
        super(stream);
        this.failure = failure;
    }

    /** Breaks the stream of a request whose exchange is about to be failed. */
    static void of(Request clientToProxyRequest, Throwable failure) {
        try {
            clientToProxyRequest.addHttpStreamWrapper(stream -> new BrokenStream(stream, failure));
        } catch (IllegalStateException over) {
            // Somebody else has completed the request, and Jetty has let go of its stream.
        }
    }

    @Override
    public void send(
            MetaData.Request request, MetaData.Response response, boolean last, ByteBuffer content, Callback callback) {
        callback.failed(failure);
    }

    @Override
    public void succeeded() {
        failed(failure);
    }
}
