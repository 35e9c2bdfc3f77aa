package pitfalls.step07;

/** Which version of HTTP is spoken to upstreams. An address that begins with {@code h2c://} says so itself. */
public enum UpstreamProtocol {
    /** HTTP/1.1: each request in flight has a connection to itself. */
    HTTP_1_1,

    /**
     * HTTP/2: many requests share a connection. An upstream with {@code https://} has to agree by ALPN; one with {@code http://} has
     * to know before (RFC 9113, sections 3.2 and 3.3).
     */
    HTTP_2,

    /** HTTP/2 where an upstream with {@code https://} offers it, by ALPN (RFC 7301), and HTTP/1.1 elsewhere. */
    AUTO
}
