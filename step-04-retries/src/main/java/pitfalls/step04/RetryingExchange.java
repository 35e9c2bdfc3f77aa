package pitfalls.step04;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.eclipse.jetty.client.Request.Content;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.StringUtil;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import pitfalls.step02.Exchange;
import pitfalls.step02.ProxyError;
import pitfalls.step04.RetryPolicy.Outcome;
import pitfalls.step04.Verdict.Again;
import pitfalls.step04.Verdict.GiveUp;

/** An exchange that may need several attempts, one after the other. */
public class RetryingExchange extends Exchange {
    private static final Logger LOG = LoggerFactory.getLogger(RetryingProxy.class);
    private static final Map<ProxyError.Kind, Outcome> OUTCOMES = Map.of(
            ProxyError.CONNECTION_REFUSED, Outcome.NOT_SENT,
            ProxyError.CONNECT_TIMEOUT, Outcome.NOT_SENT,
            ProxyError.UNKNOWN_HOST, Outcome.NOT_SENT,
            ProxyError.UNREACHABLE, Outcome.NOT_SENT,
            ProxyError.NOT_PROCESSED, Outcome.NOT_PROCESSED,
            ProxyError.CONNECTION_TERMINATED, Outcome.DIED,
            ProxyError.RESPONSE_INCOMPLETE, Outcome.DIED);

    private final RetryingProxy proxy;
    private final RetryPolicy policy;
    private final RetryMeter meter;
    private final ReplayMemory memory;
    private final InstantSource clock;
    private final RandomGenerator random;
    private final Instant begin;

    /** Whether the policy permits more than one attempt. */
    final boolean mayRetry;

    /** Whether the attempt under way is not the first one. */
    boolean isRetry;

    private final Connecting connecting;
    private boolean budgeted;
    private ReplayableBody body;
    private Again verdictOnStatus;
    private int replacements;

