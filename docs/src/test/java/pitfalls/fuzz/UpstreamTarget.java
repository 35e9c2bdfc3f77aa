package pitfalls.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import pitfalls.step03.Upstream;

/** Whatever an operator writes as an address is an upstream that can be written down again, or one sentence that quotes it. */
public final class UpstreamTarget {
    private UpstreamTarget() {}

    /**
     * Called by Jazzer.
     *
     * @param input an address, perhaps
     */
    public static void fuzzerTestOneInput(byte[] input) {
        String address = new String(input, StandardCharsets.UTF_8);
        Upstream upstream;
        try {
            upstream = Upstream.parse(address);
        } catch (IllegalArgumentException refused) {
            assertThat(refused.getMessage()).startsWith("'").contains("' is not an upstream address: ");
            if (!address.contains("@")) assertThat(refused.getMessage()).startsWith("'" + address + "'");
            return;
        }
        assertThat(upstream.toString()).matches("https?://[!-~]+");
        assertThat(Upstream.parse(upstream.toString())).isEqualTo(upstream);
        assertThat(upstream.resolve("/a%2Fb?c=d").getHost()).isEqualTo(upstream.host());
        assertThat(upstream.resolve("/a%2Fb").getPort()).isEqualTo(upstream.port());
    }
}
