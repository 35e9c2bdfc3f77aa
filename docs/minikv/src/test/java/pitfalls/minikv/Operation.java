package pitfalls.minikv;

/**
 * What a client has asked of a key, and what it was told.
 *
 * @param kind what was asked
 * @param key of which key
 * @param text what was put or appended, or what was read ({@code null}: no value)
 * @param begin when the client sent the first byte, in nanoseconds
 * @param end when it had the answer; {@link #NEVER} if it got none from which it could know what has become of the change
 */
record Operation(Kind kind, String key, String text, long begin, long end) {
    /** Nobody knows whether the change was made, or will be. */
    static final long NEVER = Long.MAX_VALUE;

    enum Kind {
        READ,
        PUT,
        APPEND,
        DELETE
    }

    boolean isKnown() {
        return end != NEVER;
    }
}
