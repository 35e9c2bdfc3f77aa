package pitfalls.fuzz;

/**
 * Something that a proxy must not do, and the input after which it did it.
 *
 * @param kind what kind of fault it is
 * @param number the number of the input
 * @param sentence what was seen
 * @param input the input, so that {@code printf} prints it
 */
public record Finding(Kind kind, long number, String sentence, String input) {

    /** The kinds of faults. */
    public enum Kind {
        /** An upstream got bytes that are not a request. */
        INVALID_REQUEST,
        /** An upstream got a request that no client has sent, or the same one twice, or with another method or body. */
        REQUEST_OF_NOBODY,
        /** An upstream got a body as complete that is not. */
        BROKEN_REQUEST_WHOLE,
        /** A client got bytes that are not a response. */
        INVALID_ANSWER,
        /** A client got an answer to a request that it has not sent. */
        ANSWER_FOR_SOMEBODY_ELSE,
        /** A client got a response as complete that is not. */
        BROKEN_ANSWER_WHOLE,
        /** A client got another response than the upstream's, which was good; or only a part of it. */
        ANSWER_CHANGED,
        /** An answer tells class names, stack traces or addresses. */
        INSIDE_TOLD,
        /** A client got a 500 that is not the upstream's. */
        INTERNAL_ERROR,
        /** A connection neither brought an answer nor ended. */
        HANGS,
        /** A plain GET was not served. */
        NOT_SERVED
    }

    static Finding of(Kind kind, Input input, String sentence) {
        return new Finding(kind, input.number(), sentence, printable(input.text()));
    }

    /** Bytes, as {@code printf} takes them. */
    static String printable(String bytes) {
        var text = new StringBuilder();
        for (char c : bytes.toCharArray()) {
            if (c == '\r') text.append("\\r");
            else if (c == '\n') text.append("\\n");
            else if (c == '\\') text.append("\\\\");
            else if (c == '%') text.append("%%");
            else if (c < ' ' || c >= 0x7F || c == '\'') text.append(String.format("\\%03o", (int) c));
            else text.append(c);
        }
        return text.toString().replaceAll("x{200,}", "x…x");
    }

    @Override
    public String toString() {
        return kind + ": " + sentence + "\n  -Dinput=" + number + ": printf '" + input + "'";
    }
}
