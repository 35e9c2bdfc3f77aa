package pitfalls.step02;

import java.util.stream.Stream;

/**
 * A response as an upstream may frame it, and what a client gets of it. nginx 1.22, HAProxy 2.6 and Caddy 2.6 were asked the same;
 * a comment names those that do otherwise.
 *
 * @param method of the request
 * @param response what the upstream sends, with {@code |} for CRLF, before it ends the connection
 * @param expected the status, and the body or the error
 */
record Framing(String method, String response, String expected) {

    private static Framing get(String response, String expected) {
        return new Framing("GET", response, expected);
    }

    private static Framing head(String response, String expected) {
        return new Framing("HEAD", response, expected);
    }

    /** RFC 9112, section 6.3, case by case, and what is around it. */
    static Stream<Framing> all() {
        String ok = "HTTP/1.1 200 OK|";
        String chunks = "|5|hello|0||";
        return Stream.of(
                get("HTTP/1.1 41|Content-Length: 5||hello", "502 http_protocol_error"), // no status of HTTP's
                // 1. no body, whatever the fields say
                get("HTTP/1.1 204 No Content|Content-Length: 0||", "204"),
                get("HTTP/1.1 204 No Content|Content-Length: 5||", "204"),
                get("HTTP/1.1 204 No Content|Content-Length: 5||hello", "204"),
                get("HTTP/1.1 204 No Content|Transfer-Encoding: chunked|" + chunks, "204"),
                get("HTTP/1.1 204 No Content||hello", "204"),
                get("HTTP/1.1 204 No Content||" + ok + "Content-Length: 4||evil", "204"),
                get("HTTP/1.1 304 Not Modified|Content-Length: 5||", "304 of 5"), // Caddy without the length
                get("HTTP/1.1 304 Not Modified|Content-Length: 5||hello", "304 of 5"),
                get("HTTP/1.1 304 Not Modified|Transfer-Encoding: chunked||", "304"),
                get("HTTP/1.1 304 Not Modified|Transfer-Encoding: gzip, chunked|" + chunks, "304"),
                head(ok + "Content-Length: 5||", "200 of 5"),
                head(ok + "Content-Length: 5||hello", "200 of 5"),
                head(ok + "Transfer-Encoding: chunked||", "200"),
                head(ok + "Transfer-Encoding: gzip, chunked||", "200"),
                head(ok + "Transfer-Encoding: chunked|Content-Length: 5||", "200"),
                head("HTTP/1.1 204 No Content|Content-Length: 5||", "204"),
                get("HTTP/1.1 103 Early Hints|Content-Length: 5||" + ok + "Content-Length: 5||hello", "200 hello"),
                get(
                        "HTTP/1.1 103 Early Hints|Transfer-Encoding: chunked||" + ok + "Content-Length: 5||hello",
                        "200 hello"),
                get("HTTP/1.1 103 Early Hints||".repeat(100) + ok + "Content-Length: 5||hello", "200 hello"),
                get("HTTP/1.1 103 Early Hints||HTTP/1.1 204 No Content|Content-Length: 5||", "204"),
                get("HTTP/1.1 103 Early Hints||", "502 http_response_incomplete"),
                // a 205 has a body in RFC 9112 and none in RFC 9110: read by the one, written by the other; the others
                // pass it
                get("HTTP/1.1 205 Reset Content|Content-Length: 0||", "205"),
                get("HTTP/1.1 205 Reset Content|Content-Length: 5||hello", "205"),
                get("HTTP/1.1 205 Reset Content|Transfer-Encoding: chunked||0||", "205"),
                get("HTTP/1.1 205 Reset Content|Transfer-Encoding: chunked|" + chunks, "205"),
                get("HTTP/1.1 205 Reset Content||", "205"),
                get("HTTP/1.1 205 Reset Content||hello", "205"),
                head("HTTP/1.1 205 Reset Content|Content-Length: 5||", "205"),
                // 3. Transfer-Encoding counts, and Content-Length does not
                get(ok + "Transfer-Encoding: chunked|Content-Length: 3|" + chunks, "200 hello"),
                get(ok + "Content-Length: 3|Transfer-Encoding: chunked|" + chunks, "200 hello"),
                get(ok + "Content-Length: 9|Transfer-Encoding: chunked|Connection: X-Other|" + chunks, "200 hello"),
                // 4. the codings
                get(ok + "Transfer-Encoding: CHUNKED|" + chunks, "200 hello"),
                get("HTTP/1.0 200 OK|Transfer-Encoding: chunked|" + chunks, "200 hello"),
                get(
                        ok + "Transfer-Encoding: gzip, chunked|" + chunks,
                        "502 http_protocol_error"), // nginx passes the bytes
                get(
                        ok + "Transfer-Encoding: gzip|Transfer-Encoding: chunked|" + chunks,
                        "502 http_protocol_error"), // nginx passes the bytes
                get(ok + "Transfer-Encoding: gzip||hello", "502 http_protocol_error"), // nginx passes the bytes
                get(
                        ok + "Transfer-Encoding: chunked, gzip|" + chunks,
                        "502 http_protocol_error"), // nginx passes the bytes
                get(
                        ok + "Transfer-Encoding: chunked|Transfer-Encoding: chunked|" + chunks,
                        "502 http_protocol_error"), // nginx takes it for one
                get(ok + "Transfer-Encoding: identity||hello", "502 http_protocol_error"), // nginx ignores it
                get(ok + "Transfer-Encoding: |Content-Length: 5||hello", "502 http_protocol_error"), // nginx ignores it
                // 5. the lengths
                get(ok + "Content-Length: 5|Content-Length: 5||hello", "200 hello"),
                get(ok + "Content-Length: 5, 5||hello", "502 http_protocol_error"), // HAProxy takes it for one
                get(ok + "Content-Length: 5|Content-Length: 6||hello", "502 http_protocol_error"),
                get(ok + "Content-Length: -5||hello", "502 http_protocol_error"),
                get(ok + "Content-Length: +5||hello", "502 http_protocol_error"),
                get(ok + "Content-Length: 5x||hello", "502 http_protocol_error"),
                get(ok + "Content-Length: ||hello", "502 http_protocol_error"), // nginx and Caddy read to the end
                get(ok + "Content-Length: 99999999999999999999||hello", "502 http_protocol_error"),
                get(ok + "Content-Length: 0||", "200"),
                get(ok + "Content-Length: 5||helloHTTP/1.1 200 OK|Content-Length: 4||evil", "200 hello"),
                get("HTTP/1.0 200 OK|Content-Length: 5|Connection: keep-alive||hello", "200 hello"),
                // 8. to the end of the connection
                get(ok + "|hello", "200 hello"),
                get(ok + "|", "200"),
                get("HTTP/1.0 200 OK||hello", "200 hello"),
                get("HTTP/1.0 200 OK|Connection: keep-alive||hello", "200 hello"),
                // chunks
                get(ok + "Transfer-Encoding: chunked||5;a=b|hello|0||", "200 hello"),
                get(ok + "Transfer-Encoding: chunked||5\nhello\n0\n\n", "200 hello"),
                get(ok + "Transfer-Encoding: chunked||5|hello|0|Content-Length: 7||", "200 hello"),
                get(
                        ok + "Transfer-Encoding: chunked||5 |hello|0||",
                        "502 http_response_incomplete"), // the others ignore it
                get(ok + "Transfer-Encoding: chunked||five|hello|0||", "502 http_response_incomplete"),
                // start lines
                get("HTTP/1.1 200|Content-Length: 5||hello", "200 hello"),
                get("HTTP/1.1 200 |Content-Length: 5||hello", "200 hello"),
                get("|HTTP/1.1 200 OK|Content-Length: 5||hello", "200 hello"), // nginx and Caddy refuse it
                get("http/1.1 200 OK|Content-Length: 5||hello", "200 hello"), // the others refuse it
                get("HTTP/1.2 200 OK|Content-Length: 5||hello", "502 http_protocol_error"), // the others understand it
                get(
                        "HTTP/0.9 200 OK|Content-Length: 5||hello",
                        "502 http_protocol_error"), // HAProxy and Caddy pass it on
                get("ICY 200 OK|Content-Length: 5||hello", "502 http_protocol_error"),
                get("HTTP/1.1 99 X|Content-Length: 5||hello", "502 http_protocol_error"), // HAProxy passes it on
                get("HTTP/1.1 1000 X|Content-Length: 5||hello", "502 http_protocol_error"), // HAProxy passes it on
                get("HTTP/1.1 2x0 X|Content-Length: 5||hello", "502 http_protocol_error"),
                get("HTTP/1.1 999 X|Content-Length: 5||hello", "999 hello"),
                // fields
                get("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "200 hello"),
                get(ok + "X-Folded: one| two|Content-Length: 5||hello", "200 hello"), // nginx refuses it
                get(ok + " X-Folded: one|Content-Length: 5||hello", "502 http_protocol_error"),
                get(ok + "Content-Length : 5||hello", "200 hello"), // nginx and HAProxy refuse it
                get(ok + "X-Other|Content-Length: 5||hello", "502 http_protocol_error"), // nginx drops it
                get(ok + ": 1|Content-Length: 5||hello", "502 http_protocol_error"), // Caddy passes it on
                get(
                        ok + "X-Other: a\u0000b|Content-Length: 5||hello",
                        "502 http_protocol_error"), // nginx refuses it too
                get(
                        ok + "X-Other: a\u0001b|Content-Length: 5||hello",
                        "502 http_protocol_error")); // the others pass it on
    }

    /** The bytes on the wire. */
    String bytes() {
        return response.replace("|", "\r\n");
    }
}
