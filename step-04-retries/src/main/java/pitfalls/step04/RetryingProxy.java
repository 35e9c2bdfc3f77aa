package pitfalls.step04;

import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.annotation.ManagedAttribute;
import org.eclipse.jetty.util.annotation.ManagedObject;
import org.eclipse.jetty.util.thread.Scheduler;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import pitfalls.step02.ProxyError;
import pitfalls.step03.Upstream;
import pitfalls.step03.UrlNormalizingProxy;
import pitfalls.step04.RetryPolicy.Outcome;

/**
 * The {@link UrlNormalizingProxy}, with retries that are safe: those that its {@link RetryPolicy} permits, and none
 * until one is set. Each attempt chooses its upstream and writes its fields anew.
 */
@ManagedObject("A reverse proxy that sends a failed request again where that is safe")
public class RetryingProxy extends UrlNormalizingProxy {
    private static final Logger LOG = LoggerFactory.getLogger(RetryingProxy.class);
    private static final Set<ProxyError.Kind> NOT_SENT = Set.of(
            ProxyError.CONNECTION_REFUSED, ProxyError.CONNECT_TIMEOUT, ProxyError.UNKNOWN_HOST, ProxyError.UNREACHABLE);
    private static final Set<ProxyError.Kind> DIED =
            Set.of(ProxyError.CONNECTION_TERMINATED, ProxyError.RESPONSE_INCOMPLETE);

    private final RetryMeter meter = new RetryMeter();
    private final Set<Runnable> pauses = ConcurrentHashMap.newKeySet();
    private RetryPolicy retryPolicy = RetryPolicy.none();
    private InstantSource clock = InstantSource.system();
    private RandomGenerator random = new Random();
    private Scheduler scheduler;

    /**
     * A proxy to one target.
     *
     * @param target an address as {@link Upstream#parse} reads it
     * @throws IllegalArgumentException if it is none, in one sentence
     */
    public RetryingProxy(String target) {
        super(target);
    }

