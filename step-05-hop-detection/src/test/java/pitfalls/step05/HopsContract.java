package pitfalls.step05;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.net.InetAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Stream;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Guard;
import pitfalls.support.Headline;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawMessage;
import pitfalls.support.Why;

/** A proxy that ends loops, and keeps on a hop what belongs to it. */
public interface HopsContract extends LoopbackTest {
    /** The marker of the post's own service. */
    HopMark MARKER = HopMark.field("X-MiniKV-Forwarded");

    /** How many requests a loop may cause before the test ends it. */
    int ENOUGH = 10;

    /** The proxy under test, not started. */
    ProxyHandler newProxy(String target, HopMark mark);

    @Headline
    @Order(1)
    @TestFactory
    @Why(
            "The request went round until something else ended it. Two things are needed: a mark on what goes to the upstream, and a look for that mark before anything is sent. Jetty writes Via in addProxyHeaders, so a proxy that overrides it calls super.")
    default Stream<DynamicTest> a_proxy_that_forwards_to_itself_ends_after_one_extra_hop() {
        return marks(mark -> {
            var server = loopback.serveLater(ENOUGH);
            server.serve(newProxy(server.address().toString(), mark));

            var response =
                    loopback.connect(server.address()).sendRequest("GET /x").receiveResponse();

            assertThat(response.status())
                    .as("the status of a request that came back")
                    .isEqualTo(508);
            assertThat(response.field("Proxy-Status"))
                    .as("Proxy-Status of the response")
                    .containsExactly("reverse-proxy; error=proxy_loop_detected");
            assertThat(server.requests().count())
                    .as("requests within each other; more of them were forwarded after they were refused")
                    .isEqualTo(2);
        });
    }

    @Headline
    @Order(2)
    @TestFactory
    @Why(
            "The request comes back by way of another proxy. That one has to pass your mark on, and you have to know it as your own.")
    default Stream<DynamicTest> a_ring_of_two_proxies_ends_where_it_closes() {
        return marks(mark -> {
            var a = loopback.serveLater(ENOUGH);
            var b = loopback.serveLater(ENOUGH);
            a.serve(newProxy(b.address().toString(), mark));
            b.serve(newProxy(a.address().toString(), mark));

            var response = loopback.connect(a.address())
                    .sendRequest("POST /x", "Content-Length: 3")
                    .send("abc")
                    .receiveResponse();

            assertThat(response.status())
                    .as("the status of a request that came back")
                    .isEqualTo(508);
            assertThat(a.requests().count())
                    .as("requests at the first proxy of the ring; more of them were forwarded after they were refused")
                    .isLessThanOrEqualTo(2);
            assertThat(b.requests().count())
                    .as("requests that reached the second proxy of the ring")
                    .isEqualTo(1);
        });
    }

    @Why("Other proxies write Via as well. Only your own pseudonym says that the request was here " + "before.")
    @Guard
    @Order(4)
    @Test
    default void a_chain_of_three_proxies_is_no_loop_for_Via() throws Exception {
        var upstream = loopback.upstream(ok().body("served"));
        var c = newProxy(targetOf(upstream), HopMark.via());
        c.setViaHost("c");
        var b = newProxy(loopback.serve(c).toString(), HopMark.via());
        b.setViaHost("b");
        var a = newProxy(loopback.serve(b).toString(), HopMark.via());
        a.setViaHost("a");

        var response = loopback.connect(loopback.serve(a)).sendRequest("GET /x").receiveResponse();

        assertThat(response.body()).as("the body of the response").isEqualTo("served");
        assertThat(String.join(", ", received(upstream).getHeaders().values("Via")))
                .as("Via at the upstream")
                .isEqualTo("1.1 a, 1.1 b, 1.1 c");
    }

