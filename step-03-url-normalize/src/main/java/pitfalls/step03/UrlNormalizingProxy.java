package pitfalls.step03;

import java.util.Objects;
import java.util.function.Function;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import pitfalls.step02.ErrorHandlingProxy;
import pitfalls.step02.Exchange;
import pitfalls.step02.ProxyError;
import pitfalls.step02.Refused;

/**
 * The {@link ErrorHandlingProxy}, with addresses that are right on both sides: the target is what operators write, and
 * is checked at once; the client's URL arrives at the upstream byte for byte, and never picks the upstream.
 */
public class UrlNormalizingProxy extends ErrorHandlingProxy {

    /**
     * Lets a server pass on every request target that a proxy can pass on, {@code /a%2Fb} and {@code //a} among them,
     * where Jetty's default is to refuse with 400 what two programs may read differently. Set it on the server's
     * {@code HttpConfiguration} if you want it.
     *
     * <p>Danger: a handler in front of the proxy that decides by the decoded path, say who may see {@code /admin}, can
     * be outwitted with such targets; and a base path is no fence, since the upstream may take {@code /..%2F} for a
     * way out of it.
     */
    public static final UriCompliance GATEWAY_URI_COMPLIANCE = UriCompliance.UNSAFE.without(
            "GATEWAY", UriCompliance.Violation.FRAGMENT, UriCompliance.Violation.USER_INFO);

    private static final ProxyError.Kind CONNECT_METHOD =
            new ProxyError.Kind(501, "http_request_denied", "CONNECT is for forward proxies. This is a reverse proxy.");
    private static final ProxyError.Kind MANGLED_METHOD = new ProxyError.Kind(
            400, "http_request_error", "The request's method has a character that no method can have.");
    private static final ProxyError.Kind MANGLED_TARGET = new ProxyError.Kind(
            400,
            "http_request_error",
            "The request target has white space, or bytes that are not UTF-8. Percent-encode them.");

    private SslContextFactory.Client sslContextFactory;

    /**
     * A proxy to one target.
     *
     * @param target an address as {@link Upstream#parse} reads it
     * @throws IllegalArgumentException if it is none, in one sentence
     */
    public UrlNormalizingProxy(String target) {
        this(Upstream.parse(target));
    }

    /**
     * A proxy to one upstream.
     *
     * @param upstream where to forward to
     */
    public UrlNormalizingProxy(Upstream upstream) {
        this(clientToProxyRequest ->
                upstream.resolve(clientToProxyRequest.getHttpURI().getPathQuery()));
    }

    /**
     * A proxy for a later step, which knows better than by one address where a request goes.
     *
     * @param httpURIRewriter gives the URI to request, made by {@link Upstream#resolve}
     */
    protected UrlNormalizingProxy(Function<Request, HttpURI> httpURIRewriter) {
        super(httpURIRewriter);
    }

    @Override
    protected org.eclipse.jetty.client.Request newProxyToServerRequest(Request clientToProxyRequest, HttpURI uri) {
        return VerbatimRequest.of(getHttpClient(), clientToProxyRequest.getMethod(), uri);
    }

    /** Refuses what has no method or no target that could be forwarded. */
    @Override
    protected void forward(Exchange exchange) {
        Request clientToProxyRequest = exchange.clientToProxyRequest;
        String method = clientToProxyRequest.getMethod();
        if (HttpMethod.CONNECT.is(method)) throw new Refused(CONNECT_METHOD);
        boolean isCommon = HttpMethod.fromString(method) != null;
        if (!isCommon && !isToken(method)) throw new Refused(MANGLED_METHOD);
        if (!isSendable(clientToProxyRequest.getHttpURI().getPathQuery())) throw new Refused(MANGLED_TARGET);
        super.forward(exchange);
    }

    /**
     * Sets how upstreams with {@code https://} are connected to: which certificates are trusted, and which one is shown. What
     * the JDK trusts and none unless set. Set it before the proxy is started.
     *
     * <p>Danger: host names are compared with certificates only if the factory's {@code endpointIdentificationAlgorithm} is
     * {@code HTTPS}, as it is by default, and with {@code trustAll} not even certificates are looked at.
     *
     * @param sslContextFactory not {@code null}
     */
    public void setSslContextFactory(SslContextFactory.Client sslContextFactory) {
        this.sslContextFactory = Objects.requireNonNull(sslContextFactory);
    }

    @Override
    protected void configureHttpClient(HttpClient httpClient) {
        super.configureHttpClient(httpClient);
        if (sslContextFactory != null) httpClient.setSslContextFactory(sslContextFactory);
    }

    @Override
    protected void doStart() throws Exception {
        super.doStart();
        ServerName.configure(getHttpClient()); // also one that was given to the proxy
    }

    /** What RFC 9110, section 5.6.2, calls a token. Jetty's parser does not look at the first character of a method. */
    static boolean isToken(String method) {
        return method.matches("[!#$%&'*+.^_`|~0-9A-Za-z-]+");
    }

    /** An HTTP/2 client can send what would break an HTTP/1.1 request line; what was not UTF-8 is lost already. */
    static boolean isSendable(String pathQuery) {
        for (int i = 0; i < pathQuery.length(); i++) {
            char c = pathQuery.charAt(i);
            if (c <= ' ' || c == 0x7F || c == 0xFFFD) return false;
        }
        return true;
    }
}
