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
     * @param fields the fields of the request that goes to the upstream; its {@code Via} is written already, if it gets one
     * @param pseudonym the proxy's name in {@code Via}, for a mark that uses it
     */
    void putOn(HttpFields.Mutable fields, String pseudonym);

    /** {@return whether the proxy has to write {@code Via} for this mark; {@code false} unless overridden} */
    default boolean usesVia() {
        return false;
    }

    /**
     * The default: the pseudonym of this proxy in the {@code Via} field (RFC 9110, section 7.6.3), which HTTP asks of each
     * proxy. Other proxies may stand between the client and this one, and between this one and the upstream.
     *
     * <p>Danger: some upstreams do not compress a response for a request that has a {@code Via}, nginx for instance.
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
                // The proxy writes its Via itself.
            }

            @Override
            public boolean usesVia() {
                return true;
            }
        };
    }

    /**
     * The pseudonym of this proxy in the {@code CDN-Loop} field (RFC 8586), for chains of proxies as {@link #via()} is, and
     * for upstreams that do not compress where they see a {@code Via}.
     *
     * @return a mark for proxies that each have a pseudonym of their own
     */
    static HopMark cdnLoop() {
        String name = "CDN-Loop";
        return new HopMark() {
            @Override
            public boolean isOn(HttpFields fields, String pseudonym) {
                return fields.getFields(name).stream()
                        .flatMap(line -> Stream.of(line.getValue().split(",")))
                        .map(entry -> entry.split(";", 2)[0].strip())
                        .anyMatch(pseudonym::equalsIgnoreCase);
            }

            @Override
            public void putOn(HttpFields.Mutable fields, String pseudonym) {
                fields.add(name, pseudonym);
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
                    + "' is not a name for a mark. Write a header name that HTTP does not use for anything else, such as"
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