    @Test
    default void a_marker_reaches_the_upstream_once_and_tells_nothing() throws Exception {
        var upstream = loopback.upstream(ok());
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream), MARKER)));

        client.sendRequest("GET /x").receiveResponse();

        assertThat(received(upstream).getHeaders().values("X-MiniKV-Forwarded"))
                .as("X-MiniKV-Forwarded at the upstream")
                .containsExactly("1");
    }

    @Why("A client names fields in Connection, and the proxy leaves those out. A mark that was set "
            + "before that is left out too: set it behind.")
    @Headline
    @Order(3)
    @TestFactory
    default Stream<DynamicTest> a_client_cannot_erase_the_mark() {
        return marks(mark -> {
            var server = loopback.serveLater(ENOUGH);
            server.serve(newProxy(server.address().toString(), mark));

            var response = loopback.connect(server.address())
                    .sendRequest("GET /x", "Connection: X-MiniKV-Forwarded, Via")
                    .receiveResponse();

            assertThat(response.status())
                    .as("the status of a request that came back")
                    .isEqualTo(508);
            assertThat(server.requests().count())
                    .as("requests within each other; more of them were forwarded after they were refused")
                    .isEqualTo(2);
        });
    }

    @TestFactory
    default Stream<DynamicTest> a_pseudonym_is_found_wherever_it_stands_in_Via() {
        return Stream.of(
                        "Via: 1.1 edge-a",
                        "Via: 1.0 fred, 1.1 edge-a (a comment)",
                        "Via: 1.1 x\r\nVia: HTTP/1.1 EDGE-A",
                        "Via: 1.1 x,2.0  edge-a ,1.1 y")
                .map(via -> DynamicTest.dynamicTest(via.replace("\r\n", ", "), () -> {
                    var upstream = loopback.upstream();
                    var proxy = newProxy(targetOf(upstream), HopMark.via());
                    proxy.setViaHost("edge-a");
                    var client = loopback.connect(loopback.serve(proxy));

                    var response =
                            client.sendRequest("GET /x", via.split("\r\n")).receiveResponse();

                    assertThat(response.status())
                            .as("the status of the response")
                            .isEqualTo(508);
                    assertThat(upstream.getRequestCount())
                            .as("requests that were forwarded after they were refused")
                            .isZero();
                }));
    }

    @Why("Your neighbour may have a name that begins with yours: compare the whole pseudonym, " + "element by element.")
    @TestFactory
    default Stream<DynamicTest> a_name_that_only_looks_like_the_pseudonym_is_no_loop() {
        return Stream.of("1.1 edge-ab", "1.1 fred (edge-a)", "edge-a", "1.1 ,", "1.1 fred (a 5\" disk)")
                .map(via -> DynamicTest.dynamicTest(via, () -> {
                    var upstream = loopback.upstream(ok());
                    var proxy = newProxy(targetOf(upstream), HopMark.via());
                    proxy.setViaHost("edge-a");
                    var client = loopback.connect(loopback.serve(proxy));

                    var response = client.sendRequest("GET /x", "Via: " + via).receiveResponse();

                    assertThat(response.status())
                            .as("the status of the response")
                            .isEqualTo(200);
                }));
    }

    @TestFactory
    default Stream<DynamicTest> Via_names_the_protocol_that_was_received() {
        return Stream.of("1.0", "1.1", "2.0")
                .map(version -> DynamicTest.dynamicTest(version, () -> {
                    var upstream = loopback.upstream(ok());
                    var proxy = newProxy(targetOf(upstream), HopMark.via());
                    proxy.setViaHost("edge-a");
                    var http = new HttpConfiguration();
                    var server = loopback.serve(
                            proxy, new HttpConnectionFactory(http), new HTTP2CServerConnectionFactory(http));

                    if (version.equals("2.0"))
                        HttpClient.newBuilder()
                                .version(HttpClient.Version.HTTP_2)
                                .build()
                                .send(HttpRequest.newBuilder(server).build(), BodyHandlers.discarding());
                    else
                        loopback.connect(server)
                                .send("GET / HTTP/" + version + "\r\nHost: x\r\n\r\n")
                                .receiveResponse();

                    assertThat(received(upstream).getHeaders().get("Via"))
                            .as("Via at the upstream")
                            .isEqualTo(version + " edge-a");
                }));
    }

    @Test
    default void the_pseudonym_is_random_unless_set_and_never_the_name_of_the_machine() throws Exception {
        var upstream = loopback.upstream(ok(), ok());
        var first = loopback.connect(loopback.serve(newProxy(targetOf(upstream), HopMark.via())));
        var second = loopback.connect(loopback.serve(newProxy(targetOf(upstream), HopMark.via())));

        first.sendRequest("GET /x").receiveResponse();
        second.sendRequest("GET /x").receiveResponse();

        var names = List.of(
                received(upstream).getHeaders().get("Via"),
                received(upstream).getHeaders().get("Via"));
        assertThat(names)
                .as("the pseudonyms of several proxies")
                .doesNotHaveDuplicates()
                .allSatisfy(name -> assertThat(name)
                        .as("a pseudonym")
                        .doesNotContain(InetAddress.getLocalHost().getHostName()));
    }

    @TestFactory
    default Stream<DynamicTest> Max_Forwards_is_counted_down_for_TRACE_and_OPTIONS_only() {
        return Stream.of("TRACE 5 4", "OPTIONS 1 0", "OPTIONS 100 99", "GET 5 5", "GET 0 0", "OPTIONS x x")
                .map(row -> DynamicTest.dynamicTest(row, () -> {
                    var upstream = loopback.upstream(ok());
                    var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream), MARKER)));

                    client.sendRequest(row.split(" ")[0] + " /x", "Max-Forwards: " + row.split(" ")[1])
                            .receiveResponse();

                    assertThat(received(upstream).getHeaders().values("Max-Forwards"))
                            .as("Max-Forwards at the upstream")
                            .containsExactly(row.split(" ")[2]);
                }));
    }

    @Test
    default void a_loop_can_be_traced_to_its_end() throws Exception {
        var server = loopback.serveLater();
        server.serve(newProxy(server.address().toString(), HopMark.via()));

        var response = loopback.connect(server.address())
                .sendRequest("TRACE /x", "Max-Forwards: 1")
                .receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(200);
        assertThat(response.body()).as("the body of the response").contains("Via: 1.1 proxy-");
    }

    @Test
    default void Max_Forwards_named_in_Connection_counts_all_the_same() throws Exception {
        assertThat(seenBehind("OPTIONS", "Max-Forwards: 5", "Connection: Max-Forwards")
                        .field("Max-Forwards"))
                .as("Max-Forwards at the upstream")
                .containsExactly("4");
    }

    @Test
    default void OPTIONS_with_no_forwards_left_is_answered_here() throws Exception {
        var upstream = loopback.upstream();
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream), MARKER)));

        var response = client.sendRequest("OPTIONS *", "Max-Forwards: 0").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(200);
        assertThat(response.field("Allow"))
                .as("Allow of the response")
                .containsExactly("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE");
        assertThat(upstream.getRequestCount())
                .as("requests that were forwarded although Max-Forwards was 0")
                .isZero();
    }

    @Test
    default void TRACE_with_no_forwards_left_is_answered_here_without_its_secrets() throws Exception {
        var upstream = loopback.upstream();
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream), MARKER)));

        var response = client.sendRequest(
                        "TRACE /x?a=1",
                        "Max-Forwards: 0",
                        "Cookie: sid=alice",
                        "Authorization: Basic x",
                        "Proxy-Authorization: Basic x",
                        "X-Seen: yes")
                .receiveResponse();

        assertThat(response.field("Content-Type"))
                .as("Content-Type of the response")
                .containsExactly("message/http");
        assertThat(response.body())
                .as("the body of the response")
                .isEqualTo("TRACE /x?a=1 HTTP/1.1\r\nHost: www.example.com\r\nMax-Forwards: 0\r\nX-Seen: yes\r\n\r\n");
        assertThat(upstream.getRequestCount())
                .as("requests that were forwarded although Max-Forwards was 0")
                .isZero();
    }

    @Test
    default void a_field_that_the_upstream_names_in_Connection_ends_here() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(
                    "HTTP/1.1 200 OK\r\nConnection: close, X-Hop, Content-Length\r\nX-Hop: for the proxy only\r\n"
                            + "Keep-Alive: timeout=5\r\nX-End: for the client\r\nContent-Length: 2\r\n\r\nok");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), MARKER)));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.fieldNames())
                .as("the headers of the response")
                .contains("X-End")
                .doesNotContain("X-Hop", "Keep-Alive", "Connection");
        assertThat(response.field("Content-Length"))
                .as("Content-Length of the response")
                .containsExactly("2");
        assertThat(response.body()).as("the body of the response").isEqualTo("ok");
    }

    @Test
    default void a_field_that_Connection_names_ends_here_behind_Expect_100_continue() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            connection.send("HTTP/1.1 413 Too Large\r\nConnection: X-Hop, \"\r\nX-Hop: for the proxy only\r\n"
                    + "Content-Length: 2\r\n\r\nno");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), MARKER)));

        var response = client.sendRequest("POST /x", "Content-Length: 3", "Expect: 100-continue")
                .receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(413);
        assertThat(response.fieldNames()).as("the headers of the response").doesNotContain("X-Hop");
    }

    @Test
    default void Expect_named_in_Connection_holds_no_body_back() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            connection.send("HTTP/1.1 100 Continue\r\n\r\n");
            assertThat(connection.receive(3)).as("what the upstream received").isEqualTo("abc");
            connection.send("HTTP/1.1 204 No Content\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), MARKER)));

        client.sendRequest("POST /x", "Content-Length: 3", "Expect: 100-continue", "Connection: Expect");
        var interim = client.receiveResponse();
        var response = client.send("abc").receiveResponse();

        assertThat(List.of(interim.status(), response.status()))
                .as("the status of the interim and of the final response")
                .containsExactly(100, 204);
    }

    @Test
    default void a_field_that_an_interim_response_names_in_Connection_ends_here_too() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 103 Early Hints\r\nConnection: X-Hop\r\nX-Hop: for the proxy only\r\n"
                    + "Keep-Alive: timeout=5\r\nLink: </style.css>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), MARKER)));

        var interim = client.sendRequest("GET /x").receiveResponse();
        var response = client.receiveResponse();

        assertThat(List.of(interim.status(), response.status()))
                .as("the status of the interim and of the final response")
                .containsExactly(103, 204);
        assertThat(interim.fieldNames())
                .as("the headers of the interim response")
                .containsExactly("Link");
    }

    @Test
    default void Host_named_in_Connection_changes_nothing() throws Exception {
        var upstream = loopback.upstream(ok(), ok());
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream), MARKER)));

        client.sendRequest("GET /x").receiveResponse();
        client.sendRequest("GET /x", "Connection: Host").receiveResponse();

        assertThat(received(upstream).getHeaders().values("Host"))
                .as("Host at the upstream")
                .hasSize(1)
                .isEqualTo(received(upstream).getHeaders().values("Host"));
    }

    @Test
    default void TE_ends_here_also_where_Connection_does_not_name_it() throws Exception {
        assertThat(seenBehind("GET", "TE: gzip;q=0.5").field("TE"))
                .as("TE of the request at the upstream")
                .isEmpty();
    }

    @TestFactory
    default Stream<DynamicTest> what_a_status_has_to_carry_reaches_the_client() {
        return Stream.of(
                        "200 Vary: Accept",
                        "201 Location: /new",
                        "206 Content-Range: bytes 0-1/2",
                        "300 Alternates: {\"a\" 1}",
                        "301 Location: /moved",
                        "304 ETag: \"1\"",
                        "308 Location: /moved",
                        "401 WWW-Authenticate: Negotiate, Basic realm=\"a, b\"",
                        "401 WWW-Authenticate: Digest nonce=\"Ab==\", realm=\"a\"",
                        "405 Allow: GET, HEAD",
                        "407 Proxy-Authenticate: Basic realm=\"a\"",
                        "413 Retry-After: 5",
                        "415 Accept-Encoding: identity",
                        "416 Content-Range: bytes */2",
                        "426 Upgrade: TLS/1.3, websocket",
                        "429 Retry-After: 5",
                        "451 Link: </law>; rel=\"blocked-by\"",
                        "503 Retry-After: 5")
                .map(row -> DynamicTest.dynamicTest(row, () -> {
                    String status = row.substring(0, 3);
                    String field = row.substring(4);
                    boolean upgrade = field.startsWith("Upgrade");
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 " + status + " Reason\r\n"
                                + (upgrade ? "Connection: Upgrade\r\n" : "") + field + "\r\n"
                                + (status.equals("304") ? "" : "Content-Length: 0\r\n") + "\r\n");
                    });
                    var client = loopback.connect(loopback.serve(newProxy(upstream.target(), MARKER)));

                    var response = client.sendRequest("GET /x").receiveResponse();

                    assertThat(response.status())
                            .as("the status of the response")
                            .isEqualTo(Integer.parseInt(status));
                    assertThat(response.field(field.split(":")[0]))
                            .as("the field in the response")
                            .containsExactly(field.split(": ", 2)[1]);
                    if (upgrade)
                        assertThat(response.field("Connection"))
                                .as("Connection of the response")
                                .containsExactly("Upgrade");
                }));
    }

    @TestFactory
    default Stream<DynamicTest> what_only_one_status_has_to_carry_ends_here_with_others() {
        return Stream.of("Upgrade: h2,h2c", "Proxy-Authenticate: Basic realm=\"a\"")
                .map(field -> DynamicTest.dynamicTest(field, () -> {
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 200 OK\r\n" + field + "\r\nContent-Length: 0\r\n\r\n");
                    });
                    var client = loopback.connect(loopback.serve(newProxy(upstream.target(), MARKER)));

                    var response = client.sendRequest("GET /x").receiveResponse();

                    assertThat(response.fieldNames())
                            .as("the fields of the response")
                            .doesNotContain(field.split(":")[0], "Connection");
                }));
    }

    private RawMessage seenBehind(String method, String... fields) throws Exception {
        var seen = new LinkedBlockingQueue<RawMessage>();
        var upstream = loopback.scripted(connection -> {
            seen.add(connection.receiveRequest());
            connection.send("HTTP/1.1 204 No Content\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), MARKER)));
        client.sendRequest(method + " /x", fields).receiveResponse();
        return seen.remove();
    }

    /** A test for each way to mark. */
    interface MarkTest {
        void run(HopMark mark) throws Exception;
    }

    private static Stream<DynamicTest> marks(MarkTest test) {
        return Stream.of(
                DynamicTest.dynamicTest("by a marker", () -> test.run(MARKER)),
                DynamicTest.dynamicTest("by Via", () -> test.run(HopMark.via())));
    }

    @TestFactory
    default Stream<DynamicTest> a_transfer_coding_that_would_be_lost_on_this_hop_is_a_501() {
        return Stream.of("gzip, chunked", "gzip\r\nTransfer-Encoding: chunked", "x, GZIP , Chunked")
                .map(codings -> DynamicTest.dynamicTest(codings.replace("\r\n", ", "), () -> {
                    var upstream = loopback.upstream();
                    var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream), HopMark.via())));

                    var response = client.sendRequest("POST /x", "Transfer-Encoding: " + codings)
                            .send("3\r\nabc\r\n0\r\n\r\n")
                            .receiveResponse();

                    assertThat(response.status())
                            .as("the status of the response")
                            .isEqualTo(501);
                    assertThat(response.field("Proxy-Status"))
                            .as("Proxy-Status of the response")
                            .containsExactly("reverse-proxy; error=http_request_denied");
                    assertThat(upstream.getRequestCount())
                            .as("requests at the upstream")
                            .isZero();
                }));
    }
}
