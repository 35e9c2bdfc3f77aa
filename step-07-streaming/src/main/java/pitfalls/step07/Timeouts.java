package pitfalls.step07;

import java.time.Duration;
import pitfalls.step04.Setting;

/**
 * How long the proxy waits for what. Each limit is for a time in which nothing moves.
 *
 * <p>Zero is no limit for {@code response}, {@code stream} and {@code upgraded}. Danger: a machine that
 * loses its power or its network closes no connection, and what was open to it stays open for ever.
 *
 * @param connection for a free connection, where the upstream has as many as it may have; then the client gets 503. Not
 *     zero
 * @param response for the upstream's response; then the client gets 504. A connection in the pool is kept as long
 * @param head for the first byte of a response's body; then the head is sent without it. Until then a response that dies
 *     can become a 502, or be tried again; zero sends each head at once
 * @param stream for more of a response's body; then the response is broken off. Longer than the pauses of an event
 *     stream, which may send a comment now and then if it has nothing to say
 * @param upgraded for a byte in either direction, once a connection was upgraded, to a WebSocket for instance
 */
public record Timeouts(Duration connection, Duration response, Duration head, Duration stream, Duration upgraded) {

    /**
     * Limits, which are checked.
     *
     * @param connection one millisecond or more
     * @param response zero, or one millisecond or more
     * @param head zero, or one millisecond or more
     * @param stream zero, or one millisecond or more
     * @param upgraded zero, or one millisecond or more
     */
    public Timeouts {
        Setting.check(connection.toMillis() > 0, "connection", connection, "1 ms or more");
        Setting.check(isZeroOrMore(response), "response", response, "zero, or 1 ms or more");
        Setting.check(isZeroOrMore(head), "head", head, "zero, or 1 ms or more");
        Setting.check(isZeroOrMore(stream), "stream", stream, "zero, or 1 ms or more");
        Setting.check(isZeroOrMore(upgraded), "upgraded", upgraded, "zero, or 1 ms or more");
    }

    private static boolean isZeroOrMore(Duration limit) {
        return limit.isZero() || limit.toMillis() > 0;
    }

    /** {@return the default: 5 s for a connection, 30 s for a response, 100 ms for a head, 10 min for a stream, 1 h upgraded} */
    public static Timeouts defaults() {
        return new Timeouts(
                Duration.ofSeconds(5),
                Duration.ofSeconds(30),
                Duration.ofMillis(100),
                Duration.ofMinutes(10),
                Duration.ofHours(1));
    }

    /**
     * Limits like these.
     *
     * @param connection as in {@link Timeouts}
     * @return limits with that one
     */
    public Timeouts withConnection(Duration connection) {
        return new Timeouts(connection, response, head, stream, upgraded);
    }

    /**
     * Limits like these.
     *
     * @param response as in {@link Timeouts}
     * @return limits with that one
     */
    public Timeouts withResponse(Duration response) {
        return new Timeouts(connection, response, head, stream, upgraded);
    }

    /**
     * Limits like these.
     *
     * @param head as in {@link Timeouts}
     * @return limits with that one
     */
    public Timeouts withHead(Duration head) {
        return new Timeouts(connection, response, head, stream, upgraded);
    }

    /**
     * Limits like these.
     *
     * @param stream as in {@link Timeouts}
     * @return limits with that one
     */
    public Timeouts withStream(Duration stream) {
        return new Timeouts(connection, response, head, stream, upgraded);
    }

    /**
     * Limits like these.
     *
     * @param upgraded as in {@link Timeouts}
     * @return limits with that one
     */
    public Timeouts withUpgraded(Duration upgraded) {
        return new Timeouts(connection, response, head, stream, upgraded);
    }
}
