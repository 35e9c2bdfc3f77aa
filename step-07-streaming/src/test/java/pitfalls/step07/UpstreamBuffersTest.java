package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.stream.Stream;
import org.eclipse.jetty.io.ArrayByteBufferPool;
import org.eclipse.jetty.io.ByteBufferPool;
import org.eclipse.jetty.io.RetainableByteBuffer;
import org.eclipse.jetty.util.BufferUtil;
import org.junit.jupiter.api.Test;
import pitfalls.support.LoopbackTest;

/** What one holder of a buffer does to it after giving it back is nothing to the next one. */
class UpstreamBuffersTest implements LoopbackTest {
    private static final int SIZE = 4096;
    private static final byte USED = 1;

    @Test
    void a_buffer_of_Jettys_pool_is_emptied_in_other_hands() {
        assertThat(remainingAfterALateClear(new ArrayByteBufferPool())).isZero();
    }

    @Test
    void a_buffer_of_the_proxys_client_is_not() throws Exception {
        var proxy = new StreamingProxy(loopback.refusing());
        loopback.serve(proxy);

        assertThat(remainingAfterALateClear(proxy.getHttpClient().getByteBufferPool()))
                .isEqualTo(5);
    }

    @Test
    void the_memory_is_used_again() {
        var pool = new ArrayByteBufferPool();
        var buffers = new UpstreamBuffers(pool);

        for (int i = 0; i < 10; i++) buffers.acquire(SIZE, true).release();

        assertThat(pool.getDirectMemory()).isEqualTo(SIZE);
    }

    @Test
    void the_memory_of_a_thousand_slow_clients_is_used_again() {
        var buffers = new UpstreamBuffers();
        for (var buffer : acquireAThousand(buffers)) {
            BufferUtil.append(buffer.getByteBuffer(), USED);
            buffer.release();
        }

        var next = acquireAThousand(buffers);
        long used = next.stream()
                .filter(buffer -> buffer.getByteBuffer().clear().get(0) == USED)
                .count();
        next.forEach(RetainableByteBuffer::release);

        assertThat(used).as("buffers that were used before").isEqualTo(1000);
    }

    private static List<RetainableByteBuffer.Mutable> acquireAThousand(ByteBufferPool pool) {
        return Stream.generate(() -> pool.acquire(SIZE, true)).limit(1000).toList();
    }

    /** Gives a buffer back, lets the next holder fill it, and then has the first one clear it. */
    private static int remainingAfterALateClear(ByteBufferPool pool) {
        var first = pool.acquire(SIZE, true);
        ByteBuffer stale = first.getByteBuffer();
        first.release();
        var second = pool.acquire(SIZE, true);
        BufferUtil.append(second.getByteBuffer(), "hello".getBytes());

        BufferUtil.clear(stale);

        int remaining = second.remaining();
        second.release();
        return remaining;
    }
}
