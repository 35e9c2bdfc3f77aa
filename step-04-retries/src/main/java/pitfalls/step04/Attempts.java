package pitfalls.step04;

import java.time.Instant;
import java.util.function.Supplier;
import org.eclipse.jetty.client.Request.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.StringUtil;
import pitfalls.step04.RetryPolicy.Outcome;

/** The attempts at one request. They follow each other, so that no two threads are in here at once. */
final class Attempts {
    private static final String ATTRIBUTE = Attempts.class.getName();

    private final RetryPolicy policy;
    private final RetryMeter meter;
    private final Request clientToProxyRequest;
    private final Instant deadline;
    private int number = 1;
    private boolean budgeted;
    private ReplayableBody body;

    /** Begins the first attempt at a request. */
    Attempts(RetryPolicy policy, RetryMeter meter, Request clientToProxyRequest, Instant now) {
        this.policy = policy;
        this.meter = meter;
        this.clientToProxyRequest = clientToProxyRequest;
        this.deadline = now.plus(policy.deadline());
        clientToProxyRequest.setAttribute(ATTRIBUTE, this);
        meter.requestBegins();
    }

    /** The attempts at this request; {@code null} if there is one only, whatever happens. */
    static Attempts of(Request clientToProxyRequest) {
        return (Attempts) clientToProxyRequest.getAttribute(ATTRIBUTE);
    }

    /** The number of the attempt under way, from 1. */
    int number() {
        return number;
    }

    /** The client's body, for the attempt under way. */
    Content body(Supplier<Content> client, org.eclipse.jetty.client.Request proxyToServerRequest) {
        if (body == null) body = new ReplayableBody(client.get(), bytesToKeep(proxyToServerRequest));
        return body.newAttempt();
    }

    private int bytesToKeep(org.eclipse.jetty.client.Request proxyToServerRequest) {
        String method = clientToProxyRequest.getMethod();
        boolean wanted = policy.objection(Outcome.DIED, method, hasIdempotencyKey(proxyToServerRequest), true) == null;
        return wanted && clientToProxyRequest.getLength() <= policy.bufferSize() ? policy.bufferSize() : 0;
    }

    /** Whether the upstream gets a key: a client may have named it in {@code Connection}. */
    private static boolean hasIdempotencyKey(org.eclipse.jetty.client.Request proxyToServerRequest) {
        return StringUtil.isNotBlank(proxyToServerRequest.getHeaders().get("Idempotency-Key"));
    }

    /** The attempt under way is over, and reads no more of the client's body. */
    void fail(Throwable failure) {
        if (body != null) body.failAttempt(failure);
    }

    /**
     * Begins the next attempt, unless something speaks against it.
     *
     * @param outcome how the last one failed
     * @param begin when the next one would be sent
     * @param proxyToServerRequest the request of the last one
     * @return what speaks against it, or {@code null}
     */
    String next(Outcome outcome, Instant begin, org.eclipse.jetty.client.Request proxyToServerRequest) {
        String objection = objection(outcome, begin, proxyToServerRequest);
        if (objection == null) number++;
        return objection;
    }

    private String objection(Outcome outcome, Instant begin, org.eclipse.jetty.client.Request proxyToServerRequest) {
        if (number == policy.attempts()) return "it was the last one";
        boolean replayable = body == null || body.isReplayable();
        String objection = policy.objection(
                outcome, clientToProxyRequest.getMethod(), hasIdempotencyKey(proxyToServerRequest), replayable);
        if (objection != null) return objection;
        if (begin.isAfter(deadline)) return "the next one would begin after the deadline";
        budgeted = budgeted || meter.acquire(policy.budget());
        return budgeted ? null : "too many requests are on another attempt";
    }

    /** The upstream answers, so that this request weighs on the budget no more. */
    void answered() {
        if (budgeted) meter.release();
        budgeted = false;
    }

    /** There will be no other attempt: gives up what the client has still to send. */
    void giveUp(Throwable failure) {
        if (body != null) body.abandon(failure);
    }

    /** The client has its response. */
    void end() {
        answered();
        if (body != null) body.release();
        meter.requestEnds();
    }
}
