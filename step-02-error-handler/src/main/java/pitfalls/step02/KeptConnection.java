package pitfalls.step02;

/** A connection to an upstream that is kept for further requests, and which the upstream may be closing when the next one comes. */
public interface KeptConnection {
    /**
     * Tells whether a request may have met the end of this connection.
     *
     * @param nanoTime when the request came, as {@link System#nanoTime()} counts
     * @return whether the connection was open at that time already, and nothing has come on it since but the rest of earlier responses
     */
    boolean isUnansweredSince(long nanoTime);
}
