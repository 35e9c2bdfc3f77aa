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
        for (var buffer : acquireAThousand(buffers, SIZE)) {
            BufferUtil.append(buffer.getByteBuffer(), USED);
            buffer.release();
        }

        var next = acquireAThousand(buffers, SIZE);
        long used = next.stream()
                .filter(buffer -> buffer.getByteBuffer().clear().get(0) == USED)
                .count();
        next.forEach(RetainableByteBuffer::release);

        assertThat(used).as("buffers that were used before").isEqualTo(1000);
    }

    @Test
    void a_response_is_read_with_a_large_buffer_and_the_many_of_slow_clients_with_small_ones() {
        var buffers = new UpstreamBuffers();

        var slow = acquireAThousand(buffers, UpstreamBuffers.RESPONSE);
        long large = slow.stream().filter(buffer -> buffer.capacity() == 65_536).count();
        long memory = slow.stream().mapToLong(RetainableByteBuffer::capacity).sum();
        slow.forEach(RetainableByteBuffer::release);
        var next = buffers.acquire(UpstreamBuffers.RESPONSE, true);

        assertThat(large).as("large ones").isEqualTo(128);
        assertThat(memory).isLessThan(24_000_000);
        assertThat(next.capacity()).as("when the others are given back").isEqualTo(65_536);
        next.release();
    }

    @Test
    void a_large_buffer_that_two_hold_counts_until_both_have_given_it_back() {
        var buffers = new UpstreamBuffers();
        var first = Stream.generate(() -> buffers.acquire(UpstreamBuffers.RESPONSE, true))
                .limit(128)
                .toList();
        first.get(0).retain();

        first.get(0).release();
        var whileHeld = buffers.acquire(UpstreamBuffers.RESPONSE, true);
        first.get(0).release();
        var afterwards = buffers.acquire(UpstreamBuffers.RESPONSE, true);

        assertThat(whileHeld.capacity()).isEqualTo(16_384);
        assertThat(afterwards.capacity()).isEqualTo(65_536);
        first.stream().skip(1).forEach(RetainableByteBuffer::release);
        whileHeld.release();
        afterwards.release();
    }

    private static List<RetainableByteBuffer.Mutable> acquireAThousand(ByteBufferPool pool, int size) {
        return Stream.generate(() -> pool.acquire(size, true)).limit(1000).toList();
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
