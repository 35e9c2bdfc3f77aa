package pitfalls.step06;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;

/**
 * What an upstream is told of a client behind a proxy: {@code Forwarded} (RFC 7239), and the older {@code X-Forwarded-For},
 * {@code -Host} and {@code -Proto}.
 */
final class ForwardedFields {

    private ForwardedFields() {}

    /**
     * Takes all of both families out of these fields, also those that {@link #append} does not write, and those with
     * underscores, which some upstreams take for hyphens.
     */
    static void drop(HttpFields.Mutable fields) {
        for (var field = fields.iterator(); field.hasNext(); ) {
            String name = field.next().getLowerCaseName().replace('_', '-');
            if (name.startsWith("x-forwarded") || name.equals("forwarded")) field.remove();
        }
    }

    /** Adds this hop to these fields, behind the hops that are there already. */
    static void append(Request clientToProxyRequest, HttpFields.Mutable fields) {
        InetAddress peer = peerOf(clientToProxyRequest) instanceof InetSocketAddress inet ? inet.getAddress() : null;
        String host = hostOf(clientToProxyRequest);
        String proto = clientToProxyRequest.isSecure() ? "https" : "http";

        append(fields, HttpHeader.X_FORWARDED_FOR, peer == null ? "unknown" : textOf(peer));
        if (host != null) append(fields, HttpHeader.X_FORWARDED_HOST, host);
        append(fields, HttpHeader.X_FORWARDED_PROTO, proto);

        String hostPart = host == null ? "" : ";host=" + HttpField.PARAMETER_TOKENIZER.quote(host);
        append(fields, HttpHeader.FORWARDED, "for=" + nodeOf(peer) + hostPart + ";proto=" + proto);
    }

    /** Who is at the other end of the connection. */
    static SocketAddress peerOf(Request clientToProxyRequest) {
        return clientToProxyRequest
                .getConnectionMetaData()
                .getConnection()
                .getEndPoint()
                .getRemoteSocketAddress();
    }

    /** What the client takes the proxy for; {@code null} if it does not say. */
    private static String hostOf(Request clientToProxyRequest) {
        boolean hasField =
                clientToProxyRequest.getConnectionMetaData().getHttpVersion().getVersion() < 20;
        String host = hasField
                ? clientToProxyRequest.getHeaders().get(HttpHeader.HOST)
                : clientToProxyRequest.getHttpURI().getAuthority();
        return host == null || host.isEmpty() ? null : host;
    }

    private static void append(HttpFields.Mutable fields, HttpHeader name, String value) {
        List<String> values = fields.contains(name) ? new ArrayList<>(fields.getValuesList(name)) : List.of();
        if (!values.isEmpty()) {
            values.removeIf(String::isBlank);
            values.add(value);
            value = String.join(", ", values);
        }
        fields.put(name, value);
    }

    private static String textOf(InetAddress address) {
        String text = address.getHostAddress();
        int zone = text.indexOf('%'); // means something on this machine only
        return zone < 0 ? text : text.substring(0, zone);
    }

    /** A node of RFC 7239, section 6: an IPv6 address is in brackets, and quoted for its colons. */
    private static String nodeOf(InetAddress address) {
        if (address == null) return "unknown";
        return address instanceof Inet6Address ? "\"[" + textOf(address) + "]\"" : textOf(address);
    }
}
