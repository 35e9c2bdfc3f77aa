package pitfalls.minikv;

import java.io.EOFException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.Executor;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.IteratingCallback;
import pitfalls.step07.watch.ClientWatch;
import pitfalls.step07.watch.Deadlines;

/**
 * A response without an end: text that is sent as it comes, and nothing in between, for however long. It ends when the client leaves, or
 * when the server does.
 */
abstract class TextStream extends IteratingCallback {
    private static final Duration WATCH_DELAY = Duration.ofMillis(200);

    private final Response response;
    private final Callback callback;
    private final Executor executor;
    private final ClientWatch watch;
    private boolean begun;

    /** A stream to that client, which {@link #begin} begins. */
    TextStream(Deadlines deadlines, Request request, Response response, Callback callback) {
        this.response = response;
        this.callback = callback;
        executor = request.getComponents().getExecutor();
        watch = new ClientWatch(request, deadlines, this::abort);
        request.addIdleTimeoutListener(timeout -> false); // it may be quiet
    }

    /**
     * Gives the text to send next, which is called again when that was sent.
     *
     * @return empty if there is none yet: then {@link #onMore} tells when there is
     * @throws EOFException if the stream has to end, with the reason
     */
    abstract String next() throws EOFException;

    /** Called once, when the client is no longer there. */
    abstract void onEnd();

    /** Sends the header, and what there is already. */
    void begin(String type) {
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, type).put(HttpHeader.CACHE_CONTROL, "no-store");
        watch.begin(WATCH_DELAY);
        iterate();
    }

    /** There may be more to send. Whoever tells so has other things to do than to write to clients, so another thread does. */
    void onMore() {
        executor.execute(this::iterate);
    }

    @Override
    protected Action process() throws EOFException {
        String text = next();
        if (text.isEmpty() && begun) return Action.IDLE;
        begun = true;
        response.write(false, BufferUtil.toBuffer(text, StandardCharsets.UTF_8), this);
        return Action.SCHEDULED;
    }

    @Override
    protected void onCompleteFailure(Throwable failure) {
        onEnd();
        watch.end();
        callback.failed(failure);
    }
}
