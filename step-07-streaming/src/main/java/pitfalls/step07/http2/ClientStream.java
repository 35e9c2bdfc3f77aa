package pitfalls.step07.http2;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.http2.ErrorCode;
import org.eclipse.jetty.http2.HTTP2Connection;
import org.eclipse.jetty.http2.HTTP2Stream;
import org.eclipse.jetty.http2.frames.ResetFrame;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.server.HttpStream;
import org.eclipse.jetty.util.Callback;

/**
 * The stream of a client's request over HTTP/2, which tells the client why it ends. A whole response to half an upload ends with NO_ERROR:
 * the rest is not wanted (RFC 9113, section 8.1). Half a response ends with INTERNAL_ERROR. Jetty says CANCEL in both cases, and some
 * clients drop the response then.
 */
public final class ClientStream extends HttpStream.Wrapper {
    private final Connection connection;
    private volatile boolean isWhole;
    private int writes;
    private Runnable afterWrites;

    /**
     * A stream that goes on as before until it ends.
     *
     * @param stream Jetty's
     * @param connection the client's connection
     */
    public ClientStream(HttpStream stream, Connection connection) {
        super(stream);
        this.connection = connection;
    }

    @Override
    public void send(
            MetaData.Request request, MetaData.Response response, boolean last, ByteBuffer content, Callback callback) {
        if (last) isWhole = true;
        synchronized (this) {
            writes++;
        }
        super.send(request, response, last, content, new Callback.Nested(callback) {
            @Override
            public void succeeded() {
                super.succeeded();
                onWritten();
            }

            /** A client that has left is told as over HTTP/1.1, in whatever way its connection or its stream has ended. */
            @Override
            public void failed(Throwable failure) {
                boolean hasLeft = failure instanceof IOException && !(failure instanceof EofException);
                super.failed(hasLeft ? new EofException(failure) : failure);
                onWritten();
            }
        });
    }

    private void onWritten() {
        Runnable task;
        synchronized (this) {
            writes--;
            if (writes > 0) return;
            task = afterWrites;
            afterWrites = null;
        }
        if (task != null) task.run();
    }

    /**
     * Runs a task when nothing is being written: at once, or when the client has taken what is, or cannot take it.
     *
     * @param task what would write, which nobody may while another write is under way
     */
    public void whenWritten(Runnable task) {
        synchronized (this) {
            if (writes > 0) {
                afterWrites = task;
                return;
            }
        }
        task.run();
    }

    /**
     * Finds the stream of a client's request.
     *
     * @param connection the request's
     * @param id the request's
     * @return {@code null} if it has ended, or the connection does not speak HTTP/2
     */
    public static HTTP2Stream of(Connection connection, String id) {
        return connection instanceof HTTP2Connection http2 ? http2.getSession().getStream(Integer.parseInt(id)) : null;
    }

    /** {@return whether the client has left already, of which Jetty tells only those who have asked before} */
    public boolean hasEnded() {
        if (!(connection instanceof HTTP2Connection)) return false;
        HTTP2Stream stream = of(connection, getId());
        return stream == null || stream.isReset();
    }

    @Override
    public void succeeded() {
        endWith(ErrorCode.NO_ERROR, Callback.NOOP);
        super.succeeded();
    }

    @Override
    public void failed(Throwable failure) {
        endWith(isWhole ? ErrorCode.NO_ERROR : ErrorCode.INTERNAL_ERROR, Callback.NOOP);
        super.failed(failure);
    }

    /** Called when the request fails while a part of the response is being written, which may be the last one. */
    @Override
    public Runnable cancelSend(Throwable cause, Callback callback) {
        Runnable cancel = super.cancelSend(cause, callback);
        Callback failed = Callback.from(() -> callback.failed(cause)); // when all is flushed
        return () -> {
            if (!endWith(isWhole ? ErrorCode.NO_ERROR : ErrorCode.INTERNAL_ERROR, failed)) cancel.run();
        };
    }

    /** Has no effect, and returns that, if both sides have ended it already. */
    private boolean endWith(ErrorCode code, Callback callback) {
        HTTP2Stream stream = of(connection, getId());
        if (stream == null || stream.isClosed() || stream.isReset()) return false;
        stream.reset(new ResetFrame(stream.getId(), code.code), callback);
        return true;
    }
}
