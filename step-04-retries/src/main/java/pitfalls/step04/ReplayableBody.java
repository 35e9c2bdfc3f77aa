package pitfalls.step04;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import org.eclipse.jetty.io.Content;

/**
 * The body of a client's request: read once from the client, streamed to the upstream as it comes, and kept up to a
 * limit for further attempts, as long as the proxy has memory for it. Nothing waits for the copy.
 */
final class ReplayableBody {
    private final org.eclipse.jetty.client.Request.Content client;
    private final String contentType;
    private final long length;
    private final int limit;
    private final ReplayMemory memory;

    private ByteArrayOutputStream copy = new ByteArrayOutputStream();
    private boolean isKept = true;
    private Content.Chunk end;
    private Content.Chunk ahead;
    private boolean released;
    private Attempt current;

    /**
     * @param client where the body comes from
     * @param limit how many bytes are kept at most; with 0, what was read once is gone
     * @param memory what all requests share
     */
    ReplayableBody(org.eclipse.jetty.client.Request.Content client, int limit, ReplayMemory memory) {
        this.client = client;
        this.contentType = client.getContentType();
        this.length = client.getLength();
        this.limit = limit;
        this.memory = memory;
    }

    /** Whether everything that was read so far can be read again. */
    synchronized boolean isReplayable() {
        return isKept;
    }

    /** The whole body, from the start; what an earlier attempt has left is its to read. */
    synchronized org.eclipse.jetty.client.Request.Content newAttempt() {
        current = new Attempt();
        return current;
    }

    /** The attempt under way reads no more; until the next one does, the client is watched for leaving. */
    void failAttempt(Throwable failure) {
        Attempt attempt;
        synchronized (this) {
            attempt = current;
        }
        attempt.fail(failure);
    }

    /** Gives the rest of the body up, so that the client's connection is free for an answer. */
    void abandon(Throwable failure) {
        release();
        client.fail(failure);
    }

    /** Lets go of what was read and will not be sent, and of the copy. */
    synchronized void release() {
        if (ahead != null) ahead.release();
        ahead = null;
        released = true;
        forget();
    }

    private synchronized Content.Chunk readClient() {
        if (end != null) return end;
        Content.Chunk chunk = ahead != null ? ahead : client.read();
        ahead = null;
        if (chunk == null) return null;
        if (isKept && chunk.hasRemaining()) keep(chunk);
        if (Content.Chunk.isFailure(chunk, true)) end = chunk;
        else if (chunk.isLast()) end = Content.Chunk.EOF;
        return chunk;
    }

    private void keep(Content.Chunk chunk) {
        boolean fits = copy.size() + chunk.remaining() <= limit;
        if (!fits || !memory.reserve(chunk.remaining())) {
            forget();
            return;
        }
        byte[] bytes = new byte[chunk.remaining()];
        chunk.getByteBuffer().slice().get(bytes);
        copy.writeBytes(bytes);
    }

    /** Lets go of the copy, as no other attempt will follow. What the attempt under way has still to read of it stays. */
    synchronized void keepNoMore() {
        if (current.position >= copy.size()) forget();
    }

    private void forget() {
        memory.release(copy.size());
        copy = new ByteArrayOutputStream(0);
        isKept = false;
    }

    private void demandFromClient() {
        synchronized (this) {
            if (released || end != null || ahead != null) return;
        }
        client.demand(this::onAvailable);
    }

    /** Called when the client has sent more; where no attempt waits for it, it is looked at for the end of the client. */
    private void onAvailable() {
        Runnable task;
        synchronized (this) {
            task = current.waiting;
            current.waiting = null;
            if (task == null && !released) ahead = client.read();
        }
        if (task != null) task.run();
    }

    private final class Attempt implements org.eclipse.jetty.client.Request.Content {
        private int position;
        private Runnable waiting;
        private Content.Chunk failure;

        @Override
        public Content.Chunk read() {
            synchronized (ReplayableBody.this) {
                if (failure != null) return failure;
                if (position < copy.size()) {
                    var bytes = ByteBuffer.wrap(copy.toByteArray(), position, copy.size() - position);
                    position = copy.size();
                    return Content.Chunk.from(bytes, end == Content.Chunk.EOF);
                }
                Content.Chunk chunk = readClient();
                if (chunk != null) position += chunk.remaining();
                return chunk;
            }
        }

        @Override
        public void demand(Runnable task) {
            boolean ready;
            synchronized (ReplayableBody.this) {
                ready = failure != null || position < copy.size() || end != null || ahead != null;
                if (!ready) waiting = task;
            }
            if (ready) task.run();
            else demandFromClient();
        }

        /** Ends this attempt only: the next one may want the body, and the client may leave before it begins. */
        @Override
        public void fail(Throwable x) {
            synchronized (ReplayableBody.this) {
                if (failure == null) failure = Content.Chunk.from(x, true);
                waiting = null;
            }
            demandFromClient();
        }

        @Override
        public long getLength() {
            return length;
        }

        @Override
        public String getContentType() {
            return contentType;
        }
    }
}
