package pitfalls.step06;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.jetty.client.Response.HeadersListener;
import org.eclipse.jetty.client.transport.HttpRequest;
import org.eclipse.jetty.client.transport.HttpResponse;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.util.URIUtil;
import pitfalls.step03.Upstream;

/**
 * Maps what names the upstream, in {@code Location} and {@code Content-Location}, to what the client can ask this proxy for:
 * {@code http://10.1.2.3:8081/base/x} becomes {@code https://shop.example/x}. The client's scheme and authority are those that the
 * upstream was told in {@code X-Forwarded-…}. Whatever names somebody else, or a path beside the base path, stays as it is.
 */
final class UpstreamLocation {
    private static final HttpHeader[] HEADERS = {HttpHeader.LOCATION, HttpHeader.CONTENT_LOCATION};
    private static final Pattern URL = Pattern.compile("(?:([A-Za-z][A-Za-z0-9+.-]*):)?//([^/?#]*)(.*)");

    private final Upstream upstream;
    private final String prefix;
    private final org.eclipse.jetty.client.Request proxyToServerRequest;

    /** Maps both fields of a response, before it is passed on; most responses have neither. */
    final HeadersListener listener = serverToProxyResponse -> {
        HttpFields fields = serverToProxyResponse.getHeaders();
        for (HttpHeader header : HEADERS) {
            HttpField field = fields.getField(header);
            String mapped = field == null ? null : mapped(field.getValue());
            if (mapped != null) received(serverToProxyResponse).headers(own -> own.put(header, mapped));
        }
    };

    /**
     * @param exchange whose upstream has answered
     * @param proxyToServerRequest with what the upstream is told of the client
     */
    UpstreamLocation(DirectedExchange exchange, org.eclipse.jetty.client.Request proxyToServerRequest) {
        this.upstream = exchange.upstream;
        this.prefix = exchange.strippedPrefix;
        this.proxyToServerRequest = proxyToServerRequest;
    }

    /** The response that can be changed; the one that comes instead of a 100 is handed out as a copy with the same fields. */
    private static HttpResponse received(org.eclipse.jetty.client.Response serverToProxyResponse) {
        var request = (HttpRequest) serverToProxyResponse.getRequest();
        return request.getConversation().getExchanges().getLast().getResponse();
    }

    /** What the client can ask for instead; {@code null} if the value stays as it is. */
    private String mapped(String value) {
        Matcher url = URL.matcher(value);
        if (!url.matches()) return value.startsWith("/") ? asPath(clientPath(value)) : null;
        String scheme = url.group(1);
        boolean isOwn = (scheme == null || scheme.equalsIgnoreCase(upstream.urlScheme())) && isOwn(url.group(2));
        return isOwn ? asUrl(scheme, clientPath(url.group(3))) : null;
    }

    /** Whether this authority is the one that was dialled, or the one that the upstream was told in {@code Host}. */
    private boolean isOwn(String authority) {
        String named = withPort(authority);
        String host = proxyToServerRequest.getHeaders().get(HttpHeader.HOST);
        return named.equals(withPort(upstream.host() + ":" + upstream.port()))
                || host != null && named.equals(withPort(host));
    }

    private String withPort(String authority) {
        String lower = authority.toLowerCase(Locale.ROOT);
        return lower.matches(".*:[0-9]+") ? lower : lower + ":" + URIUtil.getDefaultPortForScheme(upstream.urlScheme());
    }

    /** The client's path to what has this path at the upstream; {@code null} if it has none. */
    private String clientPath(String path) {
        if (!Upstream.isBelow(path, upstream.basePath())) return null;
        String rest = path.substring(upstream.basePath().length());
        return Upstream.isBelow(rest, prefix) ? rest : prefix + rest; // the upstream may know it, by X-Forwarded-Prefix
    }

    private String asUrl(String scheme, String path) {
        String host = first(HttpHeader.X_FORWARDED_HOST);
        if (path == null || host == null) return asPath(path);
        String clientScheme = "https".equalsIgnoreCase(first(HttpHeader.X_FORWARDED_PROTO)) ? "https:" : "http:";
        return (scheme == null ? "" : clientScheme) + "//" + host + path;
    }

    /** A path alone, which the client resolves itself; but {@code //x} would name another host. */
    private static String asPath(String path) {
        if (path == null || path.startsWith("//")) return null;
        return path.startsWith("/") ? path : "/" + path;
    }

    /** Of several values, the first one is that of the proxy that the client knows. */
    private String first(HttpHeader header) {
        String value = proxyToServerRequest.getHeaders().get(header);
        return value == null || value.isBlank() ? null : value.split(",", 2)[0].strip();
    }
}
