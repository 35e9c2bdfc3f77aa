package pitfalls.step01;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import mockwebserver3.RecordedRequest;
import okio.Buffer;
import okio.ByteString;
import org.eclipse.jetty.server.Handler;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Gate;
import pitfalls.support.Headline;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawMessage;
import pitfalls.support.Why;

/** What Jetty's reverse proxy gives for free, in every step: none of this is a pitfall. */
public interface MinimalContract extends LoopbackTest {

    /** What the tests look at first. */
    String THE_STATUS = "the status that the client got of the upstream's 200";

    /** The proxy under test, not started. */
    Handler newProxy(String target);

    @Why("The upstream must see what the client asked for, and a query is part of it: getPathQuery " + "has both.")
    @Headline
    @Order(1)
    @TestFactory
    default Stream<DynamicTest> path_and_query_arrive_byte_for_byte() {
        return Stream.of(
                        "/",
                        "/x?a=1",
                        "/x?",
                        "/a;x=1/b;y",
                        "/a+b?c+d=e+f",
                        "/x?a=%2F&b=%20+&c=;d",
                        "/x?a&b=&=c&&d",
                        "/%41%7e",
                        "/caf%C3%A9",
                        "/a%3Bb",
                        "/x?u=http://e/?y")
                .map(target -> DynamicTest.dynamicTest(target, () -> {
                    var upstream = loopback.upstream(ok());
                    var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream))));

                    var response = client.sendRequest("GET " + target).receiveResponse();

