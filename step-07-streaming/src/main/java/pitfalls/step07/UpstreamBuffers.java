package pitfalls.step07;

import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.io.ArrayByteBufferPool;
import org.eclipse.jetty.io.ByteBufferPool;
import org.eclipse.jetty.io.RetainableByteBuffer;

/**
 * The buffers of the connections to an upstream. Whoever takes one gets its own position and limit. Jetty's pool hands out the same object
 * again and again, and Jetty's client empties a buffer after it has given it back, when a response fails while it is
 * read. By then the buffer may be in other hands: another request would be a 500, or never arrive as a whole.
 */
final class UpstreamBuffers extends ByteBufferPool.Wrapper {
    private static final int SIZES = 2048; // the sizes and the largest one are those of Jetty's client
    private static final int LARGEST = 64 * 1024;

    /**
     * What a response is read with. A body costs calls of the system each time that a buffer is filled and emptied, so a large one saves time.
     * The pool rounds it up to its largest size; nothing else asks for this number.
     */
    static final int RESPONSE = LARGEST - 1;

    /** A client that does not read keeps a buffer waiting, so only as many are large: 8 MB of them. */
    private static final int LARGE_RESPONSES = 128;

    /** What the other responses are read with: the usual size of Jetty's client. */
    private static final int SMALLER = 16 * 1024;

    /** Jetty's client keeps 100. With more slow clients than that, it allocates a buffer for each read, and leaves it to the collector. */
    private static final int KEPT_OF_EACH_SIZE = 2048;

    private final AtomicInteger largeResponses = new AtomicInteger();

    /** Buffers over a pool of their own. */
    UpstreamBuffers() {
        this(new ArrayByteBufferPool(0, SIZES, LARGEST, KEPT_OF_EACH_SIZE));
    }

    /** Buffers over that pool. */
    UpstreamBuffers(ByteBufferPool pool) {
        super(pool);
    }

    @Override
    public RetainableByteBuffer.Mutable acquire(int size, boolean direct) {
        if (size != RESPONSE) return withOwnPosition(super.acquire(size, direct));
        boolean isLarge = largeResponses.incrementAndGet() <= LARGE_RESPONSES;
        if (isLarge) return withOwnPosition(new LargeResponse(super.acquire(RESPONSE, direct)));
        largeResponses.decrementAndGet();
        return withOwnPosition(super.acquire(SMALLER, direct));
    }

    private static RetainableByteBuffer.Mutable withOwnPosition(RetainableByteBuffer pooled) {
        return RetainableByteBuffer.wrap(pooled.getByteBuffer().duplicate(), pooled);
    }

    /** One that is counted until it is given back. */
    private final class LargeResponse extends RetainableByteBuffer.Wrapper {
        private LargeResponse(RetainableByteBuffer pooled) {
            super(pooled);
        }

        @Override
        public boolean release() {
            boolean isLast = super.release();
            if (isLast) largeResponses.decrementAndGet();
            return isLast;
        }
    }
}
