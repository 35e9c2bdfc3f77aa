package pitfalls.program;

import java.util.Locale;
import java.util.concurrent.atomic.AtomicReference;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.MimeTypes;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.NanoTime;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers two questions of a supervisor or a balancer by itself, and passes all other requests on.
 *
 * <ul>
 *   <li>{@code /live}: does the process still answer? 200 as long as it does. Restart it if there is no answer.
 *   <li>{@code /ready}: should it get new requests? 503 while it starts, then 200, and 503 again once it is told to stop. Send requests
 *       elsewhere if it is not 200.
 * </ul>
 *
 * <p>Neither asks an upstream: an upstream that is down would take all instances out of the balancer at once, and clients could not
 * even be told what is wrong.
 *
 * <p>Danger: the two paths are taken from the upstream, and every client may ask them. They say nothing but yes or no.
 */
final class Health extends Handler.Wrapper {
    private static final HttpField TEXT =
            new HttpField(HttpHeader.CONTENT_TYPE, MimeTypes.Type.TEXT_PLAIN_UTF_8.asString());
    private static final HttpField NOT_STORED = new HttpField(HttpHeader.CACHE_CONTROL, "no-store");

    private static final Logger LOG = LoggerFactory.getLogger(Health.class);

    private enum State {
        STARTING,
        READY,
        STOPPING
    }

    private final String live;
    private final String ready;
    private final AtomicReference<State> state = new AtomicReference<>(State.STARTING);

    /**
     * Questions below that path.
     *
     * @param prefix begins with a slash, and does not end with one unless it is one
     * @param handler of all other requests
     */
    Health(String prefix, Handler handler) {
        super(handler);
        String folder = prefix.equals("/") ? "" : prefix;
        live = folder + "/live";
        ready = folder + "/ready";
    }

    /** Says so when that has ended, well or not. */
    void readyAfter(WarmUp warmUp) {
        long begin = NanoTime.now();
        int requests = warmUp.run();
        ready();
        LOG.info("ready: warmed up by {} requests in {} ms", requests, NanoTime.millisSince(begin));
    }

    /** Says from now on that new requests may come, unless it is told to stop. They are served before that, too. */
    void ready() {
        state.compareAndSet(State.STARTING, State.READY);
    }

    /** Says from now on that new requests should go elsewhere. */
    void leave() {
        state.set(State.STOPPING);
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        String path = request.getHttpURI().getPath();
        State now = state.get();
        boolean asksReady = ready.equals(path);
        if (!asksReady && !live.equals(path)) return super.handle(request, response, callback);
        if (!HttpMethod.GET.is(request.getMethod()) && !HttpMethod.HEAD.is(request.getMethod())) {
            response.getHeaders().put(HttpHeader.ALLOW, "GET, HEAD");
            answer(response, HttpStatus.METHOD_NOT_ALLOWED_405, "use GET\n", callback);
        } else if (asksReady && now != State.READY) {
            answer(response, HttpStatus.SERVICE_UNAVAILABLE_503, now.name().toLowerCase(Locale.ROOT) + "\n", callback);
        } else {
            answer(response, HttpStatus.OK_200, asksReady ? "ready\n" : "live\n", callback);
        }
        return true;
    }

    private static void answer(Response response, int status, String text, Callback callback) {
        response.setStatus(status);
        response.getHeaders().put(TEXT);
        response.getHeaders().put(NOT_STORED);
        Content.Sink.write(response, true, text, callback);
    }
}
