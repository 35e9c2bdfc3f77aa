package pitfalls.step06;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.io.EOFException;
import java.io.IOException;
import java.net.SocketException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Stream;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step03.Upstream;
import pitfalls.step04.RetryPolicy;
import pitfalls.support.Gate;
import pitfalls.support.Headline;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream.Script;
import pitfalls.support.Why;

/** A proxy that chooses the upstream for each request, and tells it the truth about the client. */
public interface DirectorContract extends LoopbackTest {

    /** What the tests look at first. */
    String THE_STATUS = "the status that the client got of the chosen upstream's 200";

    /** The proxy under test, not started. */
    ProxyHandler newProxy(Director director, RetryPolicy policy, String... trustedPeers);

    /** The proxy under test, without retries and trusting nobody. */
    default ProxyHandler newProxy(Director director) {
        return newProxy(director, RetryPolicy.none());
    }

    @Headline
    @Order(1)
    @Test
    @Why("The leader changes while the proxy runs, so the upstream is chosen for each request, and not once for all.")
    default void each_request_goes_to_the_upstream_that_the_director_chooses() throws Exception {
        var red = loopback.upstream(ok().body("red"));
        var blue = loopback.upstream(ok().body("blue"));
        var director = Director.byField("X-Tenant", Map.of("red", targetOf(red), "blue", targetOf(blue)));
        var client = loopback.connect(loopback.serve(newProxy(director)));

        var first = client.sendRequest("GET /x", "X-Tenant: blue").receiveResponse();
        var second = client.sendRequest("GET /x", "X-Tenant: red").receiveResponse();

        assertThat(List.of(first.body(), second.body()))
                .as("who answered the two requests")
                .containsExactly("blue", "red");
    }

    @Why("Several sites may live on one upstream, and Host chooses among them: with the client's "
            + "own, the wrong one answers.")
    @Headline
    @Order(2)
    @Test
    default void Host_is_the_authority_of_the_upstream() throws Exception {
        var upstream = loopback.upstream(ok());
        var client = loopback.connect(loopback.serve(newProxy(Director.fixed(targetOf(upstream)))));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as(THE_STATUS).isEqualTo(200);
        var fields = received(upstream).getHeaders();
        assertThat(fields.values("Host"))
                .as("many upstreams route by it")
                .containsExactly("127.0.0.1:" + upstream.getPort());
        assertThat(fields.values("X-Forwarded-Host"))
                .as("X-Forwarded-Host of the request at the upstream")
                .containsExactly("www.example.com");
    }

    @Why("If nobody is the leader, nobody may get the request: whoever gets it all the same may " + "act on it.")
    @Headline
    @Order(3)
    @Test
    default void no_upstream_known_is_a_503_and_nothing_is_sent() throws Exception {
        var other = loopback.upstream();
        var director = Director.byField("X-Tenant", Map.of("red", targetOf(other)));
        var client = loopback.connect(loopback.serve(newProxy(director)));

        var response = client.sendRequest("GET /x", "X-Tenant: green").receiveResponse();

        assertThat(response.status())
                .as("the status of a request without an upstream")
                .isEqualTo(503);
        assertThat(response.field("Proxy-Status"))
                .as("Proxy-Status of the response")
                .containsExactly("reverse-proxy; error=destination_not_found");
        assertThat(response.field("Content-Type"))
                .as("Content-Type of the response")
                .containsExactly("application/problem+json");
        assertThat(other.getRequestCount())
                .as("requests that were forwarded after they were refused")
                .isZero();
    }

    @Why("Anybody can write X-Forwarded-For. If what the client wrote stays in front of what you "
            + "add, the upstream believes the client.")
    @Headline
    @Order(4)
    @Test
    default void what_a_client_says_of_itself_is_replaced_by_what_the_proxy_sees() throws Exception {
        var upstream = loopback.upstream(ok());
        var client = loopback.connect(loopback.serve(newProxy(Director.fixed(targetOf(upstream)))));

        var response = client.sendRequest(
                        "GET /x",
                        "X-Forwarded-For: 6.6.6.6",
                        "x-forwarded-host: evil.example",
                        "X-Forwarded-Proto: https",
                        "X-Forwarded-Prefix: /admin",
                        "X_Forwarded_For: 6.6.6.6",
                        "Forwarded: for=6.6.6.6;proto=https",
                        "Forwarded: for=7.7.7.7")
                .receiveResponse();

        assertThat(response.status()).as(THE_STATUS).isEqualTo(200);
        var fields = received(upstream).getHeaders();
        assertThat(fields.values("X-Forwarded-For"))
                .as("what the upstream is told of the client")
                .containsExactly("127.0.0.1");
        assertThat(fields.values("X-Forwarded-Host"))
                .as("X-Forwarded-Host of the request at the upstream")
                .containsExactly("www.example.com");
        assertThat(fields.values("X-Forwarded-Proto"))
                .as("X-Forwarded-Proto of the request at the upstream")
                .containsExactly("http");
        assertThat(fields.names())
                .as("the headers of the request at the upstream")
                .doesNotContain("X-Forwarded-Prefix", "X_Forwarded_For");
        assertThat(fields.values("Forwarded"))
                .as("Forwarded of the request at the upstream")
                .containsExactly("for=127.0.0.1;host=\"www.example.com\";proto=http");
    }

