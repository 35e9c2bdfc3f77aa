package pitfalls.step05;

import java.util.Objects;
import java.util.stream.Stream;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;

/**
 * How a proxy knows a request that it has forwarded before.
 */
public interface HopMark {

    /**
     * Looks for the mark.
     *
     * @param fields the fields of the request that a client sent
     * @param pseudonym the proxy's name in {@code Via}, for a mark that uses it
     * @return whether the request has been here before
     */
    boolean isOn(HttpFields fields, String pseudonym);

    /**
     * Leaves the mark.
     *
     * @param fields the fields of the request that goes to the upstream; its {@code Via} is written already
     * @param pseudonym the proxy's name in {@code Via}, for a mark that uses it
     */
    void putOn(HttpFields.Mutable fields, String pseudonym);

    /**
     * The default: the pseudonym of this proxy in the {@code Via} field (RFC 9110, section 7.6.3), which each proxy
     * writes anyway. Other proxies may stand between the client and this one, and between this one and the upstream.
     *
     * @return a mark for proxies that each have a pseudonym of their own
     */
    static HopMark via() {
        return new HopMark() {
            @Override
            public boolean isOn(HttpFields fields, String pseudonym) {
                if (!fields.contains(HttpHeader.VIA)) return false;
                return fields.getFields(HttpHeader.VIA).stream()
                        .flatMap(line -> Stream.of(line.getValue().split(",")))
                        .map(entry -> entry.strip().split("\\s+"))
                        .anyMatch(entry -> entry.length > 1 && entry[1].equalsIgnoreCase(pseudonym));
            }

            @Override
            public void putOn(HttpFields.Mutable fields, String pseudonym) {
                // Every proxy writes its Via anyway.
            }
        };
    }

    /**
     * A field of one's own, with the value {@code 1}: for a group of proxies of which a request may pass one only.
     *
     * <p>Danger: a second proxy with the same field refuses what the first has forwarded; and a client that sends the
     * field itself is refused.
     *
     * @param name the field's name, such as {@code X-MiniKV-Forwarded}
     * @return a mark by that field
     * @throws IllegalArgumentException if it is no name, or the name of a field that HTTP knows
     */
    static HopMark field(String name) {
        Objects.requireNonNull(name);
        if (!name.matches("[A-Za-z0-9!#$%&'*+.^_`|~-]+") || HttpHeader.CACHE.get(name) != null) {
            throw new IllegalArgumentException("'" + name
                    + "' is no name for a mark, which is a field name that HTTP has no other use for, such as"
                    + " X-MiniKV-Forwarded");
        }
        return new HopMark() {
            @Override
            public boolean isOn(HttpFields fields, String pseudonym) {
                return fields.contains(name);
            }

            @Override
            public void putOn(HttpFields.Mutable fields, String pseudonym) {
                fields.put(new HttpField(name, "1"));
            }
        };
    }
}
