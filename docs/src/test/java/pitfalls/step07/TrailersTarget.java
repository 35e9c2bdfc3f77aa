package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;

/** Whatever comes as trailers, nothing passes that belongs to a head, or that {@code Connection} names. */
public final class TrailersTarget {
    private static final String NAME = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"; // which Jetty's parser sees to

    private TrailersTarget() {}

    /**
     * Called by Jazzer.
     *
     * @param input lines of trailer fields, and in the first line, what {@code Connection} names
     */
    public static void fuzzerTestOneInput(byte[] input) {
        String[] lines = new String(input, StandardCharsets.ISO_8859_1).split("\n", -1);
        var head = HttpFields.build().add(HttpHeader.CONNECTION, lines[0]);
        var trailers = HttpFields.build();
        for (int i = 1; i < lines.length; i++) {
            String[] field = lines[i].split(":", 2);
            if (field[0].matches(NAME)) trailers.add(field[0], field.length < 2 ? "" : field[1]);
        }

        HttpFields passed = Trailers.endToEnd(trailers, head);

        if (passed == null) return;
        for (HttpField field : passed) {
            HttpHeader known = HttpHeader.CACHE.get(field.getName());
            assertThat(known == null || known == HttpHeader.ETAG)
                    .as(field.getName())
                    .isTrue();
            assertThat(trailers.contains(field)).as(field.toString()).isTrue();
            String named = lines[0].strip();
            boolean isField = named.matches("[!#$%&'*+.^_`|~0-9A-Za-z-]+") && !named.matches("(?i)close|keep-alive");
            if (isField) assertThat(field.getName()).isNotEqualToIgnoringCase(named);
        }
    }
}
