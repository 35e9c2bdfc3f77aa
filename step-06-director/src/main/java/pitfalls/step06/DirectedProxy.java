package pitfalls.step06;

import java.net.InetAddress;
import java.time.Duration;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.transport.HttpClientTransportOverHTTP;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.HostPort;
import org.eclipse.jetty.util.URIUtil;
import pitfalls.step02.Exchange;
import pitfalls.step02.ProxyError;
import pitfalls.step03.Upstream;
import pitfalls.step05.HopDetectingProxy;

/**
 * The {@link HopDetectingProxy}, with the right upstream for every request: a {@link Director} chooses it, {@code Host}
 * names it, and what it is told of the client is true.
 */
public class DirectedProxy extends HopDetectingProxy {

    /** The director knows no upstream for the request. */
    public static final ProxyError.Kind NO_UPSTREAM = new ProxyError.Kind(
            503, "destination_not_found", "No upstream server is known for this request. Try again later.");

    /** The director failed. */
    public static final ProxyError.Kind DIRECTOR_FAILED = new ProxyError.Kind(
            502,
            "proxy_internal_error",
            "The proxy could not find out which upstream server is the right one. Its log tells its operator more.");

    private static final long DESTINATION_IDLE_MS = 60_000;

    private final Route route;
    private Duration nameInterval = UpstreamNames.INTERVAL;
    private boolean preserveHost;
    private Boolean mapsLocation;

    /**
     * A proxy to one target.
     *
     * @param target an address as {@link Upstream#parse} reads it
     * @throws IllegalArgumentException if it is none, in one sentence
     */
    public DirectedProxy(String target) {
        this(Director.fixed(target));
    }

    /**
     * A proxy to an upstream of the director's choice.
     *
     * @param director not {@code null}
     */
    public DirectedProxy(Director director) {
        this(new Route(director));
    }

    /** Jetty calls the route from {@link #rewriteHttpURI}, for every attempt. */
    private DirectedProxy(Route route) {
        super(route);
        this.route = route;
    }

    /**
     * Tells the upstream whom the request is for, in {@code Host}, and whom it comes from, in {@code Forwarded} and
     * {@code X-Forwarded-…}. It is called when the client's fields have been copied, so no client can undo it.
     */
    @Override
    protected void addForwardedHeader(
            Request clientToProxyRequest, org.eclipse.jetty.client.Request proxyToServerRequest) {
        var exchange = (DirectedExchange) clientToProxyRequest.getAttribute(DirectedExchange.KEY);
        String authority = authorityOf(proxyToServerRequest);
        boolean trusted = route.trustedPeers != TrustedPeers.NONE && route.trustedPeers.contains(clientToProxyRequest);
        proxyToServerRequest.headers(fields -> {
            if (!trusted) ForwardedFields.drop(clientToProxyRequest.getHeaders(), fields);
            String clientHost = ForwardedFields.append(clientToProxyRequest, fields);
            boolean preserved = preserveHost && clientHost != null;
            if (getProxyToServerHost() == null) fields.put(HttpHeader.HOST, preserved ? clientHost : authority);
            if (!exchange.strippedPrefix.isEmpty()) ForwardedFields.appendPrefix(exchange.strippedPrefix, fields);
        });
        boolean maps = mapsLocation == null ? !preserveHost : mapsLocation;
        if (maps) proxyToServerRequest.onResponseHeaders(new UpstreamLocation(exchange, proxyToServerRequest).listener);
        boolean mayBePrivate = PrivateConnections.MAY_NEED.test(clientToProxyRequest);
        if (mayBePrivate) PrivateConnections.use(clientToProxyRequest, proxyToServerRequest, getHttpClient());
    }

    private static String authorityOf(org.eclipse.jetty.client.Request proxyToServerRequest) {
        String host = HostPort.normalizeHost(proxyToServerRequest.getHost());
        int port = proxyToServerRequest.getPort();
        boolean isDefault = port == URIUtil.getDefaultPortForScheme(proxyToServerRequest.getScheme());
        return isDefault ? host : host + ":" + port;
    }

