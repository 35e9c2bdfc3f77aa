package pitfalls.step07;

import java.time.Duration;
import org.eclipse.jetty.client.ContinueProtocolHandler;
import org.eclipse.jetty.client.HttpRequestException;
import org.eclipse.jetty.client.transport.HttpRequest;
import pitfalls.step07.watch.Deadlines;
import pitfalls.step07.watch.Deadlines.Deadline;

/**
 * What a request with {@code Expect: 100-continue} waits for before its body is sent. An upstream that knows this field sends a 100, or
 * refuses with a final status. Many small servers ignore it and wait for the body, so without either the body is sent after a
 * moment (RFC 9110, section 10.1.1). Jetty alone waits for ever.
 */
final class Expectation {
    /** The attribute of a request that has an expectation. */
    static final String ATTRIBUTE = Expectation.class.getName();

    private static final String HANDLED = ContinueProtocolHandler.class.getName() + ".100continue"; // as Jetty names it

    private enum State {
        /** The body is held back. */
        AWAITED,
        /** The body is being sent. */
        MET,
        /** A final response came instead: the body will not be sent. */
        REFUSED
    }

    private final HttpRequest proxyToServerRequest;
    private final Runnable sendBody;
    private final UpstreamSilence silence;
    private State state = State.AWAITED;
    private Deadline limit;

    /**
     * The expectation of a request that is about to be sent.
     *
     * @param sendBody what Jetty does when the 100 comes
     * @param silence does not run while the body is held back
     */
    Expectation(HttpRequest proxyToServerRequest, Runnable sendBody, UpstreamSilence silence) {
        this.proxyToServerRequest = proxyToServerRequest;
        this.sendBody = sendBody;
        this.silence = silence;
        proxyToServerRequest.attribute(ATTRIBUTE, this);
    }

    /** The header of the request was sent: the upstream has so much time from now on. */
    synchronized void begin(Deadlines deadlines, Duration time) {
        if (state != State.AWAITED) return;
        silence.awaitUpload(true);
        limit = deadlines.after(time, () -> {
            if (settle(State.MET)) proceed(sendBody, null);
        });
    }

    /** Waits no more, whatever came of it. */
    synchronized void end() {
        if (limit != null) limit.cancel();
    }

    private synchronized boolean settle(State next) {
        if (state != State.AWAITED) return false;
        state = next;
        end();
        silence.awaitUpload(false);
        return true;
    }

    /** A 100 has come; returns whether it is the one that was waited for, and not a second one, or one that is too late. */
    boolean isMetBy100() {
        return settle(State.MET);
    }

    /** The head of the final response has come. Jetty's handler would keep the response until it is complete. */
    void onFinalResponse() {
        settle(State.REFUSED);
        proxyToServerRequest.attribute(HANDLED, true);
    }

    /** The final response has come to its end, and so does the request, whose body is not wanted. */
    void onResponseEnd() {
        boolean isRefused;
        synchronized (this) {
            isRefused = state == State.REFUSED;
        }
        if (isRefused)
            proceed(null, new HttpRequestException("the upstream has not asked for the body", proxyToServerRequest));
    }

    private void proceed(Runnable action, Throwable failure) {
        proxyToServerRequest.getConversation().getExchanges().getLast().proceed(action, failure);
    }
}
