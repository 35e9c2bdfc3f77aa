package pitfalls.step06;

import java.util.Objects;
import java.util.Optional;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.HostPort;
import org.eclipse.jetty.util.URIUtil;
import pitfalls.step02.ProxyError;
import pitfalls.step03.Upstream;
import pitfalls.step05.HopByHop;
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

    private static final String NONE_YET = "http://chosen-by-the-director.invalid"; // rewriteHttpURI is overridden
    private static final long DESTINATION_IDLE_MS = 60_000;

    private final Director director;
    private TrustedPeers trustedPeers = TrustedPeers.NONE;

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
        super(NONE_YET);
        this.director = Objects.requireNonNull(director);
    }

    /** Called for every attempt. */
    @Override
    protected HttpURI rewriteHttpURI(Request clientToProxyRequest) {
        Optional<Upstream> upstream;
        try {
            upstream = director.upstreamOf(asForwarded(clientToProxyRequest));
        } catch (Exception x) {
            if (x instanceof HttpException && x instanceof RuntimeException chosen) throw chosen;
            throw new Undirected(DIRECTOR_FAILED, x);
        }
        return upstream.orElseThrow(() -> new Undirected(NO_UPSTREAM, null))
                .resolve(clientToProxyRequest.getHttpURI().getPathQuery());
    }

    /** Called when the client's fields are copied: what is written here, no client can undo. */
    @Override
    protected void addProxyHeaders(
            Request clientToProxyRequest, org.eclipse.jetty.client.Request proxyToServerRequest) {
        super.addProxyHeaders(clientToProxyRequest, proxyToServerRequest);
        if (getProxyToServerHost() == null)
            proxyToServerRequest.headers(fields -> fields.put(HttpHeader.HOST, authorityOf(proxyToServerRequest)));
    }

    /** Both families, {@code Forwarded} and {@code X-Forwarded-…}. */
    @Override
    protected void addForwardedHeader(
            Request clientToProxyRequest, org.eclipse.jetty.client.Request proxyToServerRequest) {
        boolean trusted = trustedPeers.contains(clientToProxyRequest);
        proxyToServerRequest.headers(fields -> {
            if (!trusted) ForwardedFields.drop(fields);
            ForwardedFields.append(clientToProxyRequest, fields);
        });
    }

    /** The request as the upstream will see it: a client cannot choose by a field that goes no further. */
    private Request asForwarded(Request clientToProxyRequest) {
        return new Request.Wrapper(clientToProxyRequest) {
            @Override
            public HttpFields getHeaders() {
                var fields = HttpFields.build(HopByHop.endToEnd(super.getHeaders()));
                if (!trustedPeers.contains(clientToProxyRequest)) ForwardedFields.drop(fields);
                return fields.asImmutable();
            }
        };
    }

    private static String authorityOf(org.eclipse.jetty.client.Request request) {
        String host = HostPort.normalizeHost(request.getHost());
        boolean isDefault = request.getPort() == URIUtil.getDefaultPortForScheme(request.getScheme());
        return isDefault ? host : host + ":" + request.getPort();
    }

    /** {@return the director} */
    public Director getDirector() {
        return director;
    }

    /**
     * Sets whose {@code Forwarded} and {@code X-Forwarded-…} fields are believed, and appended to; nobody's unless set,
     * so that those that a client sends are replaced. Set it before the proxy is started.
     *
     * <p>Danger: name the proxies in front of this one, and no address from which a client may connect. And do not put
     * Jetty's {@code ForwardedRequestCustomizer} in front, which believes everybody.
     *
     * @param ranges addresses, {@code 10.1.2.3} or {@code ::1}, and ranges of them, {@code 10.0.0.0/8}
     * @throws IllegalArgumentException if one is neither, in one sentence
     */
    public void setTrustedPeers(String... ranges) {
        trustedPeers = TrustedPeers.parse(ranges);
    }

    /** A request without an upstream was refused for a reason of this step's. */
    @Override
    protected void refuse(
            ProxyError error,
            Request clientToProxyRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        var cause = error.cause() instanceof Undirected undirected ? undirected.error : error;
        super.refuse(cause, clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
    }

    private static final class Undirected extends RuntimeException {
        private static final long serialVersionUID = 1;

        private final transient ProxyError error;

        private Undirected(ProxyError.Kind kind, Exception cause) {
            super(cause);
            this.error = new ProxyError(kind, cause);
        }
    }

    /** Adds nothing that the client did not send, and lets go of upstreams that are no longer chosen. */
    @Override
    protected void configureHttpClient(HttpClient httpClient) {
        super.configureHttpClient(httpClient);
        httpClient.setUserAgentField(null);
        httpClient.setDefaultRequestContentType(null);
        httpClient.setDestinationIdleTimeout(DESTINATION_IDLE_MS);
    }
}
