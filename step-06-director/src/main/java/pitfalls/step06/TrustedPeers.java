package pitfalls.step06;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.InetAddressSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The proxies in front of this one: those whose word about a client is believed. */
final class TrustedPeers {
    private static final Logger LOG = LoggerFactory.getLogger(DirectedProxy.class);

    static final TrustedPeers NONE = new TrustedPeers();

    private final InetAddressSet ranges = new InetAddressSet();

    private TrustedPeers() {}

    /** Reads addresses, and ranges of them in CIDR notation. */
    static TrustedPeers parse(String... ranges) {
        if (ranges.length == 0) return NONE;
        var peers = new TrustedPeers();
        for (String range : ranges) {
            try {
                if (!isNumeric(range)) throw new IllegalArgumentException("it is no number"); // and nothing to look up
                if (range.endsWith("/0")) {
                    peers.addAll(range);
                } else {
                    peers.ranges.add(range);
                }
            } catch (RuntimeException x) {
                throw new IllegalArgumentException(
                        "'" + range
                                + "' is not a range of addresses. Write an address, 10.1.2.3 or ::1, or a range whose"
                                + " bits beyond the prefix are zero, 10.0.0.0/8 or fd00::/8",
                        x);
            }
        }
        return peers;
    }

    /** Takes everybody, which Jetty does not read as one range but as two. */
    private void addAll(String range) {
        boolean isIPv6 = range.contains(":");
        if (!range.matches("0(\\.0){3}/0|[0:]+/0")) throw new IllegalArgumentException("its bits are not zero");
        ranges.add(range.replace("/0", "/1")); // Jetty looks whether that is an address: :::: is none
        ranges.add(isIPv6 ? "8000::/1" : "128.0.0.0/1");
        LOG.warn(
                "every client that connects over {} is trusted ({}), and can claim to be somebody else: name the proxies in"
                        + " front of this one instead",
                isIPv6 ? "IPv6" : "IPv4",
                range);
    }

    private static boolean isNumeric(String range) {
        String prefix = "(/[0-9]{1,3})?";
        return range.matches("[0-9]+(\\.[0-9]+){3}" + prefix) || range.matches("[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*" + prefix);
    }

    /** Whether the request came from one of them: from its connection, whatever its fields say. */
    boolean contains(Request clientToProxyRequest) {
        return this != NONE
                && ForwardedFields.peerOf(clientToProxyRequest) instanceof InetSocketAddress peer
                && contains(peer.getAddress());
    }

    /** Whether this is the address of one of them. */
    boolean contains(InetAddress address) {
        return ranges.test(address);
    }
}
