package pitfalls.step07.tunnel;

import java.nio.ByteBuffer;
import org.eclipse.jetty.io.AbstractConnection;
import org.eclipse.jetty.io.ByteBufferPool;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.RetainableByteBuffer;
import org.eclipse.jetty.server.Components;
import org.eclipse.jetty.util.IteratingCallback;

/**
 * One direction of an upgraded connection: what is read from one end point is written to the other, and so is the end of
 * it. No thread waits for either.
 */
final class TunnelConnection extends AbstractConnection implements Connection.UpgradeTo {
    private static final int BUFFER_SIZE = 16 * 1024;

    private final EndPoint out;
    private final ByteBufferPool buffers;
    private final Tunnels tunnels;
    private final TunnelConnection back;
    private final Pipe pipe = new Pipe();
    private ByteBuffer early;

    /**
     * @param back the other direction, which is opened after this one; {@code null} if it is open
     */
    TunnelConnection(EndPoint in, EndPoint out, Components components, Tunnels tunnels, TunnelConnection back) {
        super(in, components.getExecutor());
        this.out = out;
        this.buffers = components.getByteBufferPool();
        this.tunnels = tunnels;
        this.back = back;
    }

    /** What was read already when the connection was upgraded. */
    @Override
    public void onUpgradeTo(ByteBuffer buffer) {
        early = buffer;
    }

    @Override
    public void onOpen() {
        super.onOpen();
        tunnels.opened(getEndPoint());
        if (back != null) out.upgrade(back);
        pipe.iterate();
    }

    @Override
    public void onFillable() {
        pipe.iterate();
    }

    @Override
    public void onFillInterestedFailed(Throwable failure) {
        pipe.abort(failure);
    }

    @Override
    public void onClose(Throwable failure) {
        super.onClose(failure);
        tunnels.closed(getEndPoint());
    }

    private final class Pipe extends IteratingCallback {
        private RetainableByteBuffer buffer;

        @Override
        protected Action process() throws Throwable {
            if (early != null && early.hasRemaining()) {
                out.write(this, early);
                return Action.SCHEDULED;
            }
            if (buffer == null) buffer = buffers.acquire(BUFFER_SIZE, true);
            int filled = getEndPoint().fill(buffer.getByteBuffer());
            if (filled > 0) {
                out.write(this, buffer.getByteBuffer());
                return Action.SCHEDULED;
            }
            release();
            if (filled == 0) {
                fillInterested();
                return Action.IDLE;
            }
            out.shutdownOutput(); // the other direction may go on
            return Action.SUCCEEDED;
        }

        private void release() {
            if (buffer != null) buffer.release();
            buffer = null;
        }

        @Override
        protected void onCompleteFailure(Throwable failure) {
            release();
            getEndPoint().close(failure);
            out.close(failure);
        }

        @Override
        public InvocationType getInvocationType() {
            return InvocationType.NON_BLOCKING;
        }
    }
}