    @Test
    @Order(5)
    default void what_a_trusted_peer_says_is_kept_and_its_lists_grow() throws Exception {
        var upstream = loopback.upstream(ok());
        var proxy = newProxy(Director.fixed(targetOf(upstream)), RetryPolicy.none(), "10.0.0.0/8", "127.0.0.0/8");
        var client = loopback.connect(loopback.serve(proxy));

        client.sendRequest(
                        "GET /x",
                        "X-Forwarded-For: 203.0.113.7",
                        "X-Forwarded-For:",
                        "X-Forwarded-For: 10.1.2.3",
                        "X-Forwarded-Host: shop.example",
                        "X-Forwarded-Proto: https",
                        "X-Forwarded-Port: 443",
                        "X-Forwarded-Prefix: /shop",
                        "Forwarded: for=203.0.113.7;host=\"a, b\";proto=https",
                        "Forwarded: for=10.1.2.3")
                .receiveResponse();

        var fields = received(upstream).getHeaders();
        assertThat(fields.values("X-Forwarded-For"))
                .as("X-Forwarded-For of the request at the upstream")
                .containsExactly("203.0.113.7, 10.1.2.3, 127.0.0.1");
        assertThat(fields.values("X-Forwarded-Host"))
                .as("X-Forwarded-Host of the request at the upstream")
                .containsExactly("shop.example");
        assertThat(fields.values("X-Forwarded-Proto"))
                .as("X-Forwarded-Proto of the request at the upstream")
                .containsExactly("https");
        assertThat(fields.values("X-Forwarded-Port"))
                .as("X-Forwarded-Port of the request at the upstream")
                .containsExactly("443");
        assertThat(fields.values("X-Forwarded-Prefix"))
                .as("X-Forwarded-Prefix of the request at the upstream")
                .containsExactly("/shop");
        assertThat(fields.values("Forwarded"))
                .as("Forwarded of the request at the upstream")
                .containsExactly("for=203.0.113.7;host=\"a, b\";proto=https, for=10.1.2.3,"
                        + " for=127.0.0.1;host=\"www.example.com\";proto=http");
    }

    @TestFactory
    default Stream<DynamicTest> an_address_by_another_name_is_dropped_unless_the_peer_is_trusted() {
        return Stream.of(
                        "X-Real-IP",
                        "x-real-ip",
                        "X_Real_IP",
                        "True-Client-IP",
                        "Client-IP",
                        "X-Client-IP",
                        "X-Cluster-Client-IP",
                        "CF-Connecting-IP",
                        "Fastly-Client-IP",
                        "X-Original-Forwarded-For",
                        "X-Remote-Addr",
                        "X-Envoy-External-Address",
                        "Forwarded-For")
                .map(name -> DynamicTest.dynamicTest(name, () -> {
                    var upstream = loopback.upstream(ok(), ok());
                    var director = Director.fixed(targetOf(upstream));
                    var trusting = newProxy(director, RetryPolicy.none(), "127.0.0.0/8");

                    loopback.connect(loopback.serve(newProxy(director)))
                            .sendRequest("GET /x", name + ": 6.6.6.6", "X-Zip: kept")
                            .receiveResponse();
                    loopback.connect(loopback.serve(trusting))
                            .sendRequest("GET /x", name + ": 6.6.6.6")
                            .receiveResponse();

                    var untrusted = received(upstream).getHeaders();
                    assertThat(untrusted.get(name))
                            .as("the field of an untrusted peer")
                            .isNull();
                    assertThat(untrusted.get("X-Zip"))
                            .as("X-Zip of an untrusted peer")
                            .isEqualTo("kept");
                    assertThat(received(upstream).getHeaders().get(name))
                            .as("the field of a trusted peer")
                            .isEqualTo("6.6.6.6");
                }));
    }

