package pitfalls.docs;

import java.util.List;
import java.util.stream.Stream;

/** Messages that two programs may read differently. */
final class Ambiguities {
    /** Requests, of which each has a fault. */
    static final List<String> REQUESTS = Stream.of(
                    "POST / HTTP/1.1\nHost: a\nContent-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n",
                    "POST / HTTP/1.1\nHost: a\nContent-Length: 5\nContent-Length: 6\n\nhello!",
                    "POST / HTTP/1.1\nHost: a\nContent-Length: 5, 6\n\nhello!",
                    "POST / HTTP/1.1\nHost: a\nContent-Length: +5\n\nhello",
                    "POST / HTTP/1.1\nHost: a\nContent-Length: 0x5\n\nhello",
                    "POST / HTTP/1.1\nHost: a\nContent-Length: -1\n\nhello",
                    "POST / HTTP/1.1\nHost: a\nContent-Length: 5 6\n\nhello",
                    "POST / HTTP/1.1\nHost: a\nContent-Length : 5\n\nhello",
                    "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: xchunked\n\n0\n\n",
                    "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked, identity\n\n0\n\n",
                    "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked, chunked\n\n0\n\n",
                    "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTransfer-Encoding: xchunked\n\n0\n\n",
                    "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: \u000bchunked\n\n0\n\n",
                    "POST / HTTP/1.1\nHost: a\nTransfer-Encoding : chunked\n\n0\n\n",
                    "POST / HTTP/1.1\nHost: a\nX: y\n Transfer-Encoding: chunked\n\n",
                    "POST / HTTP/1.0\nHost: a\nTransfer-Encoding: chunked\n\n0\n\n",
                    "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0x5\nhello\n0\n\n",
                    "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n-5\nhello\n0\n\n",
                    "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n5\nhelloxx0\n\n",
                    "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\nfffffffff5\nhello\n0\n\n",
                    "GET / HTTP/1.1\nHost: a\nHost: b\n\n",
                    "GET / HTTP/1.1\n\n",
                    "GET / HTTP/1.1\nHost: a b\n\n",
                    "GET / HTTP/1.1\nHost: a\nX\u0000Y: z\n\n",
                    "GET / HTTP/1.1\nHost: a\nX: y\u0000z\n\n",
                    "GET / HTTP/1.1\nHost: a\n: empty\n\n",
                    "GET / HTTP/1.1\nHost: a\nno colon\n\n",
                    "@GET / HTTP/1.1\nHost: a\n\n",
                    "GET /a b HTTP/1.1\nHost: a\n\n",
                    "GET / HTTP/1.1 \nHost: a\n\n")
            .map(text -> text.replace("\n", "\r\n"))
            .toList();

    /** Responses, of which each has a fault. */
    static final List<String> RESPONSES = Stream.of(
                    "HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n",
                    "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6\n\nhello!",
                    "HTTP/1.1 200 OK\nContent-Length: 5, 6\n\nhello!",
                    "HTTP/1.1 200 OK\nContent-Length: +5\n\nhello",
                    "HTTP/1.1 200 OK\nContent-Length: 0x5\n\nhello",
                    "HTTP/1.1 200 OK\nContent-Length: -5\n\nhello",
                    "HTTP/1.1 200 OK\nContent-Length: x\n\nhello",
                    "HTTP/1.1 200 OK\nContent-Length : 5\n\nhello",
                    "HTTP/1.1 200 OK\nTransfer-Encoding: xchunked\n\n0\n\n",
                    "HTTP/1.1 200 OK\nTransfer-Encoding: chunked, identity\n\n0\n\n",
                    "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTransfer-Encoding: x\n\n0\n\n",
                    "HTTP/1.1 200 OK\nX: y\n folded\nContent-Length: 5\n\nhello",
                    "HTTP/1.1 200 OK\nX\u0000Y: z\nContent-Length: 5\n\nhello",
                    "HTTP/1.1 200 OK\nX: y\u0000z\nContent-Length: 5\n\nhello",
                    "HTTP/1.1 200 OK\n: empty\nContent-Length: 5\n\nhello",
                    "HTTP/1.1 200 OK\nno colon\nContent-Length: 5\n\nhello",
                    "HTTP/1.1 200 O\u0000K\nContent-Length: 5\n\nhello",
                    "HTTP/1.1 20 OK\nContent-Length: 5\n\nhello",
                    "HTTP/1.1 2000 OK\nContent-Length: 5\n\nhello",
                    "HTTP/9.1 200 OK\nContent-Length: 5\n\nhello",
                    "HTTP/1.1200 OK\nContent-Length: 5\n\nhello",
                    "hello")
            .map(text -> text.replace("\n", "\r\n"))
            .toList();

    private Ambiguities() {}
}
