package pitfalls.step04;

import static pitfalls.step02.UpstreamTransport.HTTP_2_PRIOR_KNOWLEDGE;

import java.time.InstantSource;
import java.util.Objects;
import java.util.Random;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.annotation.ManagedAttribute;
import org.eclipse.jetty.util.annotation.ManagedObject;
import org.eclipse.jetty.util.thread.Scheduler;
import pitfalls.step02.Exchange;
import pitfalls.step02.ProxyError;
import pitfalls.step03.Upstream;
import pitfalls.step03.UrlNormalizingProxy;
import pitfalls.step04.Verdict.Again;

/**
 * The {@link UrlNormalizingProxy}, with retries that are safe: those that its {@link RetryPolicy} permits. Until one is
 * set, it only replaces stale connections. Each attempt chooses its upstream and writes its fields anew.
 */
@ManagedObject("A reverse proxy that sends a failed request again where that is safe")
public class RetryingProxy extends UrlNormalizingProxy {
    final RetryMeter meter = new RetryMeter();
    final ReplayMemory memory = new ReplayMemory();
    RetryPolicy retryPolicy = RetryPolicy.none();
    boolean mayRetry;
    boolean replacesStaleConnections = true;
    InstantSource clock = InstantSource.system();
    RandomGenerator random = new Random();
    private final Pauses pauses = new Pauses();
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

    /** A proxy for a later step, which knows better than by one address where a request goes. */
    protected RetryingProxy(Function<Request, HttpURI> httpURIRewriter) {
        super(httpURIRewriter);
    }

    /** Begins another attempt after a pause, if that is safe; otherwise the client gets the error. */
    @Override
    protected void onFailure(Exchange failed, ProxyError error) {
        var exchange = (RetryingExchange) failed;
        if (exchange.endAttempt(error) instanceof Again verdict) {
            Scheduler timer = scheduler != null ? scheduler : getHttpClient().getScheduler();
            Runnable next = () -> again(exchange, error);
            Runnable giveUp = () -> giveUp(exchange, error);
            pauses.begin(verdict.pause(), timer, getHttpClient().getExecutor(), next, giveUp);
        } else {
            giveUp(exchange, error);
        }
    }

    private void again(RetryingExchange exchange, ProxyError error) {
        ProxyError clientError = exchange.clientError();
        if (clientError != null) {
            giveUp(exchange, clientError); // it left during the pause
            return;
        }
        meter.retries.increment();
        exchange.isRetry = true;
        attempt(exchange);
    }

    private void giveUp(RetryingExchange exchange, ProxyError error) {
        exchange.abandonBody(error.failure());
        super.onFailure(exchange, error);
    }