                    assertThat(response.status()).as(THE_STATUS).isEqualTo(200);
                    assertThat(received(upstream).getTarget())
                            .as("the target that the upstream has seen")
                            .isEqualTo(target);
                }));
    }

    @Why("The operator wrote the base path for a reason: the path of the client goes behind it, " + "not in its place.")
    @Headline
    @Order(2)
    @Test
    default void the_base_path_of_the_target_is_joined_with_exactly_one_slash() throws Exception {
        var upstream = loopback.upstream(ok(), ok());
        var withoutSlash = loopback.connect(loopback.serve(newProxy(targetOf(upstream) + "/base")));
        var withSlash = loopback.connect(loopback.serve(newProxy(targetOf(upstream) + "/base/")));

        var response = withoutSlash.sendRequest("GET /x?a=1").receiveResponse();
        withSlash.sendRequest("GET /x?a=1").receiveResponse();

        assertThat(response.status()).as(THE_STATUS).isEqualTo(200);
        assertThat(List.of(received(upstream).getTarget(), received(upstream).getTarget()))
                .as("the targets that the upstream has seen, for /base and for /base/")
                .containsOnly("/base/x?a=1");
    }

    @Headline
    @Order(3)
    @TestFactory
    @Why("A method is a part of what the client asks for: a DELETE that becomes a GET asks for something else.")
    default Stream<DynamicTest> every_method_is_forwarded() {
        return Stream.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
                .map(method -> DynamicTest.dynamicTest(method, () -> {
                    var upstream = loopback.upstream(ok().addHeader("X-Seen", method));
                    var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream))));

                    boolean hasBody = method.startsWith("P");
                    client.sendRequest(method + " /x", "Content-Length: " + (hasBody ? 3 : 0));
                    if (hasBody) client.send("abc");
                    var head = new RawMessage(client.receiveHead(), "", true);

                    assertThat(head.status()).as(THE_STATUS).isEqualTo(200);
                    var request = received(upstream);
                    assertThat(request.getMethod())
                            .as("the method at the upstream")
                            .isEqualTo(method);
                    assertThat(request.getBodySize())
                            .as("the bytes of the body at the upstream")
                            .isEqualTo(hasBody ? 3 : 0);
                    assertThat(head.field("X-Seen"))
                            .as("X-Seen of the response")
                            .containsExactly(method);
                }));
    }

    @Why("A client writes Host as it likes. Where a pattern does not match, the client's own URL "
            + "stays, and reaches any server inside.")
    @Headline
    @Order(4)
    @Test
    default void a_Host_field_never_picks_the_upstream() throws Exception {
        var upstream = loopback.upstream(ok());
        var internal = loopback.upstream(ok());
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream))));

        var response = client.send("GET /x HTTP/1.1\r\nHost: 127.0.0.1:" + internal.getPort() + "\r\n\r\n")
                .receiveResponse();

        assertThat(response.status()).as(THE_STATUS).isEqualTo(200);
        assertThat(internal.getRequestCount())
                .as("requests that the client has sent past the upstream")
                .isZero();
    }

    @Test
    default void a_body_of_one_mebibyte_arrives_byte_for_byte_both_ways() throws Exception {
        String mebibyte = IntStream.range(0, 1 << 20)
                .mapToObj(i -> String.valueOf((char) (i * 31 % 256)))
                .collect(Collectors.joining());
        var bytes = ByteString.of(mebibyte.getBytes(ISO_8859_1));
        var upstream = loopback.upstream(ok().body(new Buffer().write(bytes)));
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream))));

        var response = client.sendRequest("POST /x", "Content-Length: " + mebibyte.length())
                .send(mebibyte)
                .receiveResponse();

        assertThat(received(upstream).getBody()).as("the body at the upstream").isEqualTo(bytes);
        assertThat(response.complete())
                .as("whether the response looks complete")
                .isTrue();
        assertThat(response.body().equals(mebibyte)).as("the same bytes").isTrue();
    }

    @Test
    default void hop_by_hop_fields_of_the_request_end_here() throws Exception {
        var upstream = loopback.upstream(ok());
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream))));

        client.sendRequest(
                        "GET /x",
                        "Connection: keep-alive, X-Named",
                        "X-Named: only for the proxy",
                        "Keep-Alive: timeout=5",
                        "Proxy-Authorization: Basic c2VjcmV0",
                        "TE: gzip",
                        "X-End-To-End: yes")
                .receiveResponse();

        assertThat(received(upstream).getHeaders().names())
                .as("the headers at the upstream")
                .doesNotContain("Connection", "X-Named", "Keep-Alive", "Proxy-Authorization", "TE")
                .contains("X-End-To-End");
    }

    @Test
    default void repeated_fields_stay_separate_and_in_order() throws Exception {
        var upstream = loopback.upstream(ok().addHeader("Set-Cookie", "a=1")
                .addHeader("X-Dup", "one")
                .addHeader("Set-Cookie", "b=2")
                .addHeader("X-Dup", "two"));
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream))));

        var response = client.sendRequest("GET /x", "X-Dup: 1", "X-Other: o", "x-dup: 2", "X-Dup:", "X-Dup: 3")
                .receiveResponse();

        assertThat(received(upstream).getHeaders().values("X-Dup"))
                .as("X-Dup at the upstream")
                .containsExactly("1", "2", "", "3");
        assertThat(response.field("X-Dup")).as("X-Dup of the response").containsExactly("one", "two");
        assertThat(response.field("Set-Cookie"))
                .as("Set-Cookie of the response")
                .containsExactly("a=1", "b=2");
    }

    @Test
    default void a_redirect_is_left_to_the_client() throws Exception {
        var upstream = loopback.upstream(ok().code(302).addHeader("Location", "http://elsewhere.example/y"));
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream))));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(302);
        assertThat(response.field("Location"))
                .as("Location of the response")
                .containsExactly("http://elsewhere.example/y");
        assertThat(upstream.getRequestCount())
                .as("requests that reached the upstream")
                .isEqualTo(1);
    }

    @Test
    default void compressed_content_stays_compressed_and_is_not_asked_for() throws Exception {
        String gzip = "\u001f\u008b not really gzip, and nobody on the way may look";
        var upstream = loopback.upstream(
                ok().addHeader("Content-Encoding", "gzip").body(new Buffer().writeString(gzip, ISO_8859_1)));
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream))));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.body()).as("the body of the response").isEqualTo(gzip);
        assertThat(response.field("Content-Encoding"))
                .as("Content-Encoding of the response")
                .containsExactly("gzip");
        assertThat(received(upstream).getHeaders().names())
                .as("the headers at the upstream")
                .doesNotContain("Accept-Encoding");
    }

    @Why("A client of Jetty's keeps cookies, and sends the cookie of one user with the request of "
            + "another: it needs an empty cookie store.")
    @Test
    default void a_cookie_is_passed_on_and_never_kept() throws Exception {
        var upstream = loopback.upstream(ok().addHeader("Set-Cookie", "sid=alice; Path=/"), ok());
        var proxy = loopback.serve(newProxy(targetOf(upstream)));

        var alice = loopback.connect(proxy).sendRequest("GET /x", "Cookie: a=1").receiveResponse();
        loopback.connect(proxy).sendRequest("GET /x").receiveResponse();

        assertThat(alice.field("Set-Cookie"))
                .as("Set-Cookie of the first response")
                .containsExactly("sid=alice; Path=/");
        assertThat(List.of(received(upstream), received(upstream)))
                .as("the cookies that came with the requests of two users")
                .extracting((RecordedRequest request) -> request.getHeaders().get("Cookie"))
                .containsExactly("a=1", null);
    }

    @Test
    default void a_chunk_of_the_response_is_passed_on_before_the_next_one_exists() throws Exception {
        var firstChunkArrived = new Gate("the client has received the first chunk");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
            firstChunkArrived.await();
            connection.send("3\r\ntwo\r\n0\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.sendRequest("GET /events").receiveHead();
        String first = client.receiveChunk();
        firstChunkArrived.open();
        String second = client.receiveChunk();

        assertThat(List.of(first, second, client.receiveChunk()))
                .as("the chunks that the client received")
                .containsExactly("one", "two", "");
    }

    @Test
    default void a_chunk_of_the_request_is_passed_on_before_the_next_one_exists() throws Exception {
        var firstChunkArrived = new Gate("the upstream has received the first chunk");
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            String first = connection.receiveChunk();
            firstChunkArrived.open();
            String body = first + "," + connection.receiveChunk() + "," + connection.receiveChunk();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.sendRequest("POST /upload", "Transfer-Encoding: chunked").send("3\r\none\r\n");
        firstChunkArrived.await();
        var response = client.send("3\r\ntwo\r\n0\r\n\r\n").receiveResponse();

        assertThat(response.body()).as("the body of the response").isEqualTo("one,two,");
    }
}
