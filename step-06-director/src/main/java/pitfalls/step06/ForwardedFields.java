package pitfalls.step06;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.server.Request;

/**
 * What an upstream is told of a client behind a proxy: {@code Forwarded} (RFC 7239), and the older {@code X-Forwarded-For},
 * {@code -Host} and {@code -Proto}.
 */
public final class ForwardedFields {
    private static final String PREFIX = "X-Forwarded-Prefix";
    private static final Set<HttpHeader> LISTS = EnumSet.of(HttpHeader.FORWARDED, HttpHeader.X_FORWARDED_FOR);

    /** What proxies and their vendors call the address of a client, beside the two families. */
    private static final Set<String> CLIENT_ADDRESSES = Set.of(
            "x-real-ip",
            "true-client-ip",
            "client-ip",
            "x-client-ip",
            "x-cluster-client-ip",
            "x-original-forwarded-for",
            "x-remote-ip",
            "x-remote-addr",
            "x-originating-ip",
            "proxy-client-ip",
            "wl-proxy-client-ip",
            "cf-connecting-ip",
            "cf-connecting-ipv6",
            "fastly-client-ip",
            "fly-client-ip",
            "x-azure-clientip",
            "x-envoy-external-address");

    private ForwardedFields() {}

    /**
     * Tells the fields of both families, also those that no proxy writes any more, and the fields that tell a client's address by
     * another name, such as {@code X-Real-IP}. Some upstreams take underscores for hyphens, so these count as hyphens.
     *
     * @param name the name of a field
     * @return whether it says something of the client that only a proxy may say
     */
    public static boolean isForwardedField(String name) {
        String plain = name.toLowerCase(Locale.ROOT).replace('_', '-');
        return plain.startsWith("x-forwarded") || plain.startsWith("forwarded") || CLIENT_ADDRESSES.contains(plain);
    }

    /** Takes out of the copy what the client says of itself, and leaves what a proxy has written under such a name. */
    static void drop(HttpFields clientToProxyFields, HttpFields.Mutable copy) {
        for (HttpField said : clientToProxyFields) {
            String name = said.getLowerCaseName();
            boolean mayBeOne = name.contains("forwarded") || name.contains("ip") || name.contains("addr");
            if (!mayBeOne || !isForwardedField(name)) continue;
            for (var field = copy.iterator(); field.hasNext(); ) {
                if (field.next() == said) field.remove();
            }
        }
    }

    /** These fields without those that only a proxy may write. */
    static HttpFields without(HttpFields fields) {
        var rest = HttpFields.build(fields);
        drop(fields, rest);
        return rest.asImmutable();
    }

    /**
     * Adds this hop to these fields. {@code Forwarded} and {@code X-Forwarded-For} are lists, and get one entry more. Of the others
     * an upstream reads one value, which is that of the first proxy: they are added where they are missing, and otherwise left.
     *
     * @return the host that the client has asked for; {@code null} if it does not say
     */
    static String append(Request clientToProxyRequest, HttpFields.Mutable fields) {
        InetAddress peer = peerOf(clientToProxyRequest) instanceof InetSocketAddress inet ? inet.getAddress() : null;
        String address = peer == null ? "unknown" : peer.getHostAddress().split("%", 2)[0]; // without the zone
        String node = peer instanceof Inet6Address ? "\"[" + address + "]\"" : address; // RFC 7239, section 6
        ConnectionMetaData connection = clientToProxyRequest.getConnectionMetaData();
        boolean isHttp1 = connection.getHttpVersion().getVersion() < HttpVersion.HTTP_2.getVersion();
        // Over HTTP/2 the client itself says in :scheme whether it uses TLS.
        boolean isSecure = isHttp1 ? clientToProxyRequest.isSecure() : connection.isSecure();
        String proto = isSecure ? "https" : "http";
        String host = isHttp1 ? null : clientToProxyRequest.getHttpURI().getAuthority();
        if (host == null) host = clientToProxyRequest.getHeaders().get(HttpHeader.HOST);
        if (host != null && host.isEmpty()) host = null; // the client does not say what it takes the proxy for

        List<HttpField> hop = new ArrayList<>();
        hop.add(new HttpField(HttpHeader.X_FORWARDED_FOR, address));
        if (host != null) hop.add(new HttpField(HttpHeader.X_FORWARDED_HOST, host));
        hop.add(new HttpField(HttpHeader.X_FORWARDED_PROTO, proto));
        String hostPart = host == null ? "" : ";host=" + HttpField.PARAMETER_TOKENIZER.quote(host);
        hop.add(new HttpField(HttpHeader.FORWARDED, "for=" + node + hostPart + ";proto=" + proto));
        for (HttpField field : hop) {
            boolean isList = LISTS.contains(field.getHeader());
            boolean isTold = fields.contains(field.getHeader());
            if (!isTold) fields.add(field);
            else if (isList) fields.put(joined(fields, field));
        }
        return host;
    }

    /** Tells what was taken off the client's path, behind what a proxy in front has taken off before. */
    static void appendPrefix(String strippedPrefix, HttpFields.Mutable fields) {
        String before = fields.get(PREFIX);
        fields.put(PREFIX, before == null ? strippedPrefix : before + strippedPrefix);
    }

    private static HttpField joined(HttpFields before, HttpField hop) {
        List<String> values = new ArrayList<>(before.getValuesList(hop.getHeader()));
        values.removeIf(String::isBlank);
        values.add(hop.getValue());
        return new HttpField(hop.getHeader(), String.join(", ", values));
    }

    /** Who is at the other end of the connection. */
    static SocketAddress peerOf(Request clientToProxyRequest) {
        return clientToProxyRequest
                .getConnectionMetaData()
                .getConnection()
                .getEndPoint()
                .getRemoteSocketAddress();
    }
}
