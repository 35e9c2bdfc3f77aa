package pitfalls.step07;

import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.Invocable;
import pitfalls.step07.watch.Deadlines;

/**
 * The head of a response, which waits for the first byte of its body for a moment only: an event stream that has no event
 * yet is open all the same. Within that moment a response that dies can still become a 502, or be tried again.
 */
final class ResponseHead {
    private final Response proxyToClientResponse;
    private final Timeouts timeouts;
    private final Deadlines deadlines;

    private Deadlines.Deadline sending;
    private boolean writing;
    private Runnable afterWriting;

    ResponseHead(Response proxyToClientResponse, Timeouts timeouts, Deadlines deadlines) {
        this.proxyToClientResponse = proxyToClientResponse;
        this.timeouts = timeouts;
        this.deadlines = deadlines;
    }

    /** Sends the head soon, if no byte of the body comes before. */
    synchronized void sendSoon() {
        if (sending == null && !writing) sending = deadlines.after(timeouts.head(), this::send);
    }

    private void send() {
        synchronized (this) {
            if (sending == null) return;
            sending = null;
            writing = true;
        }
        proxyToClientResponse.write(
                false, BufferUtil.EMPTY_BUFFER, Callback.from(Invocable.InvocationType.NON_BLOCKING, this::written));
    }

    /** Where the client has left, the next write tells. */
    private void written() {
        Runnable task;
        synchronized (this) {
            writing = false;
            task = afterWriting;
            afterWriting = null;
        }
        if (task != null) task.run();
    }

    /** Runs the first task now, and the head is not sent alone any more; or the second when it has just been written. */
    void whenSettled(Runnable now, Runnable later) {
        synchronized (this) {
            if (sending != null) sending.cancel();
            sending = null;
            if (writing) afterWriting = later;
            if (writing) return;
        }
        now.run();
    }

    /**
     * Runs the task, which ends the response; before, sends the head of a response to HEAD, or of a 304. Jetty would make up a
     * {@code Content-Length} of 0 for them, the length of what it has written, and not that of the body that a GET would
     * get (RFC 9110, section 8.6).
     */
    void endWithoutInventedLength(String method, Runnable end) {
        boolean bodyElsewhere =
                HttpMethod.HEAD.is(method) || proxyToClientResponse.getStatus() == HttpStatus.NOT_MODIFIED_304;
        boolean hasLength = proxyToClientResponse.getHeaders().contains(HttpHeader.CONTENT_LENGTH);
        if (!bodyElsewhere || hasLength || proxyToClientResponse.isCommitted()) {
            end.run();
        } else {
            proxyToClientResponse.write(
                    false, BufferUtil.EMPTY_BUFFER, Callback.from(Invocable.InvocationType.NON_BLOCKING, end));
        }
    }

    /** The body of a response, where nobody waits for long before the head was sent. */
    final class Body implements Content.Source, Invocable {
        private final Content.Source body;
        private final UpstreamSilence silence;
        private Runnable onLastBytes;
        private long bytesLeft;

        /**
         * @param contentLength how many bytes are announced; less than 0 if that is unknown
         * @param silence runs while more of the body is waited for, and not while the client takes what there is
         * @param onLastBytes called once, before the last bytes are handed on
         */
        Body(Content.Source body, long contentLength, UpstreamSilence silence, Runnable onLastBytes) {
            this.body = body;
            this.bytesLeft = contentLength;
            this.silence = silence;
            this.onLastBytes = onLastBytes;
        }

        @Override
        public Content.Chunk read() {
            Content.Chunk chunk = body.read();
            if (chunk == null || Content.Chunk.isFailure(chunk)) return chunk;
            (chunk.hasRemaining() ? silence.onBytes : silence.onEnd).run();
            bytesLeft -= chunk.remaining();
            if ((bytesLeft == 0 || chunk.isLast()) && onLastBytes != null) {
                onLastBytes.run();
                onLastBytes = null;
            }
            return chunk;
        }

        @Override
        public void demand(Runnable task) {
            if (bytesLeft != 0) silence.awaitBody();
            if (proxyToClientResponse.isCommitted()) {
                body.demand(task);
            } else {
                sendSoon();
                Runnable again = () -> body.demand(task); // on a thread that may read it
                body.demand(Invocable.from(Invocable.getInvocationType(task), () -> whenSettled(task, again)));
            }
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
