package pitfalls.step03;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.List;
import java.util.stream.Stream;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Guard;
import pitfalls.support.Headline;
import pitfalls.support.LoopbackTest;
import pitfalls.support.Why;

/** A proxy that takes the addresses that operators write, and leaves alone those that clients send. */
public interface UrlContract extends LoopbackTest {

    /** The proxy under test, not started. */
    ProxyHandler newProxy(String target);

    @Headline
    @Order(1)
    @TestFactory
    @Why(
            "Operators write :8081, localhost:8081 or 0.0.0.0:8081, and each of them means a server that can be reached. Make a URL of it that can be connected to.")
    default Stream<DynamicTest> an_address_as_operators_write_it_reaches_the_upstream() {
        return Stream.of(":PORT", "PORT", "localhost:PORT", "127.0.0.1:PORT", "0.0.0.0:PORT")
                .map(address -> DynamicTest.dynamicTest(address, () -> assertReached(address)));
    }

    @Why("A scheme counts in any case, as in HTTP://leader:8081, and then nothing goes in front of " + "it.")
    @Guard
    @Order(4)
    @Test
    default void an_address_that_is_a_URL_already_reaches_it_too() throws Exception {
        assertReached("HTTP://localhost:PORT/");
    }

    private void assertReached(String address) throws Exception {
        var upstream = loopback.upstream(ok());
        var target = address.replace("PORT", String.valueOf(upstream.getPort()));
        var client = loopback.connect(loopback.serve(newProxy(target)));

        var response = client.sendRequest("GET /x?a=1").receiveResponse();

        assertThat(response.status())
                .as("the status that the client got of the upstream's 200")
                .isEqualTo(200);
        assertThat(received(upstream).getTarget())
                .as("the target that the upstream has seen")
                .isEqualTo("/x?a=1");
    }

    @Why("Otherwise the operator learns of a typing error from the users, one 500 at a time.")
    @Headline
    @Order(2)
    @TestFactory
    default Stream<DynamicTest> an_address_that_is_none_is_refused_at_construction() {
        return Stream.of("", "not a url", "ftp://x", "http://", ":99999")
                .map(address -> DynamicTest.dynamicTest(
                        "'" + address + "'",
                        () -> assertThatIllegalArgumentException()
                                .as("what the constructor says")
                                .isThrownBy(() -> newProxy(address))
                                .withMessageStartingWith("'" + address + "' is not an upstream address")));
    }

    @Headline
    @Order(3)
    @TestFactory
    @Why(
            "java.net.URI refuses such characters, and Jetty's client asks it. Only the upstream knows what they mean, so what the client wrote has to arrive as it is.")
    default Stream<DynamicTest> the_URL_of_the_client_survives_byte_for_byte() {
        return Stream.of(
                        "/{id}",
                        "/a|b",
                        "/a\\b",
                        "/a\"<>^`b",
                        "/x?q={a}|[b]",
                        "/x?q=\"<>^`",
                        "/x?%zz",
                        "/x?%",
                        "/caf\u00c3\u00a9?caf\u00c3\u00a9")
                .map(target -> DynamicTest.dynamicTest(target, () -> assertSurvives(target)));
    }

    @Why("Only the upstream knows whether %2F and /, or /a/../b and /b, are the same. A proxy that "
            + "tidies up asks for something else than its client did.")
    @Guard
    @Order(5)
    @TestFactory
    default Stream<DynamicTest> a_URL_that_Jetty_keeps_survives_too() {
        return Stream.of(
                        "/a%2Fb",
                        "/a%5Cb",
                        "/a%25b",
                        "/%c3",
                        "//",
                        "//a//b",
                        "/a//",
                        "/a/../b",
                        "/a/./b",
                        "/a/%2e%2e/b",
                        "/a/..;/b",
                        "/x?",
                        "/x??",
                        "/x?a=http://evil.example/",
                        "/:80/x")
                .map(target -> DynamicTest.dynamicTest(target, () -> assertSurvives(target)));
    }

