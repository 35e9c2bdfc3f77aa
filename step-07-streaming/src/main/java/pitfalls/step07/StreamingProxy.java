package pitfalls.step07;

import java.time.Duration;
import java.util.Objects;
import org.eclipse.jetty.client.AbstractConnectionPool;
import org.eclipse.jetty.client.ContentSourceRequestContent;
import org.eclipse.jetty.client.ContinueProtocolHandler;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.Result;
import org.eclipse.jetty.client.transport.HttpDestination;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import pitfalls.step02.ProxyError;
import pitfalls.step05.HopByHop;
import pitfalls.step06.DirectedProxy;
import pitfalls.step06.Director;

/**
 * The {@link DirectedProxy}, with streams that flow, for as long as they like: heads before bodies, quiet streams,
 * upgraded connections, trailers; and with an end to them when the client leaves.
 */
public class StreamingProxy extends DirectedProxy {
    private final Tunnels tunnels = new Tunnels();
    private Timeouts timeouts = Timeouts.defaults();
    private int maxUpstreamConnections = 1000;
    private Duration watchDelay = Duration.ofMillis(200);
    private Deadlines deadlines;
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
        var head = new ResponseHead(proxyToClientResponse, timeouts.head(), deadlines);
        return new EndToEndListener(
                clientToProxyRequest, proxyToServerRequest, proxyToClientResponse, proxyToClientCallback) {
            @Override
            public void onContentSource(org.eclipse.jetty.client.Response response, Content.Source body) {
                super.onContentSource(
                        response, head.of(body, () -> setIdleTimeout(proxyToServerRequest, timeouts.stream())));
            }

            @Override
            public void onSuccess(org.eclipse.jetty.client.Response response) {
                head.sentWithoutLength(clientToProxyRequest.getMethod(), () -> super.onSuccess(response));
            }

            @Override
            public void onComplete(Result result) {
                head.settled(() -> super.onComplete(result));
            }

            @Override
            public void onHeaders(org.eclipse.jetty.client.Response response) {
                super.onHeaders(response);
                Trailers.passOn(clientToProxyRequest, response, proxyToClientResponse);
            }
        };
    }

    private static void setIdleTimeout(org.eclipse.jetty.client.Request proxyToServerRequest, Duration timeout) {
        if (proxyToServerRequest.getConnection() instanceof Connection connection)
            connection.getEndPoint().setIdleTimeout(timeout.toMillis());
    }

    @Override
    public boolean handle(
            Request clientToProxyRequest, Response proxyToClientResponse, Callback proxyToClientCallback) {
        Request request = FramedRequest.of(clientToProxyRequest);
        var watch = ClientWatch.on(request, deadlines);
        boolean waits = !FramedRequest.hasBody(request) || request.getHeaders().contains(HttpHeader.EXPECT);
        if (waits) watch.begin(watchDelay); // otherwise when the body has been read
        var callback = watch.endedBefore(Callback.from(() -> FramedRequest.release(request), proxyToClientCallback));
        return super.handle(request, proxyToClientResponse, callback);
    }

    @Override
    protected org.eclipse.jetty.client.Request.Content newProxyToServerRequestContent(
            Request clientToProxyRequest,
            Response proxyToClientResponse,
            org.eclipse.jetty.client.Request proxyToServerRequest) {
        ClientWatch watch = ClientWatch.of(clientToProxyRequest);
        watch.pause();
        var content =
                super.newProxyToServerRequestContent(clientToProxyRequest, proxyToClientResponse, proxyToServerRequest);
        return new ContentSourceRequestContent(content, content.getContentType()) {
            @Override
            public Content.Chunk read() {
                Content.Chunk chunk = super.read();
                if (chunk != null && chunk.isLast() && !Content.Chunk.isFailure(chunk)) watch.begin(watchDelay);
                return chunk;
            }
        };
    }

    @Override
    protected void sendProxyToServerRequest(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        var wait = new ConnectionWait(proxyToServerRequest);
        Trailers.passOn(clientToProxyRequest, proxyToServerRequest);
        InterimResponses.listen(
                proxyToServerRequest,
                (status, fields) -> writeInterim(clientToProxyRequest, proxyToClientResponse, status, fields));
        Upgrade upgrade = Upgrade.offeredBy(clientToProxyRequest);
        if (upgrade != null)
            UpgradeHandler.upgrade(
                    proxyToServerRequest,
                    new UpgradedExchange(
                            upgrade,
                            clientToProxyRequest,
                            proxyToClientResponse,
                            proxyToClientCallback,
                            tunnels,
                            timeouts.upgraded()));
        ClientWatch.of(clientToProxyRequest).abortsOnLeave(proxyToServerRequest);
        super.sendProxyToServerRequest(
                clientToProxyRequest, proxyToServerRequest, proxyToClientResponse, proxyToClientCallback);
        wait.limit(timeouts.connection(), deadlines, () -> hasNoConnectionLeft(proxyToServerRequest));
    }

    private boolean hasNoConnectionLeft(org.eclipse.jetty.client.Request proxyToServerRequest) {
        return getHttpClient().resolveDestination(proxyToServerRequest) instanceof HttpDestination destination
                && destination.getConnectionPool() instanceof AbstractConnectionPool pool
                && pool.getConnectionCount() >= pool.getMaxConnectionCount();
    }

    /** Whoever left cannot be answered, and wants no other attempt. */
    @Override
    protected ProxyError errorOf(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            org.eclipse.jetty.client.Response serverToProxyResponse,
            Throwable failure) {
        Throwable left = ClientWatch.of(clientToProxyRequest).leftUnlessBecauseOf(failure);
        if (left != null) return new ProxyError(ProxyError.CLIENT_LEFT, left);
        return super.errorOf(clientToProxyRequest, proxyToServerRequest, serverToProxyResponse, failure);
    }

    @Override
    protected void onServerToProxyResponse102Processing(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            HttpFields fields,
            Response proxyToClientResponse) {
        writeInterim(clientToProxyRequest, proxyToClientResponse, HttpStatus.PROCESSING_102, fields);
    }

    @Override
    protected void onServerToProxyResponse103EarlyHints(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            HttpFields fields,
            Response proxyToClientResponse) {
        writeInterim(clientToProxyRequest, proxyToClientResponse, HttpStatus.EARLY_HINTS_103, fields);
    }

    /** An HTTP/1.0 client would take it for the final response (RFC 9110, section 15.2); 100 is Jetty's own to send. */
    private static void writeInterim(
            Request clientToProxyRequest, Response proxyToClientResponse, int status, HttpFields fields) {
        boolean understood = clientToProxyRequest.getConnectionMetaData().getHttpVersion() != HttpVersion.HTTP_1_0;
        if (understood && status != HttpStatus.CONTINUE_100)
            proxyToClientResponse.writeInterim(status, HopByHop.endToEnd(fields));
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
        if (maxUpstreamConnections < 1)
            throw new IllegalArgumentException(
                    "'" + maxUpstreamConnections + "' is no value for maxUpstreamConnections, which is 1 or more");
        this.maxUpstreamConnections = maxUpstreamConnections;
    }

    /** For tests of the races between a watch and a response. */
    void setWatchDelay(Duration watchDelay) {
        this.watchDelay = watchDelay;
    }

    /** Nothing that deals with a response waits, so that Jetty need not hand it to a thread that may. */
    @Override
    protected void configureHttpClient(HttpClient httpClient) {
        super.configureHttpClient(httpClient);
        httpClient.setMaxConnectionsPerDestination(maxUpstreamConnections);
        httpClient.setIdleTimeout(timeouts.response().toMillis());
        httpClient.getHttpClientTransport().setInvocationType(InvocationType.NON_BLOCKING);
    }

    /** Jetty clears the client's protocol handlers when it makes the client: the proxy's come after. */
    @Override
    protected void doStart() throws Exception {
        ownsHttpClient = getHttpClient() == null;
        addBean(tunnels);
        super.doStart();
        deadlines = new Deadlines(getHttpClient().getScheduler());
        var handlers = getHttpClient().getProtocolHandlers();
        var continueHandler = handlers.remove(ContinueProtocolHandler.NAME);
        handlers.put(new InterimResponses());
        handlers.put(new UpgradeHandler());
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
