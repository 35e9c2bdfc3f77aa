package pitfalls.step07;

import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.io.ByteBufferPool;
import org.eclipse.jetty.io.RetainableByteBuffer;

/**
 * Buffers to read bodies with, of which the first ones are large. A body costs calls of the system each time that a buffer is filled and
 * emptied, so a large one saves time. But a client that does not read, or sends requests ahead, keeps one in use: for many clients the others
 * are small.
 */
public final class BodyBuffers extends ByteBufferPool.Wrapper {
    static final int LARGE = 64 * 1024; // the largest that Jetty's pools keep

    /** Ask for this size, in bytes. The pool rounds it up; nothing else asks for this number. */
    public static final int SIZE = LARGE - 1;

    /** How many are large at the same time: 4 MB of them. */
    static final int LARGE_ONES = 64;

    private final int smaller;
    private final AtomicInteger largeOnes = new AtomicInteger();

    /**
     * Buffers over that pool.
     *
     * @param pool where all of them come from
     * @param smaller the size in bytes of the others: what Jetty would use
     */
    public BodyBuffers(ByteBufferPool pool, int smaller) {
        super(pool);
        this.smaller = smaller;
    }

    @Override
    public RetainableByteBuffer.Mutable acquire(int size, boolean direct) {
        if (size != SIZE) return super.acquire(size, direct);
        boolean isLarge = largeOnes.incrementAndGet() <= LARGE_ONES;
        if (isLarge) return new LargeOne(super.acquire(SIZE, direct));
        largeOnes.decrementAndGet();
        return super.acquire(smaller, direct);
    }

    /** One that counts until nobody holds it. */
    private final class LargeOne extends RetainableByteBuffer.Wrapper {
        private LargeOne(RetainableByteBuffer pooled) {
            super(pooled);
        }

        @Override
        public boolean release() {
            boolean isFree = super.release();
            if (isFree) largeOnes.decrementAndGet();
            return isFree;
        }
    }
}
