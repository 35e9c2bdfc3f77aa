package pitfalls.step07;

import java.time.Duration;
import pitfalls.step04.Setting;

/**
 * How long the proxy waits for whom. Each limit is for a time in which nothing moves, and for one side: it does not run while the
 * proxy waits for the other side.
 *
 * <p>Zero is no limit for {@code response}, {@code stream}, {@code client} and {@code upgraded}. Danger: a machine that
 * loses its power or its network closes no connection, and what was open to it stays open for ever.
 *
 * @param connection for a free connection, where the upstream has as many as it may have; then the client gets 503. Not
 *     zero
 * @param response for the upstream's response, once the request was sent; then the client gets 504. A connection in the pool is
 *     kept as long
 * @param head for the first byte of a response's body; then the head is sent without it. Until then a response that dies
 *     can become a 502, or be tried again; zero sends each head at once
 * @param stream for more of a response's body; then the response is broken off. Longer than the pauses of an event
 *     stream, which may send a comment now and then if it has nothing to say
 * @param client for more of the client's upload, or until the client takes more of the response. Then the client gets 408, or
 *     the response is broken off if it has begun
 * @param upgraded for a byte in either direction, once a connection was upgraded, to a WebSocket for instance
 */
public record Timeouts(
        Duration connection, Duration response, Duration head, Duration stream, Duration client, Duration upgraded) {

    /**
     * Limits, which are checked.
     *
     * @param connection one millisecond or more
     * @param response zero, or one millisecond or more
     * @param head zero, or one millisecond or more
     * @param stream zero, or one millisecond or more
     * @param client zero, or one millisecond or more
     * @param upgraded zero, or one millisecond or more
     */
    public Timeouts {
        Setting.check(connection.toMillis() > 0, "connection", connection, "1 ms or more");
        Setting.check(isZeroOrMore(response), "response", response, "zero, or 1 ms or more");
        Setting.check(isZeroOrMore(head), "head", head, "zero, or 1 ms or more");
        Setting.check(isZeroOrMore(stream), "stream", stream, "zero, or 1 ms or more");
        Setting.check(isZeroOrMore(client), "client", client, "zero, or 1 ms or more");
        Setting.check(isZeroOrMore(upgraded), "upgraded", upgraded, "zero, or 1 ms or more");
    }

    private static boolean isZeroOrMore(Duration limit) {
        return limit.isZero() || limit.toMillis() > 0;
    }

    /** {@return the default: 5 s for a connection, 60 s for a response, 100 ms for a head, 10 min for a stream and for a client, 1 h
     *     upgraded} */
    public static Timeouts defaults() {
        return new Timeouts(
                Duration.ofSeconds(5),
                Duration.ofSeconds(60),
                Duration.ofMillis(100),
                Duration.ofMinutes(10),
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
        return new Timeouts(connection, response, head, stream, client, upgraded);
    }

    /**
     * Limits like these.
     *
     * @param response as in {@link Timeouts}
     * @return limits with that one
     */
    public Timeouts withResponse(Duration response) {
        return new Timeouts(connection, response, head, stream, client, upgraded);
    }

    /**
     * Limits like these.
     *
     * @param head as in {@link Timeouts}
     * @return limits with that one
     */
    public Timeouts withHead(Duration head) {
        return new Timeouts(connection, response, head, stream, client, upgraded);
    }

    /**
     * Limits like these.
     *
     * @param stream as in {@link Timeouts}
     * @return limits with that one
     */
    public Timeouts withStream(Duration stream) {
        return new Timeouts(connection, response, head, stream, client, upgraded);
    }

    /**
     * Limits like these.
     *
     * @param client as in {@link Timeouts}
     * @return limits with that one
     */
    public Timeouts withClient(Duration client) {
        return new Timeouts(connection, response, head, stream, client, upgraded);
    }

    /**
     * Limits like these.
     *
     * @param upgraded as in {@link Timeouts}
     * @return limits with that one
     */
    public Timeouts withUpgraded(Duration upgraded) {
        return new Timeouts(connection, response, head, stream, client, upgraded);
    }
}
