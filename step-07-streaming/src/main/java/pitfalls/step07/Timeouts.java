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
     * Checks the limits.
     *
     * @throws IllegalArgumentException if one of them is neither zero nor 1 ms or more; {@code connection} cannot be zero
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

    /** {@return 5 s for a connection, 60 s for a response, 100 ms for a head, 10 min for a stream and a client, 1 h for an upgrade} */
    public static Timeouts defaults() {
        return new Timeouts(
                Duration.ofSeconds(5),
                Duration.ofSeconds(60),
                Duration.ofMillis(100),
                Duration.ofMinutes(10),
                Duration.ofMinutes(10),
                Duration.ofHours(1));
    }

    /** {@return limits like these, with this one instead} */
    public Timeouts withConnection(Duration connection) {
        return new Timeouts(connection, response, head, stream, client, upgraded);
    }

    /** {@return limits like these, with this one instead} */
    public Timeouts withResponse(Duration response) {
        return new Timeouts(connection, response, head, stream, client, upgraded);
    }

    /** {@return limits like these, with this one instead} */
    public Timeouts withHead(Duration head) {
        return new Timeouts(connection, response, head, stream, client, upgraded);
    }

    /** {@return limits like these, with this one instead} */
    public Timeouts withStream(Duration stream) {
        return new Timeouts(connection, response, head, stream, client, upgraded);
    }

    /** {@return limits like these, with this one instead} */
    public Timeouts withClient(Duration client) {
        return new Timeouts(connection, response, head, stream, client, upgraded);
    }

    /** {@return limits like these, with this one instead} */
    public Timeouts withUpgraded(Duration upgraded) {
        return new Timeouts(connection, response, head, stream, client, upgraded);
    }
}
