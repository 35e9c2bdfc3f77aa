package pitfalls.step06;

import java.net.InetSocketAddress;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.InetAddressSet;

/** The proxies in front of this one: those whose word about a client is believed. */
final class TrustedPeers {
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
                peers.ranges.add(range);
            } catch (RuntimeException x) {
                throw new IllegalArgumentException(
                        "'" + range + "' is no range of addresses: write an address, 10.1.2.3 or ::1, or a range whose"
                                + " bits beyond the prefix are zero, 10.0.0.0/8 or fd00::/8",
                        x);
            }
        }
        return peers;
    }

    private static boolean isNumeric(String range) {
        String prefix = "(/[0-9]{1,3})?";
        return range.matches("[0-9]+(\\.[0-9]+){3}" + prefix) || range.matches("[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*" + prefix);
    }

    /** Whether the request came from one of them: from its connection, whatever its fields say. */
    boolean contains(Request clientToProxyRequest) {
        return this != NONE
                && ForwardedFields.peerOf(clientToProxyRequest) instanceof InetSocketAddress peer
                && ranges.test(peer.getAddress());
    }
}
