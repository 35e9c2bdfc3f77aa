package pitfalls.step01;

import java.util.function.Function;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.transport.HttpClientTransportOverHTTP;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.io.ClientConnector;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Request;

/**
 * Forwards every request to one target, as Jetty's own reverse proxy does: method, path, query, fields and body go
 * to the upstream, status, fields and body come back, both bodies streamed.
 *
 * <p>Hop-by-hop fields stay on their hop (RFC 9110, section 7.6.1). Redirects, cookies and compression are between the
 * client and the upstream, and are left alone.
 */
public class MinimalProxy extends ProxyHandler.Reverse {

    /**
     * A proxy to one target.
     *
     * @param target where to forward to: {@code http://leader.internal:8081}, or with a base path that is put before
     *     the client's path, joined with one slash: {@code http://leader.internal:8081/base/}. Not checked here: an
     *     address that is no URL shows only when a request arrives, as a 500
     */
    public MinimalProxy(String target) {
        this(rewriteTo(target));
    }

    /**
     * A proxy for a later step, which knows better than by one address where a request goes.
     *
     * @param httpURIRewriter gives the URI to request for a client's request; Jetty calls it from
     *     {@link #rewriteHttpURI}
     */
    protected MinimalProxy(Function<Request, HttpURI> httpURIRewriter) {
        super(httpURIRewriter);
    }

    /**
     * Makes a client that shares nothing with others. Jetty's own would share a connection factory with every other proxy in
     * the process, and once a server with one of them has been destroyed, no other one starts.
     */
    @Override
    protected HttpClient newHttpClient() {
        return new HttpClient(new HttpClientTransportOverHTTP(new ClientConnector()));
    }

    private static Function<Request, HttpURI> rewriteTo(String target) {
        String base = target.endsWith("/") ? target.substring(0, target.length() - 1) : target;
        return clientToProxyRequest ->
                HttpURI.from(base + clientToProxyRequest.getHttpURI().getPathQuery());
    }
}