    private void assertSurvives(String target) throws Exception {
        var upstream = loopback.scripted(connection -> {
            String seen = connection.receiveRequest().target();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + seen.length() + "\r\n\r\n" + seen);
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target()), gateway()));

        var response = client.sendRequest("GET " + target).receiveResponse();

        assertThat(List.of(response.status(), response.body()))
                .as("the status, and the target that the upstream has seen")
                .containsExactly(200, target);
    }

    /** Two queries are joined as Go's {@code NewSingleHostReverseProxy} joins them. */
    @TestFactory
    default Stream<DynamicTest> a_base_path_and_a_query_of_the_operator_arrive_as_written() {
        return Stream.of(
                        "/a%2Fb >> /x >> /a%2Fb/x",
                        "/a%2Fb/ >> /x%2Fy?q >> /a%2Fb/x%2Fy?q",
                        "/a//b >> / >> /a//b/",
                        "/a/%2e%2e >> /x >> /a/%2e%2e/x",
                        "?k=1 >> / >> /?k=1",
                        "/b?k=1 >> /x >> /b/x?k=1",
                        "/b/?k=1 >> /x?a=1&b >> /b/x?k=1&a=1&b",
                        "/b?k=1 >> /x? >> /b/x?k=1",
                        "/b?k=1 >> /x?? >> /b/x?k=1&?",
                        "/b?k=%zz;? >> /x?&a >> /b/x?k=%zz;?&&a",
                        "/b? >> /x >> /b/x",
                        "/b? >> /x? >> /b/x?",
                        "/b? >> /x?a=1 >> /b/x?a=1")
                .map(row -> row.split(" >> "))
                .map(row -> DynamicTest.dynamicTest(row[0] + " and " + row[1], () -> {
                    var upstream = loopback.scripted(connection -> {
                        String seen = connection.receiveRequest().target();
                        connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + seen.length() + "\r\n\r\n" + seen);
                    });
                    var client = loopback.connect(loopback.serve(newProxy(upstream.target() + row[0]), gateway()));

                    var response = client.sendRequest("GET " + row[1]).receiveResponse();

                    assertThat(List.of(response.status(), response.body()))
                            .as("the status, and the target that the upstream has seen")
                            .containsExactly(200, row[2]);
                }));
    }

    @Test
    default void OPTIONS_of_the_whole_server_is_passed_on_as_such() throws Exception {
        var upstream = loopback.upstream(ok());
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream) + "/base")));

        var response = client.sendRequest("OPTIONS *").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(200);
        assertThat(received(upstream).getTarget())
                .as("the target that the upstream has seen")
                .isEqualTo("*");
    }

    @TestFactory
    default Stream<DynamicTest> a_client_cannot_pick_the_upstream() {
        return Stream.of(
                        "//INTERNAL/x",
                        "//INTERNAL",
                        "///INTERNAL/x",
                        "/\\INTERNAL/x",
                        "/@INTERNAL/x",
                        "@INTERNAL/x",
                        "/..//INTERNAL/x",
                        "http://INTERNAL/x",
                        "HTTP://INTERNAL",
                        "http://INTERNAL//INTERNAL/x")
                .map(target -> DynamicTest.dynamicTest(target, () -> {
                    var upstream = loopback.upstream(ok());
                    var internal = loopback.upstream(ok());
                    var host = "127.0.0.1:" + internal.getPort();
                    var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream)), gateway()));

                    var response = client.send("GET " + target.replace("INTERNAL", host) + " HTTP/1.1\r\nHost: " + host
                                    + "\r\n\r\n")
                            .receiveResponse();

                    assertThat(internal.getRequestCount())
                            .as("requests that reached an upstream that the client chose")
                            .isZero();
                    assertThat(response.status() == 400 ? 1 : upstream.getRequestCount())
                            .as("refused, or sent where it belongs")
                            .isEqualTo(1);
                }));
    }

    @Test
    default void CONNECT_is_refused_and_reaches_nobody() throws Exception {
        var upstream = loopback.upstream(ok());
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream))));

        var response = client.send("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
                .receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(501);
        assertThat(response.field("Proxy-Status"))
                .as("Proxy-Status of the response")
                .containsExactly("reverse-proxy; error=http_request_denied");
        assertThat(upstream.getRequestCount())
                .as("requests that were forwarded after they were refused")
                .isZero();
    }

    @TestFactory
    default Stream<DynamicTest> a_method_that_is_no_token_is_refused_and_reaches_nobody() {
        return Stream.of("@GET", "[GET", "\"GET", "=GET")
                .map(method -> DynamicTest.dynamicTest(method, () -> {
                    var upstream = loopback.upstream(ok());
                    var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream))));

                    var response = client.sendRequest(method + " /x").receiveResponse();

                    assertThat(response.status())
                            .as("the status of the response")
                            .isEqualTo(400);
                    assertThat(upstream.getRequestCount())
                            .as("requests at the upstream")
                            .isZero();
                }));
    }

    @TestFactory
    default Stream<DynamicTest> a_method_that_nobody_knows_is_passed_on() {
        return Stream.of("PURGE", "get", "M-SEARCH", "!#$%&'*+-.^_`|~9")
                .map(method -> DynamicTest.dynamicTest(method, () -> {
                    var upstream = loopback.scripted(connection -> {
                        String head = connection.receiveHead();
                        boolean isSame = head.startsWith(method + " /x HTTP/1.1\r\n");
                        connection.send("HTTP/1.1 " + (isSame ? 200 : 400) + " Done\r\nContent-Length: 0\r\n\r\n");
                    });
                    var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

                    var response = client.sendRequest(method + " /x").receiveResponse();

                    assertThat(response.status())
                            .as("the status of the response")
                            .isEqualTo(200);
                }));
    }

    @Test
    default void a_URL_that_cannot_survive_is_refused() throws Exception {
        var upstream = loopback.upstream(ok());
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream)), gateway()));

        var response = client.sendRequest("GET /caf\u00e9").receiveResponse();

        assertThat(response.status()).as("a byte that is not UTF-8").isEqualTo(400);
        assertThat(upstream.getRequestCount())
                .as("requests that were forwarded after they were refused")
                .isZero();
    }

    @Test
    default void an_IPv6_address_reaches_its_upstream() throws Exception {
        assumeTrue(hasIPv6(), "this machine has no IPv6");
        var upstream = loopback.scriptedOn("::1", connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 204 No Content\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(newProxy("[::]:" + upstream.port())));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(204);
    }

    private static boolean hasIPv6() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getByName("::1"))) {
            return socket.isBound();
        } catch (BindException none) {
            return false;
        }
    }

    /** The configuration of a server that passes on every target. */
    private static HttpConfiguration gateway() {
        var configuration = new HttpConfiguration();
        configuration.setUriCompliance(UrlNormalizingProxy.GATEWAY_URI_COMPLIANCE);
        return configuration;
    }

    @Test
    default void a_method_keeps_its_case() throws Exception {
        var upstream = loopback.scripted(connection -> {
            String line = connection.receiveRequest().startLine();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + line.length() + "\r\n\r\n" + line);
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        var response = client.sendRequest("get /x").receiveResponse();

        assertThat(response.body()).as("the body of the response").isEqualTo("get /x HTTP/1.1");
    }
}