    @Test
    default void what_a_trusted_peer_does_not_say_is_added() throws Exception {
        var upstream = loopback.upstream(ok());
        var proxy = newProxy(Director.fixed(targetOf(upstream)), RetryPolicy.none(), "127.0.0.0/8");
        var client = loopback.connect(loopback.serve(proxy));

        client.sendRequest("GET /x", "X-Forwarded-Proto: https").receiveResponse();

        var fields = received(upstream).getHeaders();
        assertThat(fields.values("X-Forwarded-For"))
                .as("X-Forwarded-For of the request at the upstream")
                .containsExactly("127.0.0.1");
        assertThat(fields.values("X-Forwarded-Host"))
                .as("X-Forwarded-Host of the request at the upstream")
                .containsExactly("www.example.com");
        assertThat(fields.values("X-Forwarded-Proto"))
                .as("X-Forwarded-Proto of the request at the upstream")
                .containsExactly("https");
        assertThat(fields.names())
                .as("the fields of the request at the upstream")
                .doesNotContain("X-Forwarded-Port", "X-Forwarded-Prefix");
    }

    @Test
    default void a_peer_outside_the_trusted_ranges_is_not_believed() throws Exception {
        var upstream = loopback.upstream(ok());
        var proxy = newProxy(Director.fixed(targetOf(upstream)), RetryPolicy.none(), "10.0.0.0/8", "::1");
        var client = loopback.connect(loopback.serve(proxy));

        client.sendRequest("GET /x", "X-Forwarded-For: 10.1.2.3").receiveResponse();

        assertThat(received(upstream).getHeaders().values("X-Forwarded-For"))
                .as("X-Forwarded-For at the upstream")
                .containsExactly("127.0.0.1");
    }

    @Test
    default void no_client_can_erase_what_the_proxy_says() throws Exception {
        var upstream = loopback.upstream(ok());
        var client = loopback.connect(loopback.serve(newProxy(Director.fixed(targetOf(upstream)))));

        client.sendRequest("GET /x", "Connection: X-Forwarded-For, X-Forwarded-Proto, Forwarded, Host")
                .receiveResponse();

        assertThat(received(upstream).getHeaders().names())
                .as("the headers at the upstream")
                .contains("X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Host");
    }

    @Test
    default void an_IPv6_peer_is_well_formed_in_both_families() throws Exception {
        var upstream = loopback.upstream(ok(), ok());
        var director = Director.fixed(targetOf(upstream));
        var trusting = newProxy(director, RetryPolicy.none(), "::/64");
        var http = new HttpConnectionFactory(new HttpConfiguration());

        loopback.connect(loopback.serveOn("[::1]", newProxy(director), http))
                .sendRequest("GET /x")
                .receiveResponse();
        loopback.connect(loopback.serveOn("[::1]", trusting, http))
                .sendRequest("GET /x", "X-Forwarded-For: 2001:db8::7", "Forwarded: for=\"[2001:db8::7]\"")
                .receiveResponse();

        var plain = received(upstream).getHeaders();
        assertThat(plain.values("X-Forwarded-For"))
                .as("X-Forwarded-For of the request at the upstream")
                .containsExactly("0:0:0:0:0:0:0:1");
        assertThat(plain.get("Forwarded"))
                .as("Forwarded of the request at the upstream")
                .startsWith("for=\"[0:0:0:0:0:0:0:1]\";host=");
        var appended = received(upstream).getHeaders();
        assertThat(appended.values("X-Forwarded-For"))
                .as("X-Forwarded-For of the request at the upstream, behind a trusted peer")
                .containsExactly("2001:db8::7, 0:0:0:0:0:0:0:1");
        assertThat(appended.get("Forwarded"))
                .as("Forwarded of the request at the upstream, behind a trusted peer")
                .startsWith("for=\"[2001:db8::7]\", for=\"[0:0:0:0:0:0:0:1]\";host=");
    }

    @Test
    default void a_request_that_came_over_TLS_is_told_as_https() throws Exception {
        var upstream = loopback.upstream(ok());
        var http = new HttpConfiguration();
        http.addCustomizer((request, fields) -> new Request.Wrapper(request) {
            @Override
            public boolean isSecure() {
                return true; // as Jetty's SecureRequestCustomizer says of TLS
            }
        });
        var client = loopback.connect(
                loopback.serve(newProxy(Director.fixed(targetOf(upstream))), new HttpConnectionFactory(http)));

        client.sendRequest("GET /x").receiveResponse();

        assertThat(received(upstream).getHeaders().get("X-Forwarded-Proto"))
                .as("X-Forwarded-Proto at the upstream")
                .isEqualTo("https");
    }

    @Test
    default void an_HTTP_1_0_client_without_Host_is_told_without_one() throws Exception {
        var upstream = loopback.upstream(ok());
        var client = loopback.connect(loopback.serve(newProxy(Director.fixed(targetOf(upstream)))));

        client.send("GET /x HTTP/1.0\r\n\r\n").receiveResponse();

        var fields = received(upstream).getHeaders();
        assertThat(fields.values("Host"))
                .as("Host of the request at the upstream")
                .containsExactly("127.0.0.1:" + upstream.getPort());
        assertThat(fields.values("X-Forwarded-Host"))
                .as("X-Forwarded-Host of the request at the upstream")
                .isEmpty();
        assertThat(fields.values("Forwarded"))
                .as("Forwarded of the request at the upstream")
                .containsExactly("for=127.0.0.1;proto=http");
    }

