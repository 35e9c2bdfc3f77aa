package pitfalls.step06;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;

/** Whatever an operator writes as a range of addresses is one, in which its own first address is, or one sentence that quotes it. */
public final class TrustedPeersTarget {
    private TrustedPeersTarget() {}

    /**
     * Called by Jazzer.
     *
     * @param input a range, perhaps
     */
    public static void fuzzerTestOneInput(byte[] input) {
        String range = new String(input, StandardCharsets.UTF_8);
        TrustedPeers peers;
        try {
            peers = TrustedPeers.parse(range);
        } catch (IllegalArgumentException refused) {
            assertThat(refused.getMessage()).startsWith("'" + range + "' is not a range of addresses. ");
            return;
        }
        assertThat(range).matches("[0-9A-Fa-f:./]+");
        assertThat(peers.contains(addressOf(range.replaceAll("/.*", "")))).isTrue();
    }

    /** It is made of digits, for which no name is looked up. */
    private static InetAddress addressOf(String digits) {
        try {
            return InetAddress.getByName(digits);
        } catch (UnknownHostException x) {
            throw new AssertionError("'" + digits + "' was taken for an address", x);
        }
    }
}
