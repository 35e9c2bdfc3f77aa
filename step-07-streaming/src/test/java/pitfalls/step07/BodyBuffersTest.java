package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;
import org.eclipse.jetty.io.ArrayByteBufferPool;
import org.eclipse.jetty.io.RetainableByteBuffer;
import org.junit.jupiter.api.Test;

/** Which buffers a body is read with. */
class BodyBuffersTest {
    private static final int LARGE = 65_536;
    private static final int SMALLER = 8192;

    private final BodyBuffers buffers = new BodyBuffers(new ArrayByteBufferPool(), SMALLER);

    @Test
    void the_first_ones_are_large_and_the_others_are_as_small_as_Jettys() {
        var sizes = acquire(1000).stream().map(RetainableByteBuffer::capacity).toList();

        assertThat(sizes.subList(0, BodyBuffers.LARGE_ONES)).containsOnly(LARGE);
        assertThat(sizes.subList(BodyBuffers.LARGE_ONES, 1000)).containsOnly(SMALLER);
    }

    @Test
    void one_that_is_given_back_leaves_room_for_another_large_one() {
        var held = acquire(BodyBuffers.LARGE_ONES);

        held.get(0).release();

        assertThat(next()).isEqualTo(LARGE);
        assertThat(next()).isEqualTo(SMALLER);
    }

    @Test
    void one_that_two_hold_counts_until_both_have_given_it_back() {
        var held = acquire(BodyBuffers.LARGE_ONES);
        held.get(0).retain();

        held.get(0).release();
        int whileOneHoldsIt = next();
        held.get(0).release();

        assertThat(whileOneHoldsIt).isEqualTo(SMALLER);
        assertThat(next()).isEqualTo(LARGE);
    }

    @Test
    void whoever_asks_for_another_size_gets_it() {
        acquire(BodyBuffers.LARGE_ONES);

        assertThat(buffers.acquire(LARGE, true).capacity()).isEqualTo(LARGE);
        assertThat(buffers.acquire(LARGE * 2, true).capacity()).isEqualTo(LARGE * 2);
    }

    private List<RetainableByteBuffer.Mutable> acquire(int count) {
        return Stream.generate(() -> buffers.acquire(BodyBuffers.SIZE, true))
                .limit(count)
                .toList();
    }

    /** How large the next one is, which is kept. */
    private int next() {
        return acquire(1).get(0).capacity();
    }
}
