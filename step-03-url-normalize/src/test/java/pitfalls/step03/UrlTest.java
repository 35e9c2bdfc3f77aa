package pitfalls.step03;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.MalformedURLException;
import java.net.URI;
import java.net.URL;
import java.net.UnknownHostException;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import javax.net.ssl.SNIHostName;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step02.ErrorHandlingProxy;
import pitfalls.support.LoopbackTest;
import pitfalls.support.TestAuthority;

class UrlTest {

    @Nested
    class Broken implements LoopbackTest {

        @Order(1)
        @Test
        void a_bare_port_is_no_URL_for_any_of_the_parsers() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> URI.create(":8081"))
                    .withMessageContaining("Expected scheme name at index 0");
            assertThatThrownBy(() -> new URL(":8081"))
                    .isInstanceOf(MalformedURLException.class)
                    .hasMessageContaining("no protocol");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> HttpURI.from(":8081"))
                    .withMessage("Bad Scheme");
        }

        @Order(2)
        @Test
        void localhost_with_a_port_is_read_without_complaint_as_something_else() {
            assertThat(URI.create("localhost:8081"))
                    .extracting(URI::getScheme, URI::getHost, URI::getSchemeSpecificPart)
                    .containsExactly("localhost", null, "8081");
            assertThat(HttpURI.from("localhost:8081"))
                    .extracting(HttpURI::getScheme, HttpURI::getHost, HttpURI::getPath)
                    .containsExactly("localhost", null, "8081");
            assertThatThrownBy(() -> new URL("localhost:8081"))
                    .as("only the oldest of the three refuses it")
                    .hasMessageContaining("unknown protocol: localhost");
        }

        @Test
        void http_in_front_of_a_bare_port_is_a_URL_without_a_host() {
            assertThat(URI.create("http://:8081").getHost()).isNull();
            assertThat(HttpURI.from("http://:8081").getHost()).isNull();
        }

        @Order(3)
        @TestFactory
        Stream<DynamicTest> the_proxy_starts_cleanly_and_answers_500_to_every_request() {
            return Stream.of(":PORT", "PORT", "localhost:PORT", "127.0.0.1:PORT")
                    .map(address -> DynamicTest.dynamicTest(address, () -> {
                        var upstream = loopback.upstream();
                        var target = address.replace("PORT", String.valueOf(upstream.getPort()));
                        var client = loopback.connect(loopback.serve(new ErrorHandlingProxy(target)));

                        var first = client.sendRequest("GET /x").receiveResponse();
                        var second = client.sendRequest("GET /y").receiveResponse();

                        assertThat(List.of(first.status(), second.status())).containsExactly(500, 500);
                        assertThat(upstream.getRequestCount()).isZero();
                    }));
        }

        @TestFactory
        Stream<DynamicTest> a_URL_that_the_server_lets_pass_is_a_500_in_the_proxy() {
            return Stream.of("/x?q={a}|[b]", "/x?%zz", "/x?q=\"<>^`", "*")
                    .map(target -> DynamicTest.dynamicTest(target, () -> {
                        var upstream = loopback.upstream();
                        var client = loopback.connect(loopback.serve(new ErrorHandlingProxy(targetOf(upstream))));

                        var response = client.sendRequest("OPTIONS " + target).receiveResponse();

                        assertThat(response.status()).isEqualTo(500);
                    }));
        }

        @TestFactory
        Stream<DynamicTest> a_URL_that_two_programs_may_read_differently_is_a_400_of_the_server() {
            return Stream.of("/a%2Fb", "//a", "/a/%2e%2e/b", "/a|b", "/a%25b")
                    .map(target -> DynamicTest.dynamicTest(target, () -> {
                        var upstream = loopback.upstream();
                        var client = loopback.connect(loopback.serve(new ErrorHandlingProxy(targetOf(upstream))));

                        var response = client.sendRequest("GET " + target).receiveResponse();

                        assertThat(response.status()).isEqualTo(400);
                    }));
        }

        @Test
        void the_name_of_a_docker_compose_service_is_a_500() throws Exception {
            var client = loopback.connect(loopback.serve(new ErrorHandlingProxy("http://my_service:8081")));

            var response = client.sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).isEqualTo(500);
        }

        @Test
        void a_method_in_lower_case_becomes_another_one() throws Exception {
            var upstream = loopback.upstream(ok());
            var client = loopback.connect(loopback.serve(new ErrorHandlingProxy(targetOf(upstream))));

            client.sendRequest("get /x").receiveResponse();

            assertThat(received(upstream).getMethod())
                    .as("methods are case-sensitive, RFC 9110, section 9.1")
                    .isEqualTo("GET");
        }
    }

    @Nested
    class Fixed implements UrlContract {

        @Override
        public ProxyHandler newProxy(String target) {
            return new UrlNormalizingProxy(target);
        }

        @Test
        void the_name_of_a_docker_compose_service_works() throws Exception {
            var upstream = loopback.upstream(ok());
            var proxy = new UrlNormalizingProxy("my_service:" + upstream.getPort()) {
                @Override
                protected void configureHttpClient(HttpClient httpClient) {
                    super.configureHttpClient(httpClient);
                    httpClient.setSocketAddressResolver((host, port, context, promise) -> {
                        if (host.equals("my_service"))
                            promise.succeeded(List.of(new InetSocketAddress("127.0.0.1", port)));
                        else promise.failed(new IllegalArgumentException(host));
                    });
                }
            };
            var client = loopback.connect(loopback.serve(proxy));

            client.send("GET /x HTTP/1.0\r\n\r\n").receiveResponse();

            assertThat(received(upstream).getHeaders().get("Host")).isEqualTo("my_service:" + upstream.getPort());
        }

        @TestFactory
        Stream<DynamicTest> an_https_upstream_is_told_by_which_name_it_was_called() {
            return Stream.of(
                            "localhost >> [localhost]",
                            "payments >> [payments]",
                            "leader.internal >> [leader.internal]",
                            "leader.internal. >> [leader.internal]",
                            "127.0.0.1 >> []")
                    .map(row -> row.split(" >> "))
                    .map(row -> DynamicTest.dynamicTest(row[0], () -> {
                        var tls = TestAuthority.upstream("localhost", "payments", "leader.internal", "127.0.0.1");
                        var upstream = loopback.scripted(tls, connection -> {
                            String asked = connection.tlsSession().getRequestedServerNames().stream()
                                    .map(name -> ((SNIHostName) name).getAsciiName())
                                    .toList()
                                    .toString();
                            connection.receiveRequest();
                            connection.send(
                                    "HTTP/1.1 200 OK\r\nContent-Length: " + asked.length() + "\r\n\r\n" + asked);
                        });
                        var proxy = new UrlNormalizingProxy(upstream.target(row[0])) {
                            @Override
                            protected void configureHttpClient(HttpClient httpClient) {
                                super.configureHttpClient(httpClient);
                                httpClient.setSocketAddressResolver((host, port, context, promise) ->
                                        promise.succeeded(List.of(onLoopback(host, port))));
                            }
                        };
                        proxy.setSslContextFactory(TestAuthority.trusting());
                        var server = loopback.serve(proxy);

                        var response =
                                loopback.connect(server).sendRequest("GET /x").receiveResponse();

                        assertThat(response.body()).isEqualTo(row[1]);
                    }));
        }

        private static InetSocketAddress onLoopback(String host, int port) {
            try {
                return new InetSocketAddress(InetAddress.getByAddress(host, new byte[] {127, 0, 0, 1}), port);
            } catch (UnknownHostException x) {
                throw new UncheckedIOException(x);
            }
        }

        @Test
        void unless_the_server_is_told_to_pass_them_on_ambiguous_URLs_are_refused() throws Exception {
            var upstream = loopback.upstream();
            var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream))));

            assertThat(client.sendRequest("GET /a%2Fb").receiveResponse().status())
                    .isEqualTo(400);
        }

        @Test
        void what_is_refused_is_not_handed_to_the_next_handler() throws Exception {
            var handledAgain = new AtomicInteger();
            var behind = new Handler.Abstract() {
                @Override
                public boolean handle(Request request, Response response, Callback callback) {
                    handledAgain.incrementAndGet();
                    return false;
                }
            };
            var sequence = new Handler.Sequence(newProxy("http://127.0.0.1:1"), behind);
            var client = loopback.connect(loopback.serve(sequence));

            client.sendRequest("CONNECT www.example.com:443").receiveResponse();
            client.sendRequest("CONNECT www.example.com:443").receiveResponse(); // by now the first one is over

            assertThat(handledAgain).hasValue(0);
        }

        @Test
        void a_base_path_is_no_fence_once_the_server_passes_everything_on() throws Exception {
            var upstream = loopback.upstream(ok());
            var configuration = new HttpConfiguration();
            configuration.setUriCompliance(UrlNormalizingProxy.GATEWAY_URI_COMPLIANCE);
            var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream) + "/public"), configuration));

            client.sendRequest("GET /..%2Fsecret").receiveResponse();

            assertThat(received(upstream).getTarget())
                    .as("an upstream that decodes before it normalizes reads /secret")
                    .isEqualTo("/public/..%2Fsecret");
        }

        @Test
        void a_user_or_a_fragment_in_a_request_target_is_refused_by_the_server_all_the_same() {
            assertThat(UrlNormalizingProxy.GATEWAY_URI_COMPLIANCE.getAllowed())
                    .doesNotContain(UriCompliance.Violation.USER_INFO, UriCompliance.Violation.FRAGMENT);
        }
    }
}
