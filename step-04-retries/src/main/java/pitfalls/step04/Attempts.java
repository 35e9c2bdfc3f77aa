package pitfalls.step04;

import java.time.Instant;
import java.util.function.Supplier;
import org.eclipse.jetty.client.Request.Content;
import org.eclipse.jetty.server.Request;
import pitfalls.step04.RetryPolicy.Outcome;

/** The attempts at one request. They follow each other, so that no two threads are in here at once. */
final class Attempts {
    private static final String ATTRIBUTE = Attempts.class.getName();

    private final RetryPolicy policy;
    private final RetryMeter meter;
    private final Request clientToProxyRequest;
    private final boolean hasIdempotencyKey;
    private final Instant deadline;
    private int number = 1;
    private boolean budgeted;
    private ReplayableBody body;

    /** Begins the first attempt at a request. */
    Attempts(RetryPolicy policy, RetryMeter meter, Request clientToProxyRequest, Instant now) {
        this.policy = policy;
        this.meter = meter;
        this.clientToProxyRequest = clientToProxyRequest;
        this.hasIdempotencyKey = clientToProxyRequest.getHeaders().contains("Idempotency-Key");
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
    Content body(Supplier<Content> client) {
        if (body == null) body = new ReplayableBody(client.get(), bytesToKeep());
        return body.newAttempt();
    }

    private int bytesToKeep() {
        String method = clientToProxyRequest.getMethod();
        boolean wanted = policy.objection(Outcome.DIED, method, hasIdempotencyKey, true) == null;
        return wanted && clientToProxyRequest.getLength() <= policy.bufferSize() ? policy.bufferSize() : 0;
    }

    /**
     * Asks for another attempt, and counts it if nothing speaks against it.
     *
     * @param outcome how the last one failed; {@code null} for a failure that another one would not mend
     * @param begin when the next one would begin
     * @return what speaks against it, or {@code null}
     */
    String next(Outcome outcome, Instant begin) {
        String objection = objection(outcome, begin);
        if (objection == null) number++;
        return objection;
    }

    private String objection(Outcome outcome, Instant begin) {
        if (outcome == null) return "another one would not help";
        if (number == policy.attempts()) return "it was the last one";
        boolean replayable = body == null || body.isReplayable();
        String objection = policy.objection(outcome, clientToProxyRequest.getMethod(), hasIdempotencyKey, replayable);
        if (objection != null) return objection;
        if (begin.isAfter(deadline)) return "the next one would begin after the deadline";
        budgeted = budgeted || meter.acquire(policy.budget());
        return budgeted ? null : "too many requests are on another attempt";
    }

    /** There will be no other attempt: gives up what the client has still to send. */
    static void giveUp(Request clientToProxyRequest, Throwable failure) {
        Attempts attempts = of(clientToProxyRequest);
        if (attempts != null && attempts.body != null) attempts.body.abandon(failure);
    }

    /** The request has its response. */
    void end() {
        meter.requestEnds(budgeted);
    }
}