    /** {@return the director} */
    public Director getDirector() {
        return route.director;
    }

    /**
     * Sets whose {@code Forwarded} and {@code X-Forwarded-…} fields are believed, and kept; nobody's unless set, so that
     * those that a client sends are replaced. Set it before the proxy is started.
     *
     * <p>Danger: name the proxies in front of this one, and no address from which a client may connect. And do not put
     * Jetty's {@code ForwardedRequestCustomizer} in front, which believes everybody.
     *
     * @param ranges addresses, {@code 10.1.2.3} or {@code ::1}, and ranges of them, {@code 10.0.0.0/8}
     * @throws IllegalArgumentException if one is neither, in one sentence
     */
    public void setTrustedPeers(String... ranges) {
        route.trustedPeers = TrustedPeers.parse(ranges);
    }

    /**
     * Whether {@link #setTrustedPeers} has named this address.
     *
     * @param address where a connection comes from
     * @return whether what it says of a client is believed
     */
    public final boolean isTrustedPeer(InetAddress address) {
        return route.trustedPeers.contains(address);
    }

    /**
     * Sets whose {@code Host} the upstream gets: its own authority, unless set, or the client's. It is the client's that an upstream needs
     * if it compares {@code Origin} with it, as WebSocket servers do, if the client has signed it, or if it writes URLs with it. Where
     * {@link #setProxyToServerHost} is set too, that one wins. Set it before the proxy is started.
     *
     * <p>Danger: the client chooses which of the upstream's sites it sees, whatever its director decides by.
     *
     * @param preserveHost whether it is the client's; then {@code Location} is mapped only if {@link #setMapsLocation} says so
     */
    public void setPreserveHost(boolean preserveHost) {
        this.preserveHost = preserveHost;
    }

    /**
     * Sets whether {@code Location} and {@code Content-Location} that name the upstream's own authority are mapped to the client's.
     * Unless set, they are where {@code Host} is not the client's, as nginx does it. The base path is taken off, and the prefix that was stripped is put back. Cookies and bodies
     * are not mapped. Set it before the proxy is started.
     *
     * @param mapsLocation whether they are mapped
     */
    public void setMapsLocation(boolean mapsLocation) {
        this.mapsLocation = mapsLocation;
    }

    /** For tests, which do not wait for a second. */
    void setNameInterval(Duration nameInterval) {
        this.nameInterval = nameInterval;
    }

    @Override
    protected Exchange newExchange(
            Request clientToProxyRequest, Response proxyToClientResponse, Callback proxyToClientCallback) {
        return new DirectedExchange(this, clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
    }

    /**
     * Adds nothing that the client did not send, leaves the values of an upstream's fields as they are, follows names whose
     * addresses change, and lets go of upstreams that are no longer chosen. Jetty's parser knows common values, and by default takes {@code UTF-8} for the {@code utf-8}
     * that it knows. A server needs the same setting,
     * {@link org.eclipse.jetty.server.HttpConfiguration#setHeaderCacheCaseSensitive}.
     */
    @Override
    protected void configureHttpClient(HttpClient httpClient) {
        super.configureHttpClient(httpClient);
        httpClient.setUserAgentField(null);
        httpClient.setDefaultRequestContentType(null);
        httpClient.setDestinationIdleTimeout(DESTINATION_IDLE_MS);
        UpstreamNames.configure(httpClient, nameInterval);
        if (httpClient.getHttpClientTransport() instanceof HttpClientTransportOverHTTP http) {
            http.setHeaderCacheCaseSensitive(true);
        }
    }

    @Override
    protected void doStart() throws Exception {
        super.doStart();
        PrivateConnections.configure(getHttpClient()); // also one that was given to the proxy
    }
}
