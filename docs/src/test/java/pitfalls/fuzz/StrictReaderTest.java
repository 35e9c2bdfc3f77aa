package pitfalls.fuzz;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The judge of what a proxy sends. */
class StrictReaderTest {
    private static final String GET = "GET / HTTP/1.1\r\nHost: x\r\n";

    @Test
    void one_request_after_the_other_is_read() throws Exception {
        var reader = new StrictReader(("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + "5;a=\"b;c\"\r\nhello\r\n0\r\nX: y\r\n\r\n" + GET + "Content-Length: 2\r\n\r\nhi")
                .getBytes(ISO_8859_1));

        var first = reader.readRequestHead();
        byte[] hello = reader.readBody(first, StrictReader.framingOfRequest(first));
        var second = reader.readRequestHead();
        byte[] hi = reader.readBody(second, StrictReader.framingOfRequest(second));

        assertThat(hello).asString().isEqualTo("hello");
        assertThat(hi).asString().isEqualTo("hi");
        assertThat(reader.readRequestHead()).isNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET / HTTP/1.2\r\nHost: x\r\n\r\n",
                "@GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET / HTTP/1.1\nHost: x\r\n\r\n",
                "GET / HTTP/1.1\r\n\r\n",
                GET + "Host: x\r\n\r\n",
                GET + "X : y\r\n\r\n",
                GET + "X: y\r\n z\r\n\r\n",
                GET + "X: \0\r\n\r\n",
                GET + "X: a\rb\r\n\r\n",
                GET + "Content-Length: +5\r\n\r\nhello",
                GET + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
                GET + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                GET + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
                GET + "Transfer-Encoding: chunked\r\n\r\n0 \r\n\r\n",
                GET + "Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
                GET + "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n"
            })
    void what_no_sender_may_send_is_malformed(String request) {
        assertThatThrownBy(() -> readRequest(request)).isInstanceOf(StrictReader.Malformed.class);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "GET",
                GET,
                GET + "Content-Length: 6\r\n\r\nhello",
                GET + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r",
                GET + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
            })
    void what_ends_too_soon_is_not_whole(String request) {
        assertThatThrownBy(() -> readRequest(request)).isInstanceOf(StrictReader.BrokenOff.class);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "HTTP/1.1 200\r\n\r\n",
                "HTTP/1.1 20 OK\r\n\r\n",
                "HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 103 X\r\nTransfer-Encoding: chunked\r\n\r\n",
                "http/1.1 200 OK\r\n\r\n"
            })
    void a_head_that_no_upstream_may_send_is_malformed(String response) {
        assertThatThrownBy(() -> new StrictReader(response.getBytes(ISO_8859_1)).readResponseHead())
                .isInstanceOf(StrictReader.Malformed.class);
    }

    private static void readRequest(String request) throws Exception {
        var reader = new StrictReader(request.getBytes(ISO_8859_1));
        var head = reader.readRequestHead();
        reader.readBody(head, StrictReader.framingOfRequest(head));
        reader.checkTrailers();
    }
}
