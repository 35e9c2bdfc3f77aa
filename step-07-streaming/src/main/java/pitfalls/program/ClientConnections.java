package pitfalls.program;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import org.eclipse.jetty.util.NanoTime;

/**
 * The connections of each client, of which it may have so many. A client is an IPv4 address or a /64 network of IPv6, for whoever has
 * one address of such a network has them all.
 *
 * <p>One connection more replaces an idle one of the same client. If it has none, the new one is refused. Nobody waits here: a connection that waits takes as
 * much as one that is served.
 */
final class ClientConnections {
    private static final long PAUSE_MS = 50;
    private static final int NETWORK_BYTES = 8;
    private static final int GENEROUS = 1000;

    private final int limit;
    private final Predicate<InetAddress> isExempt;
    private final Map<InetAddress, Client> clients = new ConcurrentHashMap<>();

    /**
     * A limit for each client.
     *
     * @param limit how many connections it may have
     * @param isExempt whose connections are not counted, such as those of proxies that bring many clients each
     */
    ClientConnections(int limit, Predicate<InetAddress> isExempt) {
        this.limit = limit;
        this.isExempt = isExempt;
    }

    /** How many connections one client may have unless the operator says it: half of all, and as many as an office behind one address needs. */
    static int defaultLimit(int all) {
        return Math.min(all, Math.max(GENEROUS, all / 2));
    }

    /** Counts that connection, if there may be one more of its client. */
    boolean add(ClientEndPoint endPoint) {
        if (isExempt.test(endPoint.address())) return true;
        return clients.compute(
                        networkOf(endPoint.address()),
                        (key, client) -> (client == null ? new Client() : client).add(endPoint))
                .endPoints
                .contains(endPoint);
    }

    /** Counts it no longer. */
    void remove(ClientEndPoint endPoint) {
        clients.computeIfPresent(networkOf(endPoint.address()), (key, client) -> client.remove(endPoint));
    }

    /** How many clients have connections. */
    int size() {
        return clients.size();
    }

    /** How many connections each may have. */
    int limit() {
        return limit;
    }

    /** What the log calls the client that has that address. */
    static String nameOf(InetAddress address) {
        InetAddress network = networkOf(address);
        return network.getHostAddress() + (network instanceof Inet6Address ? "/64" : "");
    }

    private static InetAddress networkOf(InetAddress address) {
        if (!(address instanceof Inet6Address)) return address;
        try {
            byte[] network = Arrays.copyOf(address.getAddress(), NETWORK_BYTES);
            return InetAddress.getByAddress(Arrays.copyOf(network, address.getAddress().length));
        } catch (UnknownHostException x) {
            throw new IllegalStateException(x); // which it is for another number of bytes only
        }
    }

    /** Used by one thread at a time. */
    private final class Client {
        private final Set<ClientEndPoint> endPoints = new HashSet<>();
        private long looked = NanoTime.now() - PAUSE_MS * 1_000_000;

        private Client add(ClientEndPoint endPoint) {
            if (endPoints.size() < limit || makesRoom()) endPoints.add(endPoint);
            return this;
        }

        private Client remove(ClientEndPoint endPoint) {
            endPoints.remove(endPoint);
            return endPoints.isEmpty() ? null : this;
        }

        /** Looks for an idle one; not for each of those that come in a flood. */
        private boolean makesRoom() {
            if (NanoTime.millisSince(looked) < PAUSE_MS) return false;
            endPoints.removeIf(endPoint -> !endPoint.isOpen());
            if (endPoints.size() < limit) return true;
            var longest = endPoints.stream()
                    .map(Drainable::of)
                    .filter(connection -> connection != null && connection.isIdle())
                    .max((one, other) -> Long.compare(one.idleForMs(), other.idleForMs()));
            if (longest.isEmpty()) looked = NanoTime.now();
            longest.ifPresent(Drainable::closeIfIdle);
            return longest.isPresent();
        }
    }
}
