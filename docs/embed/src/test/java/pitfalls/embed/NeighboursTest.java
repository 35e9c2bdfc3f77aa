package pitfalls.embed;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.stream.Stream;
import org.eclipse.jetty.server.ForwardedRequestCustomizer;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ContextHandler;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step02.ServerErrorHandler;
import pitfalls.step03.UrlNormalizingProxy;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.ScriptedUpstream.Script;

/** What is in somebody's server besides the proxy works as before, and does not mix with it. */
class NeighboursTest implements LoopbackTest {
    private final Everything everything = new Everything();

    /** An upstream that answers what it reads in a field of the request. */
    private static Script telling(String field) {
        return connection -> {
            String tells = new RawMessage(connection.receiveHead(), "", true)
                    .field(field)
                    .toString();
            connection.send(
                    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + tells.length() + "\r\n\r\n" + tells);
        };
    }

    private static Script answering(String body) {
        return connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
        };
    }

    @TestFactory
    Stream<DynamicTest> what_stands_beside_the_proxy_answers_as_before() {
        return Stream.of(
                beside(Wrapping.BESIDE_A_SERVLET, "/hello", "hello"),
                beside(Wrapping.ONE_OF_SEVERAL_CONTEXTS, "/app/hello", "hello"),
                beside(Wrapping.IN_THE_CONTEXT_OF_A_SERVLET, "/app/hello", "hello"),
                beside(Wrapping.BEHIND_FILES, "/hello.txt", "hello"));
    }

    private DynamicTest beside(Wrapping wrapping, String path, String body) {
        return DynamicTest.dynamicTest(wrapping.name(), () -> {
            ScriptedUpstream upstream = loopback.scripted(everything);
            try (var embedded = new Embedded(wrapping, upstream.target());
                    var client = embedded.connect()) {
                var response = client.sendRequest("GET " + path).receiveResponse();

                assertThat(response.body()).isEqualTo(body);
                assertThat(upstream.connections())
                        .as("requests that reached the upstream")
                        .isZero();
            }
        });
    }

    @Test
    void of_two_proxies_in_one_server_each_has_its_own_upstream() throws Exception {
        var red = new StreamingProxy(loopback.scripted(answering("red")).target());
        var blue = new StreamingProxy(loopback.scripted(answering("blue")).target());
        var dead = new StreamingProxy(loopback.refusing());
        var client = loopback.connect(loopback.serve(new Handler.Sequence(
                new ContextHandler(red, "/red"),
                new ContextHandler(dead, "/dead"),
                new ContextHandler(blue, "/blue"))));

        var ofRed = client.sendRequest("GET /red/x").receiveResponse();
        var ofDead = client.sendRequest("GET /dead/x").receiveResponse();
        var ofBlue = client.sendRequest("GET /blue/x").receiveResponse();

        assertThat(ofRed.body()).isEqualTo("red");
        assertThat(ofDead.status()).as("the status without an upstream").isEqualTo(502);
        assertThat(ofBlue.body()).isEqualTo("blue");
    }

    @Test
    void the_prefix_alone_is_redirected_unless_its_context_lets_it_pass() throws Exception {
        ScriptedUpstream upstream = loopback.scripted(everything);
        var redirecting = new ContextHandler(new StreamingProxy(upstream.target()), "/v1");
        var passing = new ContextHandler(new StreamingProxy(upstream.target()), "/v2");
        passing.setAllowNullPathInContext(true);
        var client = loopback.connect(loopback.serve(new Handler.Sequence(redirecting, passing)));

        var redirected = client.sendRequest("GET /v1").receiveResponse();
        var passed = client.sendRequest("GET /v2").receiveResponse();

        assertThat(redirected.status()).as("the status of the first response").isEqualTo(301);
        assertThat(redirected.field("Location")).containsExactly("/v1/");
        assertThat(passed.body()).as("the path, as the upstream gets it").isEqualTo("/v2");
    }

    @Test
    void an_encoded_slash_passes_if_the_server_permits_it() throws Exception {
        ScriptedUpstream upstream = loopback.scripted(everything);
        var http = new HttpConfiguration();
        http.setUriCompliance(UrlNormalizingProxy.GATEWAY_URI_COMPLIANCE);
        var strict = loopback.connect(loopback.serve(below(upstream)));
        var permissive = loopback.connect(loopback.serve(below(upstream), http));

        var refused = strict.sendRequest("GET /v1/a%2Fb").receiveResponse();
        var passed = permissive.sendRequest("GET /v1/a%2Fb").receiveResponse();

        assertThat(refused.status()).as("the status by default").isEqualTo(400);
        assertThat(passed.body()).as("the path, as the upstream gets it").isEqualTo("/v1/a%2Fb");
    }

    private static Handler below(ScriptedUpstream upstream) {
        return new ContextHandler(new StreamingProxy(upstream.target()), "/v1");
    }

    @Test
    void what_no_handler_answers_gets_the_page_of_Jetty_and_a_failure_of_the_upstream_that_of_the_proxy()
            throws Exception {
        var proxy = new StreamingProxy(loopback.refusing());
        var client = loopback.connect(loopback.serve(new ContextHandler(proxy, "/v1")));

        var ofServer = client.sendRequest("GET /x").receiveResponse();
        var ofProxy = client.sendRequest("GET /v1/x").receiveResponse();

        assertThat(ofServer.field("Content-Type").get(0)).startsWith("text/html");
        assertThat(ofProxy.field("Content-Type")).containsExactly("application/problem+json");
    }

    @Test
    void the_error_handler_for_servers_answers_for_the_neighbours_too() throws Exception {
        var proxy = new StreamingProxy(loopback.refusing());
        var address = loopback.serve(new ContextHandler(proxy, "/v1"));
        proxy.getServer().setErrorHandler(new ServerErrorHandler(proxy));

        var response = loopback.connect(address).sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(404);
        assertThat(response.field("Content-Type"))
                .as("Content-Type of what no handler has answered")
                .containsExactly("application/problem+json");
    }

    @Test
    void who_does_not_say_the_password_does_not_reach_the_upstream() throws Exception {
        ScriptedUpstream upstream = loopback.scripted(everything);
        try (var embedded = new Embedded(Wrapping.BASIC_AUTHENTICATION, upstream.target());
                var client = embedded.connect()) {
            var response = client.sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).as("the status of the response").isEqualTo(401);
            assertThat(upstream.connections())
                    .as("requests that reached the upstream")
                    .isZero();
        }
    }

    @TestFactory
    Stream<DynamicTest> a_guarded_path_begins_behind_the_prefix_of_its_context() {
        return Stream.of("/* -> 401", "/v1/* -> 200")
                .map(row -> row.split(" -> "))
                .map(row -> DynamicTest.dynamicTest(row[0], () -> {
                    var security = Wrapping.password(row[0]);
                    security.setHandler(
                            new StreamingProxy(loopback.scripted(everything).target()));
                    var client = loopback.connect(loopback.serve(new ContextHandler(security, "/v1")));

                    var response = client.sendRequest("GET /v1/x").receiveResponse();

                    assertThat(response.status()).isEqualTo(Integer.parseInt(row[1]));
                }));
    }

    @Test
    void the_upstream_gets_the_password_that_the_client_has_said() throws Exception {
        ScriptedUpstream upstream = loopback.scripted(telling("Authorization"));
        try (var embedded = new Embedded(Wrapping.BASIC_AUTHENTICATION, upstream.target());
                var client = embedded.connect()) {
            var response = embedded.send(client, "GET", "/x").receiveResponse();

            assertThat(response.body()).isEqualTo("[Basic YWxpY2U6c2VjcmV0]");
        }
    }

    @Test
    void the_client_of_the_connection_is_trusted_and_not_the_one_that_ForwardedRequestCustomizer_tells()
            throws Exception {
        assertThat(forwardedFor("192.0.2.0/24"))
                .as("X-Forwarded-For, as the upstream gets it")
                .isEqualTo("[127.0.0.1]");
    }

    @Test
    void where_the_client_of_the_connection_is_trusted_what_it_tells_is_kept_behind_ForwardedRequestCustomizer()
            throws Exception {
        assertThat(forwardedFor("127.0.0.1"))
                .as("X-Forwarded-For, as the upstream gets it")
                .isEqualTo("[203.0.113.5, 192.0.2.1, 127.0.0.1]");
    }

    private String forwardedFor(String trusted) throws Exception {
        var proxy =
                new StreamingProxy(loopback.scripted(telling("X-Forwarded-For")).target());
        proxy.setTrustedPeers(trusted);
        var client = loopback.connect(loopback.serve(proxy, customized()));
        return client.sendRequest("GET /x", "X-Forwarded-For: 203.0.113.5, 192.0.2.1")
                .receiveResponse()
                .body();
    }

    private static HttpConfiguration customized() {
        var http = new HttpConfiguration();
        http.addCustomizer(new ForwardedRequestCustomizer());
        return http;
    }

    @Test
    void other_handlers_believe_what_ForwardedRequestCustomizer_tells() throws Exception {
        var yours = new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                response.write(
                        true, ByteBuffer.wrap(Request.getRemoteAddr(request).getBytes(US_ASCII)), callback);
                return true;
            }
        };
        var client = loopback.connect(loopback.serve(yours, customized()));

        var response =
                client.sendRequest("GET /x", "X-Forwarded-For: 203.0.113.5").receiveResponse();

        assertThat(response.body()).isEqualTo("203.0.113.5");
    }
}
