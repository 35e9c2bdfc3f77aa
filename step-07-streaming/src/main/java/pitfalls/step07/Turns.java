package pitfalls.step07;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.util.thread.Invocable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets the bodies of responses take turns. A thread reads from many upstreams, and sees to new connections to them. While it passes on a
 * body that flows, all others wait, also those who want a few bytes; a thousand such bodies at once would stop the proxy for seconds.
 *
 * <p>So a body has that thread for {@value #BYTES} bytes. If more of it is there, it waits for its next turn in a queue, which as many
 * other threads serve as there are processors: more of them would only keep that one from its work.
 */
final class Turns {
    static final int BYTES = 64 * 1024;

    private static final Logger LOG = LoggerFactory.getLogger(Turns.class);

    private final Executor executor;
    private final int threads;
    private final Queue<Runnable> waiting = new ArrayDeque<>();
    private int running;

    /** Turns in threads of that executor, as many at the same time as there are processors. */
    Turns(Executor executor) {
        this(executor, Runtime.getRuntime().availableProcessors());
    }

    /** Turns in as many threads of that executor at the same time. */
    Turns(Executor executor, int threads) {
        this.executor = executor;
        this.threads = threads;
    }

    /**
     * That body, which goes on in another thread after each turn.
     *
     * @param length in bytes, or -1 if nobody knows it
     */
    Content.Source of(Content.Source body, long length) {
        return new Body(body, length);
    }

    private void await(Runnable turn) {
        synchronized (this) {
            waiting.add(turn);
            if (running == threads) return;
            running++;
        }
        try {
            executor.execute(this::serve);
        } catch (RejectedExecutionException stopping) {
            serve();
        }
    }

    private void serve() {
        for (Runnable turn = next(); turn != null; turn = next()) {
            try {
                turn.run();
            } catch (Throwable x) {
                LOG.warn("the turn of a body has failed", x); // and the others go on
            }
        }
    }

    private synchronized Runnable next() {
        Runnable next = waiting.poll();
        if (next == null) running--;
        return next;
    }

    /** A body that is read by one thread at a time. */
    private final class Body implements Content.Source, Invocable {
        private final Content.Source body;
        private long left; // 0 if there is nothing more to wait for than the end
        private int bytes; // since the turn began

        private Body(Content.Source body, long length) {
            this.body = body;
            left = length;
        }

        @Override
        public Content.Chunk read() {
            Content.Chunk chunk = body.read();
            if (chunk == null) return null;
            bytes += chunk.remaining();
            left -= chunk.remaining();
            return chunk;
        }

        @Override
        public void demand(Runnable task) {
            boolean isOver = bytes >= BYTES && left != 0;
            if (isOver) bytes = 0;
            body.demand(isOver ? Invocable.from(InvocationType.NON_BLOCKING, () -> await(task)) : task);
        }

        @Override
        public void fail(Throwable failure) {
            body.fail(failure);
        }

        @Override
        public InvocationType getInvocationType() {
            return Invocable.getInvocationType(body);
        }
    }
}
