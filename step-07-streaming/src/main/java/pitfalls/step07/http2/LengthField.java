package pitfalls.step07.http2;

import java.util.List;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;

/**
 * {@code Content-Length} in a message of HTTP/2, where it frames nothing, and Jetty lets pass whatever it says. In HTTP/1.1, which the
 * other side may speak, the length of the body depends on it.
 */
public final class LengthField {
    private LengthField() {}

    /**
     * Tells whether the field says one length, in digits (RFC 9110, section 8.6).
     *
     * @param fields the fields of a message
     * @return whether it does, or is not there
     */
    public static boolean isWellFormed(HttpFields fields) {
        List<String> lengths = fields.getValuesList(HttpHeader.CONTENT_LENGTH);
        if (lengths.isEmpty()) return true;
        String length = lengths.get(0);
        boolean isNumber = !length.isEmpty() && length.chars().allMatch(c -> c >= '0' && c <= '9');
        return isNumber && lengths.stream().allMatch(length::equals);
    }
}