    /**
     * An exchange that has just begun.
     *
     * @param proxy whose policy it follows
     */
    public RetryingExchange(
            RetryingProxy proxy,
            Request clientToProxyRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        super(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
        this.proxy = proxy;
        policy = proxy.retryPolicy;
        meter = proxy.meter;
        memory = proxy.memory;
        clock = proxy.clock;
        random = proxy.random;
        mayRetry = proxy.mayRetry;
        begin = mayRetry ? clock.instant() : null;
        connecting = mayRetry ? new Connecting(policy) : null;
        if (mayRetry) {
            meter.inFlight.incrementAndGet();
            atEnd.push(this::release);
        }
    }

    /**
     * As {@link Exchange#of(Request)}.
     *
     * @param clientToProxyRequest the client's request, as a hook of Jetty's gets it
     */
    public static RetryingExchange of(Request clientToProxyRequest) {
        return (RetryingExchange) clientToProxyRequest.getAttribute(ATTRIBUTE);
    }

    /** The client's body, for the attempt that is being made; kept for others if the policy could want them. */
    Content body(Supplier<Content> client, org.eclipse.jetty.client.Request proxyToServerRequest) {
        if (body == null) {
            int bytesToKeep = bytesToKeep(proxyToServerRequest);
            body = new ReplayableBody(client.get(), bytesToKeep, memory);
            if (!mayRetry) atEnd.push(body::release);
        }
        if (!mayRetry) proxyToServerRequest.onResponseBegin(response -> body.keepNoMore()); // it has been carried out
        return body.newAttempt();
    }

    private int bytesToKeep(org.eclipse.jetty.client.Request proxyToServerRequest) {
        String method = clientToProxyRequest.getMethod();
        Outcome worst = proxy.mayBeRefused(proxyToServerRequest) ? Outcome.NOT_PROCESSED : Outcome.DIED;
        Verdict verdict = policy.verdict(1, worst, method, hasIdempotencyKey(proxyToServerRequest), true);
        int limit = policy.bufferSize();
        boolean isWanted = verdict instanceof Again || worst == Outcome.NOT_PROCESSED && proxy.replacesStaleConnections;
        return isWanted && clientToProxyRequest.getLength() <= limit ? limit : 0;
    }

    /** Whether the upstream gets a key: a client may have named it in {@code Connection}. */
    private static boolean hasIdempotencyKey(org.eclipse.jetty.client.Request proxyToServerRequest) {
        return StringUtil.isNotBlank(proxyToServerRequest.getHeaders().get("Idempotency-Key"));
    }

    /** Called when the attempt under way has failed: it reads no more of the body, and it is decided what follows. */
    Verdict endAttempt(ProxyError error) {
        ProxyError.Kind kind = error.kind();
        Outcome outcome = OUTCOMES.get(kind);
        String failure = kind.type();
        if (body != null) body.failAttempt(error.failure());
        Again onStatus = verdictOnStatus;
        verdictOnStatus = null;
        if (onStatus != null) return onStatus;
        if (mayBeReplaced(kind)) {
            replacements = 1;
            String why = kind == ProxyError.NOT_PROCESSED ? "nothing was carried out" : "the connection had gone stale";
            LOG.info("{}, {} for {}: sent again {}", why, kind.type(), subject(), label());
            return new Again(Duration.ZERO);
        }
        boolean canHelp = mayRetry && outcome != null && !isResponseBegun();
        if (!canHelp) return new GiveUp("another attempt would not help");
        return judge(outcome, failure, Duration.ZERO);
    }

    /**
     * Whether the upstream closed a kept connection while the request was on its way, or has said that it did nothing with it. That says
     * nothing about how the upstream is, so it counts as no failure, and neither the policy nor the budget is asked. It happens to a
     * request once: the next connection is a fresh one.
     */
    private boolean mayBeReplaced(ProxyError.Kind kind) {
        boolean isPermitted = proxy.replacesStaleConnections && replacements == 0 && !isResponseBegun();
        if (!isPermitted) return false;
        if (kind == ProxyError.NOT_PROCESSED) return body == null || body.isReplayable();
        boolean isSent = kind == ProxyError.CONNECTION_TERMINATED;
        boolean ended = isSent || kind == ProxyError.UNREACHABLE;
        return ended
                && isUnansweredOnKeptConnection()
                && proxyToServerRequest.getBody() == null
                && (!isSent || RetryPolicy.IDEMPOTENT.contains(clientToProxyRequest.getMethod()));
    }

    /** Called with the head of a response: stops one with a status that is tried again, before it is passed on. */
    void onHead(org.eclipse.jetty.client.Response serverToProxyResponse) {
        int status = serverToProxyResponse.getStatus();
        // Behind Expect: 100-continue, Jetty hands out a final status when it is too late to stop it.
        boolean stoppable = !proxyToServerRequest.getHeaders().contains(HttpHeader.EXPECT);
        if (stoppable && policy.statuses().contains(status)) {
            String retryAfter = serverToProxyResponse.getHeaders().get(HttpHeader.RETRY_AFTER);
            Duration atLeast = RetryAfter.parse(retryAfter, clock.instant());
            if (judge(Outcome.STATUS, "status " + status, atLeast) instanceof Again again) {
                verdictOnStatus = again;
                stop(
                        proxyToServerRequest,
                        new ProxyError(ProxyError.RESPONSE_INCOMPLETE, new IOException("status " + status)));
                return;
            }
        }
        if (budgeted) endRetry();
    }

    private Verdict judge(Outcome outcome, String failure, Duration atLeast) {
        if (outcome == Outcome.NOT_SENT && !policy.connectFor().isZero()) return judgeUnsent(failure);
        int number = attempt - replacements - connecting.failures(); // those that may have put a load on the upstream
        Verdict verdict = verdictOn(number, outcome, atLeast);
        int attempts = policy.attempts();
        LOG.info("attempt {} of {} failed, {} for {}: {} {}", number, attempts, failure, subject(), verdict, label());
        return verdict;
    }

    /** One line when the search for a connection begins and one when it fails, however many attempts it takes. */
    private Verdict judgeUnsent(String failure) {
        Verdict verdict = connecting.onFailure(clock.instant(), begin.plus(policy.deadline()), random);
        if (verdict instanceof GiveUp) {
            LOG.info("not sent, {} for {}: {} {}", failure, subject(), verdict, label());
        } else if (connecting.failures() == 1) {
            long limit = policy.connectFor().toMillis();
            LOG.info("not sent, {} for {}: trying for {} ms {}", failure, subject(), limit, label());
        }
        return verdict;
    }

    /** Asks the policy, then the deadline, then the budget. */
    private Verdict verdictOn(int number, Outcome outcome, Duration atLeast) {
        String method = clientToProxyRequest.getMethod();
        boolean replayable = body == null || body.isReplayable();
        boolean hasKey = hasIdempotencyKey(proxyToServerRequest);
        Verdict verdict = policy.verdict(number, outcome, method, hasKey, replayable);
        if (!(verdict instanceof Again again)) return verdict;
        var pause = Duration.ofNanos(random.nextLong(again.pause().toNanos() + 1)); // full jitter
        if (pause.compareTo(atLeast) < 0) pause = atLeast;
        if (clock.instant().plus(pause).isAfter(begin.plus(policy.deadline()))) {
            return new GiveUp("the next one would begin after the deadline");
        }
        budgeted = budgeted || meter.acquire(policy.budget());
        return budgeted ? new Again(pause) : new GiveUp("too many requests are on another attempt");
    }

    /** The upstream answers, so that this request weighs on the budget no more. */
    private void endRetry() {
        meter.release();
        budgeted = false;
    }

    /** There will be no other attempt, and what the client has still to send is not wanted. */
    void abandonBody(Throwable failure) {
        if (body != null) body.abandon(failure);
    }

    private void release() {
        if (budgeted) endRetry();
        if (body != null) body.release();
        meter.inFlight.decrementAndGet();
    }
}
