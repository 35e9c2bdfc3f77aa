package pitfalls.program;

import java.nio.ByteBuffer;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.http2.ErrorCode;
import org.eclipse.jetty.http2.HTTP2Stream;
import org.eclipse.jetty.http2.frames.ResetFrame;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import pitfalls.step02.Exchange;
import pitfalls.step07.http2.ClientStream;

/**
 * A response over HTTP/2. It waits for its reader while the window of its stream or of its connection is used up, or while the socket takes
 * nothing (RFC 9113, section 5.2).
 *
 * <p>It ends with its stream, and the others of the connection go on: the frame that says so needs no window, and the client gives
 * back the window that the stream has taken. Only a client whose socket does not take that frame loses its connection.
 */
final class StreamReading extends Response.Wrapper implements SlowReaders.Reading {
    private long sent; // without what is being written
    private ByteBuffer writing; // which Jetty moves on, as far as the windows permit
    private int length; // of that, at its beginning
    private boolean isWriting; // also a header alone, or the end, which other streams may hold up
    private volatile TimeoutException endReason;
    private volatile boolean isOver;
    private long sentBefore;

    StreamReading(Request request, Response response) {
        super(request, response);
    }

    @Override
    public void write(boolean last, ByteBuffer content, Callback callback) {
        begin(content);
        super.write(
                last,
                content,
                Callback.from(
                        callback.getInvocationType(),
                        () -> {
                            end();
                            callback.succeeded();
                        },
                        failure -> {
                            end();
                            TimeoutException reason = endReason; // which Jetty does not know
                            callback.failed(reason == null ? failure : reason);
                        }));
    }

    private synchronized void begin(ByteBuffer content) {
        writing = content;
        length = BufferUtil.length(content);
        isWriting = true;
    }

    private synchronized void end() {
        sent += length - BufferUtil.length(writing);
        writing = null;
        length = 0;
        isWriting = false;
    }

    @Override
    public synchronized boolean waitsForReader() {
        return isWriting;
    }

    @Override
    public synchronized long sent() {
        return sent + length - BufferUtil.length(writing);
    }

    @Override
    public Exchange exchange() {
        return Exchange.of(getRequest());
    }

    @Override
    public void end(TimeoutException reason) {
        endReason = reason;
        ClientEndPoint socket = socket();
        if (socket != null) sentBefore = socket.sent();
        HTTP2Stream stream = ClientStream.of(connection(), getRequest().getId());
        if (stream != null)
            stream.reset(new ResetFrame(stream.getId(), ErrorCode.ENHANCE_YOUR_CALM_ERROR.code), Callback.NOOP);
    }

    /** The socket has taken at least what a single reader has to, or the client gets nothing any more. */
    @Override
    public void awaitEnd(int bytesPerSecond) {
        ClientEndPoint socket = socket();
        if (socket == null) return;
        long sent = socket.sent();
        if (socket.waitsForReader() && sent - sentBefore < bytesPerSecond) socket.failWrite(endReason);
        sentBefore = sent;
    }

    @Override
    public boolean isOver() {
        return isOver;
    }

    /** Called when the exchange is over, however it went. */
    void onCompletion() {
        isOver = true;
    }

    private Connection connection() {
        return getRequest().getConnectionMetaData().getConnection();
    }

    private ClientEndPoint socket() {
        return ClientEndPoint.innermost(connection()) instanceof ClientEndPoint client ? client : null;
    }
}
