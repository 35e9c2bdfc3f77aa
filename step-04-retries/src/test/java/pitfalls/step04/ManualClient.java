package pitfalls.step04;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.ArrayDeque;
import java.util.Queue;
import org.eclipse.jetty.client.Request;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.util.BufferUtil;

/** The body of a client that sends what the test says, when it says so. */
final class ManualClient implements Request.Content {
    private final Queue<Content.Chunk> unread = new ArrayDeque<>();
    private Runnable waiting;

    /** A piece of a body, not the last one. */
    static Content.Chunk chunk(String text) {
        return Content.Chunk.from(BufferUtil.toBuffer(text, ISO_8859_1), false);
    }

    Content.Chunk send(Content.Chunk chunk) {
        unread.add(chunk);
        Runnable task = waiting;
        waiting = null;
        if (task != null) task.run();
        return chunk;
    }

    /** Whether somebody wants to be told of what comes next. */
    boolean isDemanded() {
        return waiting != null;
    }

    @Override
    public Content.Chunk read() {
        return unread.poll();
    }

    @Override
    public void demand(Runnable task) {
        if (unread.isEmpty()) waiting = task;
        else task.run();
    }

    @Override
    public void fail(Throwable failure) {
        // The tests do not ask for it.
    }

    @Override
    public String getContentType() {
        return "text/plain";
    }

    @Override
    public long getLength() {
        return 12;
    }
}
