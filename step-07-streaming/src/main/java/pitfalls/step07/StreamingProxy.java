package pitfalls.step07;

import java.time.Duration;
import java.util.Objects;
import org.eclipse.jetty.client.AbstractConnectionPool;
import org.eclipse.jetty.client.ContinueProtocolHandler;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.transport.HttpDestination;
import org.eclipse.jetty.client.transport.HttpRequest;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.annotation.ManagedAttribute;
import pitfalls.step02.Exchange;
import pitfalls.step04.Setting;
import pitfalls.step06.DirectedProxy;
import pitfalls.step06.Director;
import pitfalls.step07.http2.Grpc;
import pitfalls.step07.http2.Http2Transport;
import pitfalls.step07.tunnel.Tunnels;
import pitfalls.step07.watch.Deadlines;

/**
 * The {@link DirectedProxy}, with streams that flow, for as long as they like: heads before bodies, quiet streams,
 * upgraded connections, trailers; and with an end to them when the client leaves.
 */
public class StreamingProxy extends DirectedProxy {
    private final Tunnels tunnels = new Tunnels();
    Timeouts timeouts = Timeouts.defaults();
    Duration watchDelay = Duration.ofMillis(200);
    Duration continueDelay = Duration.ofSeconds(1);
    Deadlines deadlines;
    long clientTimeout;
    private Turns turns;
    private int maxUpstreamConnections = 1000;
    private UpstreamProtocol upstreamProtocol = UpstreamProtocol.HTTP_1_1;
    private boolean ownsHttpClient;

    /**
     * A proxy to one target.
     *
     * @param target an address as {@link pitfalls.step03.Upstream#parse} reads it
     * @throws IllegalArgumentException if it is none, in one sentence
     */
    public StreamingProxy(String target) {
        this(Director.fixed(target));
    }

    /**
     * A proxy to an upstream of the director's choice.
     *
     * @param director not {@code null}
     */
    public StreamingProxy(Director director) {
        super(director);
    }

    @Override
    protected org.eclipse.jetty.client.Response.CompleteListener newServerToProxyResponseListener(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        return new StreamListener(StreamingExchange.of(clientToProxyRequest), proxyToServerRequest);
    }

    /** Passes a response on as step 5 does: its head before there is a body, and its body for as long as it likes. */
    private final class StreamListener extends EndToEndListener {
        private final StreamingExchange exchange;
        private ResponseHead.Body body;

        private StreamListener(StreamingExchange exchange, org.eclipse.jetty.client.Request proxyToServerRequest) {
            super(exchange, proxyToServerRequest);
            this.exchange = exchange;
            exchange.head = new ResponseHead(exchange.proxyToClientResponse, timeouts, deadlines);
        }

        @Override
        public void onContentSource(org.eclipse.jetty.client.Response response, Content.Source source) {
            if (body == null) {
                Trailers.passOn(exchange, response);
                long length = response.getHeaders().getLongField(HttpHeader.CONTENT_LENGTH);
                body = exchange.head.new Body(turns.of(source, length), length, exchange.silence, exchange.endWatch);
            }
            super.onContentSource(response, body);
        }

        @Override
        public void onSuccess(org.eclipse.jetty.client.Response response) {
            String method = exchange.clientToProxyRequest.getMethod();
            exchange.head.endWithoutInventedLength(method, () -> {
                super.onSuccess(response);
                if (exchange.expectation != null) exchange.expectation.onResponseEnd();
            });
        }
    }

    /** Deals with a failure when the head of the response is not just being sent. */
    @Override
    protected void onServerToProxyResponseFailure(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            org.eclipse.jetty.client.Response serverToProxyResponse,
            Response proxyToClientResponse,
            Callback proxyToClientCallback,
            Throwable failure) {
        var exchange = StreamingExchange.of(clientToProxyRequest);
        if (exchange.silence.isClientReading()) exchange.onClientStalled(failure);
        Runnable deal = () -> super.onServerToProxyResponseFailure(
                clientToProxyRequest,
                proxyToServerRequest,
                serverToProxyResponse,
                proxyToClientResponse,
                proxyToClientCallback,
                failure);
        exchange.head.whenSettled(deal, deal);
    }

