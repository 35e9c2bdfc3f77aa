package pitfalls.step07.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.concurrent.Executor;
import org.eclipse.jetty.io.ArrayByteBufferPool;
import org.eclipse.jetty.io.ByteArrayEndPoint;
import org.eclipse.jetty.io.ByteBufferPool;
import org.eclipse.jetty.server.Components;
import org.eclipse.jetty.util.Attributes;
import org.eclipse.jetty.util.thread.Invocable.InvocationType;
import org.eclipse.jetty.util.thread.Scheduler;
import org.eclipse.jetty.util.thread.ThreadPool;
import org.junit.jupiter.api.Test;

/** One direction of a tunnel, without the other, which would end both connections as well. */
class TunnelConnectionTest {
    private final ArrayByteBufferPool.Tracking buffers = new ArrayByteBufferPool.Tracking();
    private final ByteArrayEndPoint in = new ByteArrayEndPoint();
    private final ByteArrayEndPoint out = new ByteArrayEndPoint(new byte[0], 3); // takes three bytes
    private final TunnelConnection tunnel =
            new TunnelConnection(in, out, new BuffersAlone(buffers), new Tunnels(), null);

    @Test
    void a_tunnel_that_is_quiet_holds_no_buffer() {
        in.addInput("abc");

        tunnel.onOpen();

        assertThat(out.getOutputString()).isEqualTo("abc");
        assertThat(in.isFillInterested()).isTrue();
        assertThat(buffers.getLeaks()).isEmpty();
    }

    @Test
    void the_end_of_the_bytes_is_passed_on_and_nothing_else_ends() {
        in.addInput("abc");
        in.addInputEOF();

        tunnel.onOpen();

        assertThat(out.getOutputString()).isEqualTo("abc");
        assertThat(out.isOutputShutdown()).isTrue();
        assertThat(out.isOpen()).isTrue();
        assertThat(buffers.getLeaks()).isEmpty();
    }

    @Test
    void a_connection_that_breaks_ends_the_one_that_is_written_to() {
        tunnel.onOpen();

        in.close(new IOException("reset by peer"));

        assertThat(out.isOpen()).isFalse();
    }

    @Test
    void a_connection_that_breaks_ends_the_one_that_is_read_from() {
        in.addInput("abcdef");
        tunnel.onOpen();
        assertThat(out.getOutputString()).as("as much as it takes").isEqualTo("abc");

        out.close(new IOException("reset by peer"));

        assertThat(in.isOpen()).isFalse();
        assertThat(buffers.getLeaks()).isEmpty();
    }

    @Test
    void what_goes_on_after_a_write_that_took_long_needs_no_thread_of_its_own() {
        in.addInput("abcdef");

        tunnel.onOpen();

        assertThat(out.getWriteFlusher().getCallbackInvocationType()).isEqualTo(InvocationType.NON_BLOCKING);
    }

    /** What a tunnel uses of a server. */
    private record BuffersAlone(ByteBufferPool getByteBufferPool) implements Components {
        @Override
        public Executor getExecutor() {
            return Runnable::run;
        }

        @Override
        @SuppressWarnings("removal")
        public ThreadPool getThreadPool() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Scheduler getScheduler() {
            throw new UnsupportedOperationException();
        }

        @Override
        public Attributes getCache() {
            throw new UnsupportedOperationException();
        }
    }
}
