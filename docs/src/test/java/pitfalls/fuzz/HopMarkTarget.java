package pitfalls.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.http.HttpFields;
import pitfalls.step05.HopMark;

/** Whatever a client sends in a field that holds a mark is read, and a mark that was put on is found. */
public final class HopMarkTarget {
    private static final String PSEUDONYM = "edge-a";

    private HopMarkTarget() {}

    /**
     * Called by Jazzer.
     *
     * @param input the name of a field, or the value of one
     */
    public static void fuzzerTestOneInput(byte[] input) {
        String text = new String(input, StandardCharsets.ISO_8859_1);
        checkName(text);
        checkValue(text);
    }

    private static void checkName(String name) {
        try {
            checkIsFound(HopMark.field(name), HttpFields.build());
            assertThat(name).matches("[!-~]+").doesNotContain(":", ",", ";");
        } catch (IllegalArgumentException refused) {
            assertThat(refused.getMessage()).startsWith("'" + name + "' is not a name for a mark");
        }
    }

    private static void checkValue(String value) {
        var fields = HttpFields.build().add("Via", value).add("CDN-Loop", value);
        boolean isNamed = value.toLowerCase(java.util.Locale.ROOT).contains(PSEUDONYM);
        assertThat(HopMark.via().isOn(fields, PSEUDONYM) && !isNamed).isFalse();
        assertThat(HopMark.cdnLoop().isOn(fields, PSEUDONYM) && !isNamed).isFalse();
        checkIsFound(HopMark.cdnLoop(), fields);
        assertThat(HopMark.via().isOn(fields.add("Via", "1.1 " + PSEUDONYM), PSEUDONYM))
                .isTrue();
    }

    private static void checkIsFound(HopMark mark, HttpFields.Mutable fields) {
        mark.putOn(fields, PSEUDONYM);
        assertThat(mark.isOn(fields, PSEUDONYM)).isTrue();
    }
}
