package pitfalls.minikv;

/**
 * What has become of a {@link Command}: the same on every node, and the same again if the command comes again.
 *
 * @param verdict whether the change was made
 * @param index where the command stands in the log
 */
record Outcome(Verdict verdict, long index) {

    /** Whether a change was made, and why not. */
    enum Verdict {
        /** It was made. */
        APPLIED,
        /** The value would be longer than a value may be. */
        VALUE_TOO_LARGE,
        /** All values together would be larger than they may be. */
        STORE_FULL,
        /** Another request has used the same {@code Idempotency-Key}. */
        KEY_REUSED
    }

    @Override
    public String toString() {
        return verdict + " " + index;
    }

    /** Reads what {@link #toString} has written. */
    static Outcome parse(String text) {
        String[] parts = text.split(" ");
        return new Outcome(Verdict.valueOf(parts[0]), Long.parseLong(parts[1]));
    }
}
