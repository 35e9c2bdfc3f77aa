package pitfalls.step07;

import org.eclipse.jetty.io.ArrayByteBufferPool;
import org.eclipse.jetty.io.ByteBufferPool;
import org.eclipse.jetty.io.RetainableByteBuffer;

/**
 * The buffers of the connections to an upstream. Whoever takes one gets its own position and limit. Jetty's pool hands out the same object
 * again and again, and Jetty's client empties a buffer after it has given it back, when a response fails while it is
 * read. By then the buffer may be in other hands: another request would be a 500, or never arrive as a whole.
 */
final class UpstreamBuffers extends ByteBufferPool.Wrapper {
    private static final int SIZES = 2048; // as in Jetty's client

    /** Jetty's client keeps 100. With more slow clients than that, it allocates a buffer for each read, and leaves it to the collector. */
    private static final int KEPT_OF_EACH_SIZE = 2048;

    /** What Jetty's client reads a response with. */
    private static final int USUAL = 16 * 1024;

    /** Buffers over a pool of their own. */
    UpstreamBuffers() {
        this(new BodyBuffers(new ArrayByteBufferPool(0, SIZES, BodyBuffers.LARGE, KEPT_OF_EACH_SIZE), USUAL));
    }

    /** Buffers over that pool. */
    UpstreamBuffers(ByteBufferPool pool) {
        super(pool);
    }

    @Override
    public RetainableByteBuffer.Mutable acquire(int size, boolean direct) {
        RetainableByteBuffer.Mutable pooled = super.acquire(size, direct);
        return RetainableByteBuffer.wrap(pooled.getByteBuffer().duplicate(), pooled);
    }
}
