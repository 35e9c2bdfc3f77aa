package pitfalls.step07;

import java.time.Duration;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.Invocable;

/**
 * The head of a response, which waits for the first byte of its body for a moment only: an event stream that has no event
 * yet is open all the same. Within that moment a response that dies can still become a 502, or be tried again.
 */
final class ResponseHead {
    private final Response proxyToClientResponse;
    private final Duration patience;
    private final Deadlines deadlines;

    private Deadlines.Deadline sending;
    private boolean writing;
    private Runnable then;

    ResponseHead(Response proxyToClientResponse, Duration patience, Deadlines deadlines) {
        this.proxyToClientResponse = proxyToClientResponse;
        this.patience = patience;
        this.deadlines = deadlines;
    }

    /**
     * This body, where nobody waits for long before the head was sent.
     *
     * @param onWait called before the body is waited for
     */
    Content.Source of(Content.Source body, Runnable onWait) {
        return body instanceof Body known ? known : new Body(body, onWait);
    }

    /** Runs the task now, or when the head, which is just being written, has been. */
    void settled(Runnable task) {
        settled(task, task);
    }

    private void settled(Runnable now, Runnable later) {
        synchronized (this) {
            if (sending != null) sending.cancel();
            sending = null;
            if (writing) then = later;
            if (writing) return;
        }
        now.run();
    }

    /**
     * Runs the task, which ends the response; before, sends the head of one that never has a body. Jetty would take the
     * length of what it has written for that of the body that a GET would get, and say 0 (RFC 9110, section 8.6).
     */
    void sentWithoutLength(String method, Runnable task) {
        boolean bodyElsewhere =
                HttpMethod.HEAD.is(method) || proxyToClientResponse.getStatus() == HttpStatus.NOT_MODIFIED_304;
        boolean hasLength = proxyToClientResponse.getHeaders().contains(HttpHeader.CONTENT_LENGTH);
        if (!bodyElsewhere || hasLength || proxyToClientResponse.isCommitted()) task.run();
        else
            proxyToClientResponse.write(
                    false, BufferUtil.EMPTY_BUFFER, Callback.from(Invocable.InvocationType.NON_BLOCKING, task));
    }

    private synchronized void sendSoon() {
        if (!proxyToClientResponse.isCommitted()) sending = deadlines.after(patience, this::send);
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
            task = then;
            then = null;
        }
        if (task != null) task.run();
    }

    private final class Body implements Content.Source, Invocable {
        private final Content.Source body;
        private final Runnable onWait;

        private Body(Content.Source body, Runnable onWait) {
            this.body = body;
            this.onWait = onWait;
        }

        @Override
        public Content.Chunk read() {
            return body.read();
        }

        @Override
        public void demand(Runnable task) {
            onWait.run();
            if (proxyToClientResponse.isCommitted()) {
                body.demand(task);
            } else {
                sendSoon();
                Runnable again = () -> body.demand(task); // on a thread that may read it
                body.demand(Invocable.from(Invocable.getInvocationType(task), () -> settled(task, again)));
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
