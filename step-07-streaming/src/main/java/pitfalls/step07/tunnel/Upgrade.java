package pitfalls.step07.tunnel;

import java.util.List;
import java.util.Locale;
import org.eclipse.jetty.client.HttpResponseException;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.server.Request;
import pitfalls.step05.HopByHop;

/**
 * Another protocol that a client offers to go on with on the same connection, a WebSocket for instance (RFC 9110, section
 * 7.8). {@code h2c} is not among them: it is between two neighbours, and not for a proxy to pass on.
 *
 * @param protocols what the client offers, in its order
 */
record Upgrade(List<String> protocols) {

    /** What this request offers; {@code null} if it offers nothing that can be passed on. */
    static Upgrade offeredBy(Request clientToProxyRequest) {
        HttpFields fields = clientToProxyRequest.getHeaders();
        boolean canUpgrade = clientToProxyRequest.getConnectionMetaData().getHttpVersion() == HttpVersion.HTTP_1_1
                && fields.contains(HttpHeader.CONNECTION, HttpHeaderValue.UPGRADE.asString())
                && !fields.contains(HttpHeader.EXPECT); // whose 100 comes first, and would be taken for a refusal
        if (!canUpgrade) return null;
        List<String> protocols = fields.getCSV(HttpHeader.UPGRADE, false).stream()
                .filter(protocol -> !protocol.toLowerCase(Locale.ROOT).matches("h2c|http/.*"))
                .toList();
        return protocols.isEmpty() ? null : new Upgrade(protocols);
    }

    /** Offers it to the upstream. */
    void offer(HttpFields.Mutable proxyToServerFields) {
        proxyToServerFields.put(HttpHeader.UPGRADE, String.join(", ", protocols));
        proxyToServerFields.put(HttpHeader.CONNECTION, "Upgrade");
    }

    /** Makes of the fields of a 101 those for the client; throws if what the upstream accepted was not offered. */
    HttpFields accepted(org.eclipse.jetty.client.Response serverToProxyResponse) {
        String protocol = serverToProxyResponse.getHeaders().get(HttpHeader.UPGRADE);
        if (protocols.stream().noneMatch(offered -> offered.equalsIgnoreCase(protocol))) {
            throw notOffered(serverToProxyResponse);
        }
        return HttpFields.build(HopByHop.endToEnd(serverToProxyResponse.getHeaders()))
                .remove(HttpHeader.CONTENT_LENGTH)
                .put(HttpHeader.UPGRADE, protocol)
                .put(HttpHeader.CONNECTION, "Upgrade");
    }

    /** A 101 for a protocol that was not offered: the upstream speaks it from now on, and nobody understands. */
    static HttpResponseException notOffered(org.eclipse.jetty.client.Response serverToProxyResponse) {
        String protocol = serverToProxyResponse.getHeaders().get(HttpHeader.UPGRADE);
        return new HttpResponseException("101 to a protocol that was not offered: " + protocol, serverToProxyResponse);
    }
}
