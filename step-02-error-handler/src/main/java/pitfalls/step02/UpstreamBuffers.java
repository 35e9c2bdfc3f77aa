package pitfalls.step02;

import org.eclipse.jetty.io.ByteBufferPool;
import org.eclipse.jetty.io.RetainableByteBuffer;

/**
 * The buffers of the connections to an upstream. Whoever takes one gets its own position and limit. Jetty's pool hands out the same object
 * again and again, and Jetty's client empties a buffer after it has given it back, when a response fails while it is
 * read. By then the buffer may be in other hands: another request would be a 500, or never arrive as a whole.
 */
final class UpstreamBuffers extends ByteBufferPool.Wrapper {

    /** Takes the memory from that pool. */
    UpstreamBuffers(ByteBufferPool pool) {
        super(pool);
    }

    @Override
    public RetainableByteBuffer.Mutable acquire(int size, boolean direct) {
        RetainableByteBuffer.Mutable pooled = super.acquire(size, direct);
        return RetainableByteBuffer.wrap(pooled.getByteBuffer().duplicate(), pooled);
    }
}
