package pitfalls.support;

/** Why a test of an exercise failed, in the parts that a reader looks at one after the other. */
public final class ExerciseFailure extends AssertionError {
    private static final long serialVersionUID = 1L;

    private final String reason;
    private final String wire;
    private final long millis = System.currentTimeMillis();

    /**
     * @param reason what was looked at, what it should have been, and what it was
     * @param wire what the client sent and received; empty if there is nothing new to show
     * @param last where to look now
     * @param cause what was thrown; {@code null} if an assertion failed
     */
    ExerciseFailure(String reason, String wire, String last, Throwable cause) {
        super("\n" + reason + (wire.isEmpty() ? "" : "\n\n" + wire) + "\n\n" + last + "\n", cause);
        this.reason = reason;
        this.wire = wire;
        if (cause == null) setStackTrace(new StackTraceElement[0]);
    }

    /** What was looked at, what it should have been, and what it was. */
    public String reason() {
        return reason;
    }

    /** What the client sent and received; empty if an earlier failure of the same test shows it. */
    public String wire() {
        return wire;
    }

    /** When it failed, in milliseconds since 1970: what is logged later comes from the end of the test. */
    public long millis() {
        return millis;
    }
}