    @Override
    protected Exchange newExchange(
            Request clientToProxyRequest, Response proxyToClientResponse, Callback proxyToClientCallback) {
        return new RetryingExchange(this, clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
    }

    @Override
    protected org.eclipse.jetty.client.Request.Content newProxyToServerRequestContent(
            Request clientToProxyRequest,
            Response proxyToClientResponse,
            org.eclipse.jetty.client.Request proxyToServerRequest) {
        var exchange = RetryingExchange.of(clientToProxyRequest);
        Supplier<org.eclipse.jetty.client.Request.Content> client = () ->
                super.newProxyToServerRequestContent(clientToProxyRequest, proxyToClientResponse, proxyToServerRequest);
        boolean mayBeSentAgain = exchange.mayRetry || replacesStaleConnections && mayBeRefused(proxyToServerRequest);
        return mayBeSentAgain ? exchange.body(client, proxyToServerRequest) : client.get();
    }

    @Override
    protected org.eclipse.jetty.client.Response.CompleteListener newServerToProxyResponseListener(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        return new AttemptListener(RetryingExchange.of(clientToProxyRequest), proxyToServerRequest);
    }

    /**
     * Whether the upstream of this request may say that it did nothing with it. Then its body is kept whatever its method.
     *
     * @param proxyToServerRequest the request of an attempt
     * @return whether it may, as over HTTP/2
     */
    protected boolean mayBeRefused(org.eclipse.jetty.client.Request proxyToServerRequest) {
        return proxyToServerRequest.getTransport() == HTTP_2_PRIOR_KNOWLEDGE;
    }

    /** Passes a response on as step 2 does, unless its status is tried again. */
    protected class AttemptListener extends ResponseListener {

        /**
         * A listener for one attempt, to be made just before its request is sent.
         *
         * @param proxyToServerRequest the request of the attempt
         */
        public AttemptListener(RetryingExchange exchange, org.eclipse.jetty.client.Request proxyToServerRequest) {
            super(exchange, proxyToServerRequest);
            meter.attempts.increment();
            // One connection of HTTP/2 is for all requests, and when it dies, all know.
            boolean hasOwnConnection = proxyToServerRequest.getTransport() != HTTP_2_PRIOR_KNOWLEDGE;
            if (exchange.isRetry && hasOwnConnection && proxyToServerRequest.getTag() == null)
                proxyToServerRequest.tag(FreshConnections.TAG);
            if (exchange.mayRetry) proxyToServerRequest.onResponseHeaders(exchange::onHead);
        }
    }

    @Override
    protected void doStart() throws Exception {
        super.doStart();
        FreshConnections.configure(getHttpClient()); // also one that was given to the proxy
    }

    @Override
    protected void doStop() throws Exception {
        super.doStop();
        pauses.stop();
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
        this.mayRetry = retryPolicy.attempts() > 1;
    }

    /** {@return whether stale connections are replaced; they are unless you turn it off} */
    public boolean isReplacingStaleConnections() {
        return replacesStaleConnections;
    }

    /**
     * Sets whether a request is sent again, once and on a fresh connection, if it was given a connection that the upstream was
     * just closing. Only idempotent requests without a body are (RFC 9110, section 9.2.2), and only if nothing of a response came.
     * Over HTTP/2, whatever the upstream says that it did nothing with is sent again as well, once, whatever its method, if its body fits
     * into {@link RetryPolicy#bufferSize()} (RFC 9113, section 8.7). It needs no {@link RetryPolicy} that permits more attempts. Set it
     * before the proxy is started.
     *
     * @param replacesStaleConnections {@code false} if no request may ever reach an upstream twice without a policy
     */
    public void setReplacingStaleConnections(boolean replacesStaleConnections) {
        this.replacesStaleConnections = replacesStaleConnections;
    }

    /** {@return how many bytes of bodies may be kept at the same time; an eighth of the heap unless set} */
    public long getReplayMemory() {
        return memory.limit;
    }

    /**
     * Sets how much memory the bodies of all requests together may take while they are kept for another attempt. A body
     * that finds no room is streamed as before, and not sent again once a part of it was.
     *
     * @param bytes zero or more. A body may take up to three times its size for a moment, so stay well below the heap
     * @throws IllegalArgumentException if it is less
     */
    public void setReplayMemory(long bytes) {
        Setting.check(bytes >= 0, "replayMemory", bytes, "zero or more bytes");
        memory.limit = bytes;
    }

    /** {@return how many bodies were not kept because others took the memory} */
    @ManagedAttribute("how many bodies were not kept because others took the memory")
    public long getReplayMemoryRefusals() {
        return memory.refusals.sum();
    }

    /** {@return how often a request was sent to an upstream, the first times included} */
    @ManagedAttribute("how often a request was sent to an upstream, the first times included")
    public long getAttempts() {
        return meter.attempts.sum();
    }

    /** {@return how often a request was sent again} */
    @ManagedAttribute("how often a request was sent again")
    public long getRetries() {
        return meter.retries.sum();
    }

    /** {@return how often a request was not sent again because too many were at the time} */
    @ManagedAttribute("how often a request was not sent again because too many were at the time")
    public long getBudgetRefusals() {
        return meter.budgetRefusals.sum();
    }

    /** For tests, which neither wait nor guess. */
    void setTiming(InstantSource clock, RandomGenerator random, Scheduler scheduler) {
        this.clock = clock;
        this.random = random;
        this.scheduler = scheduler;
    }
}