    @Test
    default void an_HTTP_2_client_is_told_with_the_authority_it_asked_for() throws Exception {
        var upstream = loopback.upstream(ok());
        var http = new HttpConfiguration();
        var server = loopback.serve(
                newProxy(Director.fixed(targetOf(upstream))),
                new HttpConnectionFactory(http),
                new HTTP2CServerConnectionFactory(http));

        HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_2)
                .build()
                .send(HttpRequest.newBuilder(server).build(), BodyHandlers.discarding());

        var fields = received(upstream).getHeaders();
        assertThat(fields.get("Via")).as("Via of the request at the upstream").startsWith("2.0 ");
        assertThat(fields.values("X-Forwarded-Host"))
                .as("X-Forwarded-Host of the request at the upstream")
                .containsExactly(server.getAuthority());
    }

    @TestFactory
    default Stream<DynamicTest> values_of_fields_arrive_as_they_were_sent() {
        return Stream.of(
                        "Content-Type: application/json;charset=UTF-8",
                        "Content-Type: Text/HTML; Charset=ISO-8859-1",
                        "Content-Type:TEXT/PLAIN",
                        "Cache-Control: NO-CACHE",
                        "Pragma: No-Cache",
                        "Expires: fri, 01 jan 1990 00:00:00 gmt",
                        "Accept-Ranges: BYTES",
                        "Accept: TEXT/HTML,application/xhtml+xml",
                        "Accept-Encoding: GZip",
                        "Accept-Language: de-DE , EN;q=0.50,,",
                        "Content-Encoding: GZIP",
                        "Authorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=content-type;host",
                        "ETag: W/\"\"",
                        "Date: Sun Nov  6 08:49:37 1994",
                        "Cookie: a=\"b\\\" c\"; $d; e",
                        "Link: </a,b>; rel=\"x y\" , <c>",
                        "X-Any: \"open \\ {\tb}  c",
                        "X-Any: na\u00C3\u00AFve \u00E9\u0080\u00FF",
                        "X-Any:")
                .map(field -> DynamicTest.dynamicTest(field, () -> {
                    var seen = new LinkedBlockingQueue<RawMessage>();
                    var upstream = loopback.scripted(connection -> {
                        seen.add(connection.receiveRequest());
                        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + field + "\r\n\r\n");
                    });
                    var http = new HttpConfiguration();
                    http.setHeaderCacheCaseSensitive(true);
                    var client = loopback.connect(loopback.serve(newProxy(Director.fixed(upstream.target())), http));

                    var response = client.sendRequest("GET /x", field).receiveResponse();

                    String name = field.split(":", 2)[0];
                    String value = field.split(":", 2)[1].strip();
                    assertThat(seen.remove().field(name)).as("in the request").containsExactly(value);
                    assertThat(response.field(name)).as("in the response").containsExactly(value);
                }));
    }

    @TestFactory
    default Stream<DynamicTest> a_location_that_names_the_upstream_is_mapped_to_the_client() {
        return Stream.of(
                        // the address of the upstream, what it says, what the client reads; UP is its authority
                        "UP  http://UP/x?a=http://UP#b  http://www.example.com/x?a=http://UP#b",
                        "UP  HTTP://UP  http://www.example.com",
                        "UP  //UP/x  //www.example.com/x",
                        "UP  http://UP//evil.example/x  http://www.example.com//evil.example/x",
                        "UP/base/  http://UP/base/x  http://www.example.com/x",
                        "UP/base  http://UP/base?a  http://www.example.com?a",
                        "UP/base  /base/x  /x",
                        "UP/base  /base  /",
                        "UP/base  /base?a  /?a")
                .map(row -> DynamicTest.dynamicTest(row, () -> {
                    var location = locations(row);

                    assertThat(location.received).as("mapped").containsExactly(location.expected, location.expected);
                }));
    }

    @TestFactory
    default Stream<DynamicTest> a_location_that_names_somebody_else_stays_as_it_is() {
        return Stream.of(
                        "UP  https://UP/x", // to TLS, which this upstream has on another port
                        "UP  http://127.0.0.1/x",
                        "UP  http://127.0.0.1:1/x",
                        "UP  http://user@UP/x",
                        "UP  http://UP@evil.example/x",
                        "UP  http://UP.evil.example/x",
                        "UP  http:\\\\UP/x",
                        "UP  http:/x",
                        "UP  ftp://UP/x",
                        "UP  /x",
                        "UP  x/../y",
                        "UP  ?a=1",
                        "UP  ",
                        "UP/base  http://UP/x",
                        "UP/base  http://UP/based",
                        "UP/base  /x",
                        "UP/base  /base//evil.example/x")
                .map(row -> DynamicTest.dynamicTest(row, () -> {
                    var location = locations(row + "  " + row.split("  ", 2)[1]);

                    assertThat(location.received).as("as it was").containsExactly(location.expected, location.expected);
                }));
    }

    /** What a client has read of the two fields. */
    record Locations(String expected, List<String> received) {}

    /** Asks an upstream that says what is in the row. */
    private Locations locations(String row) throws Exception {
        var said = new LinkedBlockingQueue<String>();
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            String value = said.remove();
            connection.send("HTTP/1.1 201 Created\r\nLocation: " + value + "\r\nContent-Location: " + value
                    + "\r\nContent-Length: 0\r\n\r\n");
        });
        String[] parts = row.replace("UP", "127.0.0.1:" + upstream.port()).split("  ", -1);
        said.add(parts[1]);
        var client = loopback.connect(loopback.serve(newProxy(Director.fixed(parts[0]))));
        var response = client.sendRequest("GET /x").receiveResponse();
        return new Locations(
                parts[2],
                Stream.concat(response.field("Location").stream(), response.field("Content-Location").stream())
                        .toList());
    }

    @Test
    default void a_location_is_mapped_to_what_a_trusted_peer_says_of_the_client() throws Exception {
        var upstream = loopback.upstream();
        String own = targetOf(upstream) + "/x";
        upstream.enqueue(ok().code(302).addHeader("Location", own).build());
        upstream.enqueue(ok().code(302).addHeader("Location", own).build());
        var director = Director.fixed(targetOf(upstream));
        String[] fields = {"X-Forwarded-Host: shop.example:8443, edge", "X-Forwarded-Proto: https, http"};

        var trusted = loopback.connect(loopback.serve(newProxy(director, RetryPolicy.none(), "127.0.0.1")))
                .sendRequest("GET /x", fields)
                .receiveResponse();
        var untrusted = loopback.connect(loopback.serve(newProxy(director)))
                .sendRequest("GET /x", fields)
                .receiveResponse();

        assertThat(trusted.field("Location"))
                .as("Location behind a trusted peer")
                .containsExactly("https://shop.example:8443/x");
        assertThat(untrusted.field("Location"))
                .as("Location behind an untrusted peer")
                .containsExactly("http://www.example.com/x");
    }

    @Test
    default void a_client_that_does_not_say_whom_it_asks_gets_the_path_of_a_location() throws Exception {
        var upstream = loopback.upstream();
        upstream.enqueue(ok().code(302)
                .addHeader("Location", targetOf(upstream) + "/x?a")
                .build());
        var client = loopback.connect(loopback.serve(newProxy(Director.fixed(targetOf(upstream)))));

        var response = client.send("GET /x HTTP/1.0\r\n\r\n").receiveResponse();

        assertThat(response.field("Location")).as("Location of the response").containsExactly("/x?a");
    }

    @Test
    default void a_location_is_mapped_once_also_behind_Expect_100_continue() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            connection.send("HTTP/1.1 303 See Other\r\nLocation: /base/base/x\r\nContent-Length: 0\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(newProxy(Director.fixed(upstream.target() + "/base"))));

        var response = client.sendRequest("POST /x", "Content-Length: 3", "Expect: 100-continue")
                .receiveResponse();

        assertThat(response.field("Location")).as("Location of the response").containsExactly("/base/x");
    }

    @TestFactory
    default Stream<DynamicTest> a_prefix_is_stripped_told_and_put_back() {
        return Stream.of(
                        // what the client asks for, what the upstream is asked for, what it says, what the client reads
                        "/app/x?a /x?a UP/y http://www.example.com/app/y",
                        "/app/x /x /y /app/y",
                        "/app / / /app/",
                        "/app/x /x /app/y /app/y", // the upstream knows of it
                        "/app/x /x UP/apple http://www.example.com/app/apple",
                        "/app/x /x y y",
                        "/app/x /x http://other.example/y http://other.example/y")
                .map(row -> row.split(" "))
                .map(row -> DynamicTest.dynamicTest(String.join(" ", row), () -> {
                    var upstream = loopback.upstream();
                    upstream.enqueue(ok().code(302)
                            .addHeader("Location", row[2].replace("UP", targetOf(upstream)))
                            .build());
                    var stripping =
                            Optional.of(Upstream.parse(targetOf(upstream)).strippingPrefix("/app"));
                    var client = loopback.connect(loopback.serve(newProxy(request -> stripping)));

                    var response = client.sendRequest("GET " + row[0]).receiveResponse();

                    var received = received(upstream);
                    assertThat(received.getTarget())
                            .as("the target at the upstream")
                            .isEqualTo(row[1]);
                    assertThat(received.getHeaders().values("X-Forwarded-Prefix"))
                            .as("X-Forwarded-Prefix of the request at the upstream")
                            .containsExactly("/app");
                    assertThat(response.field("Location"))
                            .as("Location of the response")
                            .containsExactly(row[3]);
                }));
    }

    @Test
    default void a_path_without_the_prefix_is_told_without_one() throws Exception {
        var upstream = loopback.upstream(ok().code(302).addHeader("Location", "/y"));
        var stripping = Optional.of(Upstream.parse(targetOf(upstream)).strippingPrefix("/app"));
        var client = loopback.connect(loopback.serve(newProxy(request -> stripping)));

        var response = client.sendRequest("GET /apple").receiveResponse();

        var received = received(upstream);
        assertThat(received.getTarget()).as("the target at the upstream").isEqualTo("/apple");
        assertThat(received.getHeaders().get("X-Forwarded-Prefix"))
                .as("X-Forwarded-Prefix of the request at the upstream")
                .isNull();
        assertThat(response.field("Location")).as("Location of the response").containsExactly("/y");
    }

    @Test
    default void a_prefix_is_told_behind_the_one_of_a_trusted_peer() throws Exception {
        var upstream = loopback.upstream(ok());
        var stripping = Optional.of(Upstream.parse(targetOf(upstream)).strippingPrefix("/app"));
        var proxy = newProxy(request -> stripping, RetryPolicy.none(), "127.0.0.1");

        loopback.connect(loopback.serve(proxy))
                .sendRequest("GET /app/x", "X-Forwarded-Prefix: /shop")
                .receiveResponse();

        assertThat(received(upstream).getHeaders().values("X-Forwarded-Prefix"))
                .as("X-Forwarded-Prefix of the request at the upstream")
                .containsExactly("/shop/app");
    }

    @Test
    default void credentials_that_differ_in_case_only_are_not_confused() throws Exception {
        var upstream = loopback.upstream(ok(), ok());
        var http = new HttpConfiguration();
        http.setHeaderCacheCaseSensitive(true);
        var client = loopback.connect(loopback.serve(newProxy(Director.fixed(targetOf(upstream))), http));

        client.sendRequest("GET /x", "Cookie: sid=abc", "Authorization: Bearer abc")
                .receiveResponse();
        client.sendRequest("GET /x", "Cookie: sid=ABC", "Authorization: Bearer ABC")
                .receiveResponse();

        received(upstream);
        var second = received(upstream).getHeaders();
        assertThat(second.get("Cookie")).as("Cookie of the second request").isEqualTo("sid=ABC");
        assertThat(second.get("Authorization"))
                .as("Authorization of the second request")
                .isEqualTo("Bearer ABC");
    }

    @Test
    default void a_director_that_fails_is_a_502_with_its_cause_in_the_log_only() throws Exception {
        Director failing = request -> {
            throw new IllegalStateException("no route to the consensus");
        };
        var client = loopback.connect(loopback.serve(newProxy(failing)));

        try (var log = LogLines.of("pitfalls")) {
            var response = client.sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).as("the status of the response").isEqualTo(502);
            assertThat(response.body()).as("the body of the response").doesNotContain("consensus");
            assertThat(log.first())
                    .as("the first line in the log of the proxy")
                    .startsWith("WARN answered 502 proxy_internal_error for GET /x to no upstream:"
                            + " java.lang.IllegalStateException: no route to the consensus");
        }
    }

    @Test
    default void a_leader_with_an_address_that_is_none_is_a_502() throws Exception {
        var client = loopback.connect(loopback.serve(newProxy(Director.leader(() -> "not a url"))));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(502);
    }

    @Test
    default void a_director_may_choose_the_status_of_a_refusal() throws Exception {
        Director refusing = request -> {
            throw new HttpException.RuntimeException(404, "no such tenant");
        };
        var client = loopback.connect(loopback.serve(newProxy(refusing)));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(404);
        assertThat(response.body()).as("the body of the response").contains("no such tenant");
    }

    @Test
    default void the_director_is_asked_again_for_each_attempt() throws Exception {
        var dead = loopback.refusing();
        var alive = loopback.upstream(ok().body("served"));
        var addresses = new ConcurrentLinkedQueue<>(List.of(dead, targetOf(alive)));
        var proxy = newProxy(Director.leader(addresses::poll), RetryPolicy.idempotent());
        var client = loopback.connect(loopback.serve(proxy));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.body()).as("the body of the response").isEqualTo("served");
        assertThat(received(alive).getHeaders().get("Host"))
                .as("Host at the upstream")
                .isEqualTo("127.0.0.1:" + alive.getPort());
    }

    @Test
    default void a_leader_that_dies_and_has_no_successor_yet_is_a_503() throws Exception {
        var addresses = new ConcurrentLinkedQueue<>(List.of(loopback.refusing()));
        var proxy = newProxy(Director.leader(addresses::poll), RetryPolicy.idempotent());
        var client = loopback.connect(loopback.serve(proxy));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(503);
    }

    @TestFactory
    default Stream<DynamicTest> the_director_sees_what_the_upstream_will_see() {
        return Stream.of(
                        "X-Tenant: red\r\nConnection: X-Tenant",
                        "X-Forwarded-Host: red",
                        "Proxy-Authorization: red",
                        "TE: red")
                .map(fields -> DynamicTest.dynamicTest(fields.replace("\r\n", ", "), () -> {
                    var tenant = loopback.upstream(ok().body("for the tenant only"));
                    var anybody = loopback.upstream(ok().body("for anybody"));
                    String field = fields.split(":")[0];
                    var director = Director.byField(field, Map.of("red", targetOf(tenant)))
                            .orElse(Director.fixed(targetOf(anybody)));
                    var client = loopback.connect(loopback.serve(newProxy(director)));

                    var response = client.sendRequest("GET /x", fields).receiveResponse();

                    assertThat(response.body()).as("the body of the response").isEqualTo("for anybody");
                    assertThat(received(anybody).getHeaders().values(field))
                            .as("the header of the choice at the upstream")
                            .doesNotContain("red");
                }));
    }

    @TestFactory
    default Stream<DynamicTest> a_route_by_Host_knows_neither_case_nor_port() {
        return Stream.of("shop.example", "SHOP.example", "shop.example:8080")
                .map(host -> DynamicTest.dynamicTest(host, () -> {
                    var upstream = loopback.upstream(ok());
                    var director = Director.byField("Host", Map.of("Shop.Example", targetOf(upstream)));
                    var client = loopback.connect(loopback.serve(newProxy(director)));

                    var response = client.send("GET /x HTTP/1.1\r\nHost: " + host + "\r\nConnection: Host\r\n\r\n")
                            .receiveResponse();

                    assertThat(response.status())
                            .as("the status of the response")
                            .isEqualTo(200);
                }));
    }

    @Test
    default void a_field_with_two_values_chooses_no_upstream() throws Exception {
        var red = loopback.upstream();
        var director = Director.byField("X-Tenant", Map.of("red", targetOf(red)));
        var client = loopback.connect(loopback.serve(newProxy(director)));

        var response =
                client.sendRequest("GET /x", "X-Tenant: red", "X-Tenant: blue").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(503);
    }

    @Test
    default void nothing_is_added_that_the_client_did_not_send() throws Exception {
        assertThat(seenBehind("POST /x", "Content-Length: 3").fieldNames())
                .as("the headers at the upstream")
                .containsExactlyInAnyOrder(
                        "Host",
                        "Content-Length",
                        "Via",
                        "X-Forwarded-For",
                        "X-Forwarded-Host",
                        "X-Forwarded-Proto",
                        "Forwarded");
    }

    @Test
    default void fields_arrive_once_and_an_empty_one_stays_empty() throws Exception {
        var seen = seenBehind(
                "POST /x", "Content-Length: 3", "User-Agent: curl/8", "Accept-Encoding:", "Content-Type:", "X-Empty:");

        assertThat(seen.field("User-Agent"))
                .as("User-Agent of the request at the upstream")
                .containsExactly("curl/8");
        assertThat(seen.field("Accept-Encoding"))
                .as("Accept-Encoding of the request at the upstream")
                .containsExactly("");
        assertThat(seen.field("Content-Type"))
                .as("Content-Type of the request at the upstream")
                .containsExactly("");
        assertThat(seen.field("X-Empty"))
                .as("X-Empty of the request at the upstream")
                .containsExactly("");
    }

    @Test
    default void a_Host_of_the_operators_choice_wins() throws Exception {
        var upstream = loopback.upstream(ok());
        var proxy = newProxy(Director.fixed(targetOf(upstream)));
        proxy.setProxyToServerHost("api.internal");
        var client = loopback.connect(loopback.serve(proxy));

        client.sendRequest("GET /x").receiveResponse();

        assertThat(received(upstream).getHeaders().values("Host"))
                .as("Host at the upstream")
                .containsExactly("api.internal");
    }

    @TestFactory
    default Stream<DynamicTest> Host_has_a_port_unless_it_is_the_schemes_own() {
        return Stream.of("http://127.0.0.1:80 127.0.0.1", "https://[::1]:443 [::1]", "https://[::1]:80 [::1]:80")
                .map(row -> row.split(" "))
                .map(row -> DynamicTest.dynamicTest(row[0], () -> {
                    var sent = new ConcurrentLinkedQueue<String>();
                    var upstream = Upstream.parse(row[0]);
                    var proxy = newProxy(request -> Optional.of(upstream));
                    var client = loopback.connect(loopback.serve(proxy));
                    proxy.getHttpClient()
                            .getRequestListeners()
                            .addQueuedListener(
                                    request -> sent.add(request.getHeaders().get("Host")));

                    client.sendRequest("GET /x").receiveHead();

                    assertThat(sent).as("the headers at the upstream").containsExactly(row[1]);
                }));
    }

    /** What the upstream gets of such a request, with the body {@code abc}. */
    private RawMessage seenBehind(String requestLine, String... fields) throws Exception {
        var upstream = loopback.scripted(connection -> {
            String seen = connection.receiveRequest().head();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + seen.length() + "\r\n\r\n" + seen);
        });
        var client = loopback.connect(loopback.serve(newProxy(Director.fixed(upstream.target()))));
        String seen = client.sendRequest(requestLine, fields)
                .send("abc")
                .receiveResponse()
                .body();
        return new RawMessage(seen, "", true);
    }

    /** Shakes hands as NTLM does: whoever sends the second message is the user of the connection from then on. */
    Script AUTHENTICATES_CONNECTIONS = connection -> {
        String challenge = "";
        String user = "";
        for (boolean open = true; open; ) {
            RawMessage request;
            try {
                request = connection.receiveRequest();
            } catch (EOFException | SocketException ended) {
                return;
            }
            String credentials = String.join("", request.field("Authorization"));
            String scheme = credentials.split(" ")[0];
            if (credentials.endsWith(" hello")) challenge = scheme + " challenge";
            boolean isAnswer = credentials.contains(" I am ") && !challenge.isEmpty();
            if (isAnswer) user = credentials.replaceAll(".* I am ", "");
            String status = user.isEmpty() ? "401 Unauthorized" : "200 OK";
            String field = user.isEmpty()
                    ? "WWW-Authenticate: " + (challenge.isEmpty() ? "NTLM" : challenge)
                    : "X-User: " + user;
            connection.send("HTTP/1.1 " + status + "\r\n" + field + "\r\nContent-Length: 0\r\n\r\n");
        }
    };

    @TestFactory
    default Stream<DynamicTest> a_user_who_is_known_by_the_connection_is_nobody_else() {
        return Stream.of("NTLM", "Negotiate", "negotiate")
                .map(scheme -> DynamicTest.dynamicTest(scheme, () -> {
                    var upstream = loopback.scripted(AUTHENTICATES_CONNECTIONS);
                    var proxy = loopback.serve(newProxy(Director.fixed(upstream.target())));
                    var alice = loopback.connect(proxy);
                    var bob = loopback.connect(proxy);

                    assertThat(userOf(alice, ""))
                            .as("who Alice is to the upstream")
                            .isEqualTo("401 NTLM");
                    assertThat(userOf(alice, scheme + " hello"))
                            .as("who Alice is to the upstream")
                            .isEqualTo("401 " + scheme + " challenge");
                    assertThat(userOf(bob, "")).as("who Bob is to the upstream").isEqualTo("401 NTLM");
                    assertThat(userOf(alice, scheme + " I am Alice"))
                            .as("who Alice is to the upstream")
                            .isEqualTo("200 Alice");

                    for (int i = 0; i < 5; i++) {
                        assertThat(userOf(bob, "")).as("who Bob is").isEqualTo("401 NTLM");
                        assertThat(userOf(loopback.connect(proxy), ""))
                                .as("who a stranger is")
                                .isEqualTo("401 NTLM");
                        assertThat(userOf(alice, "")).as("who Alice is").isEqualTo("200 Alice");
                    }
                    assertThat(userOf(bob, scheme + " hello"))
                            .as("who Bob is to the upstream")
                            .isEqualTo("401 " + scheme + " challenge");
                    assertThat(userOf(bob, scheme + " I am Bob"))
                            .as("who Bob is to the upstream")
                            .isEqualTo("200 Bob");
                    assertThat(userOf(alice, "")).as("who Alice is").isEqualTo("200 Alice");
                }));
    }

    private static String userOf(RawConnection client, String credentials) throws IOException {
        String[] fields = credentials.isEmpty() ? new String[0] : new String[] {"Authorization: " + credentials};
        var response = client.sendRequest("GET /x", fields).receiveResponse();
        String user = String.join("", response.field("X-User"));
        return response.status() + " " + user + String.join("", response.field("WWW-Authenticate"));
    }

    @Test
    default void the_connection_of_such_a_user_ends_with_that_of_the_client() throws Exception {
        var ended = new Gate("the upstream's connection has ended");
        var upstream = loopback.scripted(connection -> {
            AUTHENTICATES_CONNECTIONS.play(connection);
            ended.open();
        });
        var handler = newProxy(Director.fixed(upstream.target()));
        var alice = loopback.connect(loopback.serve(handler));
        userOf(alice, "NTLM hello");

        alice.close();
        ended.await();

        assertThat(handler.getHttpClient().getDestinations())
                .as("pools that are left")
                .isEmpty();
    }
}
