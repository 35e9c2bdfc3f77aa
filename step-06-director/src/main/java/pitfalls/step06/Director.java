package pitfalls.step06;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import pitfalls.step03.Upstream;

/**
 * Chooses the upstream of a request. It is asked for every attempt anew, so that a retry can go to another one.
 *
 * <p>Danger: an address made of what a client sent lets the client choose the upstream, and makes an open proxy. Choose
 * from addresses of your own.
 */
@FunctionalInterface
public interface Director {

    /**
     * Called on one of Jetty's threads, several at once, so it must not wait for anything.
     *
     * @param clientToProxyRequest the client's request, without the fields that the upstream will not see either:
     *     those that end at this hop, and {@code Forwarded} and {@code X-Forwarded-…} of a peer that is not trusted
     * @return the upstream; empty if none is known at the moment, which the client is told with 503
     * @throws Exception if it cannot be found out, which the client is told with 502, and the log with the cause; or
     *     with a status that you choose if it is a {@link pitfalls.step02.Refused} or Jetty's
     *     {@link org.eclipse.jetty.http.HttpException}
     */
    Optional<Upstream> upstreamOf(Request clientToProxyRequest) throws Exception;

    /**
     * The same upstream for all.
     *
     * @param address as {@link Upstream#parse} reads it
     * @return a director that always chooses it
     * @throws IllegalArgumentException if it is no address, in one sentence
     */
    static Director fixed(String address) {
        var upstream = Optional.of(Upstream.parse(address));
        return clientToProxyRequest -> upstream;
    }

    /**
     * An address that changes, such as that of the current leader of a cluster.
     *
     * @param address gives it as {@link Upstream#parse} reads it; {@code null} or empty if none is known; what it throws
     *     is told with 502, and so is what is no address
     * @return a director that asks for it each time
     */
    static Director leader(Supplier<String> address) {
        return of(clientToProxyRequest -> address.get());
    }

    /**
     * An address for each request.
     *
     * @param address gives it, as in {@link #leader}
     * @return a director that asks for it each time
     */
    static Director of(Function<Request, String> address) {
        return clientToProxyRequest -> Optional.ofNullable(address.apply(clientToProxyRequest))
                .filter(found -> !found.isEmpty())
                .map(Upstream::parse);
    }

    /**
     * An upstream for each value of a field. A request without the field, with another value or with two of them has
     * none. For {@code Host}, case and port do not count.
     *
     * @param field the name of the field, such as {@code X-Tenant}
     * @param addresses for each value an address as {@link Upstream#parse} reads it
     * @return a director that chooses by the field
     * @throws IllegalArgumentException if one of them is no address, in one sentence
     */
    static Director byField(String field, Map<String, String> addresses) {
        boolean isHost = HttpHeader.HOST.is(field);
        Map<String, Optional<Upstream>> upstreams = new HashMap<>();
        addresses.forEach((value, address) ->
                upstreams.put(isHost ? value.toLowerCase(Locale.ROOT) : value, Optional.of(Upstream.parse(address))));
        return clientToProxyRequest -> {
            String value = isHost ? hostOf(clientToProxyRequest) : valueOf(clientToProxyRequest, field);
            return upstreams.getOrDefault(value, Optional.empty());
        };
    }

    private static String hostOf(Request clientToProxyRequest) {
        String host = clientToProxyRequest.getHttpURI().getHost();
        return host == null ? null : host.toLowerCase(Locale.ROOT);
    }

    private static String valueOf(Request clientToProxyRequest, String field) {
        var values = clientToProxyRequest.getHeaders().getFields(field);
        return values.size() == 1 ? values.get(0).getValue() : null;
    }

    /**
     * A second choice.
     *
     * @param other is asked where this one knows no upstream
     * @return a director that asks both
     */
    default Director orElse(Director other) {
        return clientToProxyRequest -> {
            Optional<Upstream> upstream = upstreamOf(clientToProxyRequest);
            return upstream.isPresent() ? upstream : other.upstreamOf(clientToProxyRequest);
        };
    }
}