    @Override
    protected Exchange newExchange(
            Request clientToProxyRequest, Response proxyToClientResponse, Callback proxyToClientCallback) {
        return new StreamingExchange(this, clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
    }

    @Override
    protected void sendProxyToServerRequest(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        var exchange = StreamingExchange.of(clientToProxyRequest);
        exchange.silence = new UpstreamSilence(proxyToServerRequest, exchange.limits);
        boolean hasOwnLimits = exchange.limits != timeouts; // as a call of gRPC has
        if (hasOwnLimits) proxyToServerRequest.onRequestCommit(sent -> exchange.silence.onStream());
        if (proxyToServerRequest.getBody() != null) Trailers.passOn(exchange, proxyToServerRequest, upstreamProtocol);
        boolean wantsTrailers = exchange.clientToProxyRequest.getHeaders().contains(HttpHeader.TE, Trailers.TRAILERS);
        if (wantsTrailers) Trailers.accept(exchange, proxyToServerRequest);
        boolean holdsBodyBack =
                proxyToServerRequest.getHeaders().contains(HttpHeader.EXPECT, HttpHeaderValue.CONTINUE.asString());
        if (holdsBodyBack && proxyToServerRequest instanceof HttpRequest request) {
            exchange.expect100(request, onServerToProxyResponse100Continue(clientToProxyRequest, request));
        }
        InterimResponses.passOn(exchange, proxyToServerRequest);
        tunnels.offer(exchange, proxyToServerRequest);
        super.sendProxyToServerRequest(
                clientToProxyRequest, proxyToServerRequest, proxyToClientResponse, proxyToClientCallback);
        boolean waits = proxyToServerRequest.getConnection() == null;
        if (waits) exchange.limitWaitForConnection(proxyToServerRequest);
    }

    @Override
    protected Runnable onServerToProxyResponse100Continue(
            Request clientToProxyRequest, org.eclipse.jetty.client.Request proxyToServerRequest) {
        Runnable sendBody = super.onServerToProxyResponse100Continue(clientToProxyRequest, proxyToServerRequest);
        return InterimResponses.continueThen(
                sendBody, StreamingExchange.of(clientToProxyRequest).proxyToClientResponse);
    }

    @Override
    protected void onServerToProxyResponse102Processing(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            HttpFields fields,
            Response proxyToClientResponse) {
        if (!InterimResponses.understands(clientToProxyRequest)) return;
        super.onServerToProxyResponse102Processing(
                clientToProxyRequest, proxyToServerRequest, fields, proxyToClientResponse);
    }

    @Override
    protected void onServerToProxyResponse103EarlyHints(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            HttpFields fields,
            Response proxyToClientResponse) {
        if (!InterimResponses.understands(clientToProxyRequest)) return;
        super.onServerToProxyResponse103EarlyHints(
                clientToProxyRequest, proxyToServerRequest, fields, proxyToClientResponse);
    }

    boolean hasConnectionLeft(org.eclipse.jetty.client.Request proxyToServerRequest) {
        return !(getHttpClient().resolveDestination(proxyToServerRequest) instanceof HttpDestination destination)
                || !(destination.getConnectionPool() instanceof AbstractConnectionPool pool)
                || pool.getConnectionCount() < pool.getMaxConnectionCount();
    }

    /** {@return how long the proxy waits; {@link Timeouts#defaults()} unless set} */
    public Timeouts getTimeouts() {
        return timeouts;
    }

    /**
     * Sets how long the proxy waits. Set it before the proxy is started.
     *
     * @param timeouts not {@code null}
     */
    public void setTimeouts(Timeouts timeouts) {
        this.timeouts = Objects.requireNonNull(timeouts);
    }

    /** {@return which version of HTTP is spoken to upstreams; {@link UpstreamProtocol#HTTP_1_1} unless set} */
    public UpstreamProtocol getUpstreamProtocol() {
        return upstreamProtocol;
    }

    /**
     * Sets which version of HTTP is spoken to upstreams whose address does not begin with {@code h2c://}. Set it before the proxy is
     * started.
     *
     * <p>Danger: over HTTP/2, all requests to an upstream share a few connections, and what ends one ends many requests.
     *
     * @param upstreamProtocol not {@code null}
     */
    public void setUpstreamProtocol(UpstreamProtocol upstreamProtocol) {
        this.upstreamProtocol = Objects.requireNonNull(upstreamProtocol);
    }

    /** As in step 2, and in HTTP/2 where an address or {@link #setUpstreamProtocol} says so. */
    @Override
    protected HttpClient newHttpClient() {
        return new HttpClient(new Http2Transport(upstreamProtocol));
    }

    @Override
    protected boolean mayBeRefused(org.eclipse.jetty.client.Request proxyToServerRequest) {
        return upstreamProtocol != UpstreamProtocol.HTTP_1_1 || super.mayBeRefused(proxyToServerRequest);
    }

    /** {@return how many connections there may be to each upstream, upgraded ones not counted} */
    public int getMaxUpstreamConnections() {
        return maxUpstreamConnections;
    }

    /**
     * Sets how many connections there may be to each upstream, upgraded ones not counted; 1000 unless set. Each request
     * in flight needs one, and each open stream keeps one. A request that finds none free within
     * {@link Timeouts#connection()} is answered with 503. Set it before the proxy is started.
     *
     * <p>Danger: each costs a file descriptor, of which a process has a limited number, and the upstream a connection.
     *
     * @param maxUpstreamConnections 1 or more
     * @throws IllegalArgumentException if it is less
     */
    public void setMaxUpstreamConnections(int maxUpstreamConnections) {
        Setting.check(maxUpstreamConnections >= 1, "maxUpstreamConnections", maxUpstreamConnections, "1 or more");
        this.maxUpstreamConnections = maxUpstreamConnections;
    }

    /** {@return how many upgraded connections are open, such as WebSockets} */
    @ManagedAttribute("how many upgraded connections are open")
    public int getOpenTunnels() {
        return tunnels.open();
    }

    /** For tests of the races between a watch and a response. */
    void setWatchDelay(Duration watchDelay) {
        this.watchDelay = watchDelay;
    }

    /** For tests, which do not wait for a second. */
    void setContinueDelay(Duration continueDelay) {
        this.continueDelay = continueDelay;
    }

    /** Nothing that deals with a response waits, so that Jetty need not hand it to a thread that may. */
    @Override
    protected void configureHttpClient(HttpClient httpClient) {
        super.configureHttpClient(httpClient);
        httpClient.setMaxConnectionsPerDestination(maxUpstreamConnections);
        int queue = httpClient.getMaxRequestsQueuedPerDestination(); // while their connections are being opened
        httpClient.setMaxRequestsQueuedPerDestination(Math.max(queue, maxUpstreamConnections));
        httpClient.setIdleTimeout(timeouts.response().toMillis());
        httpClient.setByteBufferPool(new UpstreamBuffers());
        httpClient.setResponseBufferSize(BodyBuffers.SIZE);
        httpClient.getHttpClientTransport().setInvocationType(InvocationType.NON_BLOCKING);
    }

    /** Jetty clears the client's protocol handlers when it makes the client: the proxy's come after. */
    @Override
    protected void doStart() throws Exception {
        ownsHttpClient = getHttpClient() == null;
        clientTimeout = timeouts.client().toMillis();
        tunnels.setIdleTimeout(timeouts.upgraded());
        tunnels.setUpstreamProtocol(upstreamProtocol);
        addBean(tunnels);
        setErrorResponder(Grpc.responder(getErrorResponder()));
        super.doStart();
        deadlines = new Deadlines(getHttpClient().getScheduler());
        turns = new Turns(getHttpClient().getExecutor());
        var handlers = getHttpClient().getProtocolHandlers();
        var continueHandler = handlers.remove(ContinueProtocolHandler.NAME);
        handlers.put(new InterimResponses());
        handlers.put(Tunnels.newProtocolHandler());
        // Last: while a 100 is awaited, it takes whatever comes for a refusal.
        if (continueHandler != null) handlers.put(continueHandler);
    }

    /** Lets go of the client, which Jetty configures only when it makes it, and would start again as a plain one. */
    @Override
    protected void doStop() throws Exception {
        super.doStop();
        deadlines.destroy();
        if (!ownsHttpClient) return;
        removeBean(getHttpClient());
        setHttpClient(null);
    }
}