    @Override
    protected void onServerToProxyResponseFailure(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            org.eclipse.jetty.client.Response serverToProxyResponse,
            Response proxyToClientResponse,
            Callback proxyToClientCallback,
            Throwable failure) {
        Attempts attempts = Attempts.of(clientToProxyRequest);
        if (attempts != null) attempts.fail(failure);
        Runnable giveUp = () -> {
            if (attempts != null) attempts.giveUp(failure);
            super.onServerToProxyResponseFailure(
                    clientToProxyRequest,
                    proxyToServerRequest,
                    serverToProxyResponse,
                    proxyToClientResponse,
                    proxyToClientCallback,
                    failure);
        };
        Duration pause = attempts == null || proxyToClientResponse.isCommitted()
                ? null
                : pauseAfter(clientToProxyRequest, proxyToServerRequest, serverToProxyResponse, failure);
        if (pause == null) giveUp.run();
        else
            schedule(pause, giveUp, () -> {
                var error = errorOf(clientToProxyRequest, proxyToServerRequest, serverToProxyResponse, failure);
                if (error.isClientFault()) giveUp.run(); // it left in the meantime
                else again(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
            });
    }

    private void again(Request clientToProxyRequest, Response proxyToClientResponse, Callback proxyToClientCallback) {
        meter.retryBegins();
        restart(clientToProxyRequest, proxyToClientResponse); // nothing of the failed attempt survives
        super.handle(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
    }

    /** The pause before the next attempt; {@code null} if there must be none. */
    private Duration pauseAfter(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            org.eclipse.jetty.client.Response serverToProxyResponse,
            Throwable failure) {
        if (failure instanceof WorthRepeating status) return status.pause;
        var kind = errorOf(clientToProxyRequest, proxyToServerRequest, serverToProxyResponse, failure)
                .kind();
        if (NOT_SENT.contains(kind))
            return pauseAfter(clientToProxyRequest, proxyToServerRequest, Outcome.NOT_SENT, kind.type(), Duration.ZERO);
        if (DIED.contains(kind))
            return pauseAfter(clientToProxyRequest, proxyToServerRequest, Outcome.DIED, kind.type(), Duration.ZERO);
        return null;
    }

    private Duration pauseAfter(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            Outcome outcome,
            String failure,
            Duration atLeast) {
        Attempts attempts = Attempts.of(clientToProxyRequest);
        int number = attempts.number();
        Duration backoff = retryPolicy.backoff().after(number, random);
        Duration pause = backoff.compareTo(atLeast) > 0 ? backoff : atLeast;
        String objection = attempts.next(outcome, clock.instant().plus(pause), proxyToServerRequest);
        LOG.info(
                "attempt {} of {} failed, {} for {} to {}: {}",
                number,
                retryPolicy.attempts(),
                failure,
                clientToProxyRequest.getMethod(),
                originOf(proxyToServerRequest),
                objection == null ? "the next one in " + pause.toMillis() + " ms" : objection);
        return objection == null ? pause : null;
    }

    /** Runs the task after the pause, on a thread that may send requests; or gives up, if the proxy stops before. */
    private void schedule(Duration pause, Runnable giveUp, Runnable task) {
        pauses.add(giveUp);
        var scheduler =
                this.scheduler != null ? this.scheduler : getHttpClient().getScheduler();
        var executor = getHttpClient().getExecutor();
        Runnable end = () -> {
            if (!pauses.remove(giveUp)) return;
            try {
                executor.execute(task);
            } catch (RejectedExecutionException stopped) {
                giveUp.run();
            }
        };
        scheduler.schedule(end, pause.toNanos(), TimeUnit.NANOSECONDS);
    }

    @Override
    protected void doStop() throws Exception {
        super.doStop();
        for (Runnable giveUp : pauses) if (pauses.remove(giveUp)) giveUp.run();
    }

    @Override
    public boolean handle(
            Request clientToProxyRequest, Response proxyToClientResponse, Callback proxyToClientCallback) {
        if (retryPolicy.attempts() == 1)
            return super.handle(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
        var attempts = new Attempts(retryPolicy, meter, clientToProxyRequest, clock.instant());
        return super.handle(
                clientToProxyRequest, proxyToClientResponse, Callback.from(attempts::end, proxyToClientCallback));
    }

    @Override
    protected org.eclipse.jetty.client.Request.Content newProxyToServerRequestContent(
            Request clientToProxyRequest,
            Response proxyToClientResponse,
            org.eclipse.jetty.client.Request proxyToServerRequest) {
        Attempts attempts = Attempts.of(clientToProxyRequest);
        Supplier<org.eclipse.jetty.client.Request.Content> content = () ->
                super.newProxyToServerRequestContent(clientToProxyRequest, proxyToClientResponse, proxyToServerRequest);
        return attempts == null ? content.get() : attempts.body(content, proxyToServerRequest);
    }

    @Override
    protected void sendProxyToServerRequest(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        meter.attemptBegins();
        Attempts attempts = Attempts.of(clientToProxyRequest);
        if (attempts != null) {
            if (attempts.number() > 1) onFreshConnection(proxyToServerRequest);
            proxyToServerRequest.onResponseHeaders(serverToProxyResponse -> {
                if (!isRepeated(clientToProxyRequest, proxyToServerRequest, serverToProxyResponse)) attempts.answered();
            });
        }
        super.sendProxyToServerRequest(
                clientToProxyRequest, proxyToServerRequest, proxyToClientResponse, proxyToClientCallback);
    }

    /** What made the last attempt fail may be true of all connections in the pool. */
    private static void onFreshConnection(org.eclipse.jetty.client.Request proxyToServerRequest) {
        proxyToServerRequest.tag(RetryingProxy.class); // a pool of its own, which stays empty
        proxyToServerRequest.headers(fields -> fields.put(HttpHeader.CONNECTION, "close"));
    }

    /** Turns a status that the policy wants to try again into a failure, before anything of it is passed on. */
    private boolean isRepeated(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            org.eclipse.jetty.client.Response serverToProxyResponse) {
        int status = serverToProxyResponse.getStatus();
        // Behind Expect: 100-continue, Jetty hands out a final status when it is too late to stop it.
        boolean stoppable = !proxyToServerRequest.getHeaders().contains(HttpHeader.EXPECT);
        if (!retryPolicy.statuses().contains(status) || !stoppable) return false;
        var retryAfter =
                RetryAfter.parse(serverToProxyResponse.getHeaders().get(HttpHeader.RETRY_AFTER), clock.instant());
        Duration pause =
                pauseAfter(clientToProxyRequest, proxyToServerRequest, Outcome.STATUS, "status " + status, retryAfter);
        if (pause != null) serverToProxyResponse.abort(new WorthRepeating(status, pause));
        return pause != null;
    }

    private static final class WorthRepeating extends IOException {
        private static final long serialVersionUID = 1;

        private final transient Duration pause;

        private WorthRepeating(int status, Duration pause) {
            super("status " + status);
            this.pause = pause;
        }
    }

    /** {@return what may be sent again; {@link RetryPolicy#none()} unless set} */
    public RetryPolicy getRetryPolicy() {
        return retryPolicy;
    }

    /**
     * Sets what may be sent again. Set it before the proxy is started.
     *
     * @param retryPolicy not {@code null}
     */
    public void setRetryPolicy(RetryPolicy retryPolicy) {
        this.retryPolicy = Objects.requireNonNull(retryPolicy);
    }

    /** {@return how often a request was sent to an upstream, the first times included} */
    @ManagedAttribute("how often a request was sent to an upstream, the first times included")
    public long getAttempts() {
        return meter.attempts();
    }

    /** {@return how often a request was sent again} */
    @ManagedAttribute("how often a request was sent again")
    public long getRetries() {
        return meter.retries();
    }

    /** {@return how often a request was not sent again because too many were at the time} */
    @ManagedAttribute("how often a request was not sent again because too many were at the time")
    public long getBudgetRefusals() {
        return meter.budgetRefusals();
    }

    /** For tests, which neither wait nor guess. */
    void setTiming(InstantSource clock, RandomGenerator random, Scheduler scheduler) {
        this.clock = clock;
        this.random = random;
        this.scheduler = scheduler;
    }
}
