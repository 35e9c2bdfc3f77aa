package pitfalls.step06;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static pitfalls.support.Loopback.awaitIdleConnection;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.net.InetAddress;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.component.Container;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step04.RetryPolicy;
import pitfalls.step05.HopDetectingProxy;
import pitfalls.step05.HopMark;
import pitfalls.support.Gate;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;
import pitfalls.support.Slow;

class DirectorTest {

    @Nested
    class Broken implements LoopbackTest {

        @Test
        @Order(1)
        void the_upstream_gets_the_Host_that_the_client_asked_for() throws Exception {
            var upstream = loopback.upstream(ok());
            var client = loopback.connect(loopback.serve(new HopDetectingProxy(targetOf(upstream))));

            client.sendRequest("GET /x").receiveResponse();

            assertThat(received(upstream).getHeaders().values("Host")).containsExactly("www.example.com");
        }

        @Test
        @Order(2)
        void a_client_may_claim_to_be_anybody() throws Exception {
            var upstream = loopback.upstream(ok());
            var client = loopback.connect(loopback.serve(new HopDetectingProxy(targetOf(upstream))));

            client.sendRequest("GET /x", "X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1")
                    .receiveResponse();

            var fields = received(upstream).getHeaders();
            assertThat(fields.values("X-Forwarded-For")).containsExactly("10.0.0.1");
            assertThat(fields.get("Forwarded")).startsWith("for=10.0.0.1, ");
        }

        @Test
        @Order(3)
        void no_upstream_known_is_the_text_of_a_NullPointerException_in_the_log() throws Exception {
            var proxy = new HopDetectingProxy("leader.invalid") {
                @Override
                protected HttpURI rewriteHttpURI(Request clientToProxyRequest) {
                    return null; // what Jetty's function would return for "none"
                }
            };
            var client = loopback.connect(loopback.serve(proxy));

            try (var log = LogLines.of("pitfalls")) {
                var response = client.sendRequest("GET /x").receiveResponse();

                assertThat(response.status()).isEqualTo(500);
                assertThat(log.first()).contains("NullPointerException");
            }
        }

        @Test
        void there_are_two_User_Agents_and_an_invented_Content_Type() throws Exception {
            var upstream = loopback.upstream(ok());
            var client = loopback.connect(loopback.serve(new HopDetectingProxy(targetOf(upstream))));

            client.sendRequest("POST /x", "User-Agent: curl/8", "Content-Length: 3")
                    .send("abc")
                    .receiveResponse();

            var fields = received(upstream).getHeaders();
            assertThat(fields.values("User-Agent"))
                    .hasSize(2)
                    .first()
                    .asString()
                    .startsWith("Jetty/");
            assertThat(fields.values("Content-Type")).containsExactly("application/octet-stream");
        }

        @Test
        void values_of_fields_are_changed_in_both_directions() throws Exception {
            var upstream = loopback.upstream(ok().addHeader("Content-Type", "application/json;charset=UTF-8"));
            var client = loopback.connect(loopback.serve(new HopDetectingProxy(targetOf(upstream))));

            var response = client.sendRequest("GET /x", "Content-Type: application/json;charset=UTF-8")
                    .receiveResponse();

            assertThat(received(upstream).getHeaders().values("Content-Type"))
                    .containsExactly("application/json;charset=utf-8");
            assertThat(response.field("Content-Type")).containsExactly("application/json;charset=utf-8");
        }

        @Test
        void a_cookie_that_differs_in_case_only_is_taken_for_the_one_before() throws Exception {
            var upstream = loopback.upstream(ok(), ok());
            var client = loopback.connect(loopback.serve(new HopDetectingProxy(targetOf(upstream))));

            client.sendRequest("GET /x", "Cookie: sid=abc").receiveResponse();
            client.sendRequest("GET /x", "Cookie: sid=ABC").receiveResponse();

            received(upstream);
            assertThat(received(upstream).getHeaders().get("Cookie")).isEqualTo("sid=abc");
        }

        @Test
        void an_upstream_that_was_used_once_is_kept_for_ever() throws Exception {
            var proxy = new HopDetectingProxy("leader.internal");
            loopback.serve(proxy);

            assertThat(proxy.getHttpClient().getDestinationIdleTimeout())
                    .as("in ms, and 0 is not a timeout")
                    .isZero();
        }

        @Test
        void the_next_client_is_the_user_of_the_one_before() throws Exception {
            var upstream = loopback.scripted(DirectorContract.AUTHENTICATES_CONNECTIONS);
            var proxy = new HopDetectingProxy(upstream.target());
            var server = loopback.serve(proxy);
            var alice = loopback.connect(server);

            for (String credentials : new String[] {"NTLM hello", "NTLM I am Alice"}) {
                alice.sendRequest("GET /x", "Authorization: " + credentials).receiveResponse();
                awaitIdleConnection(proxy.getHttpClient());
            }
            var response = loopback.connect(server).sendRequest("GET /x").receiveResponse();

            assertThat(response.field("X-User"))
                    .as("whom the upstream takes a client for that has never said who it is")
                    .containsExactly("Alice");
        }
    }

    @Nested
    class Fixed implements DirectorContract {

        @Override
        public ProxyHandler newProxy(Director director, RetryPolicy policy, String... trustedPeers) {
            var proxy = new DirectedProxy(director);
            proxy.setRetryPolicy(policy);
            proxy.setTrustedPeers(trustedPeers);
            return proxy;
        }

        @Test
        void a_mark_that_looks_like_what_a_client_may_not_say_survives() throws Exception {
            var upstream = loopback.upstream(ok());
            var proxy = new DirectedProxy(targetOf(upstream));
            proxy.setHopMark("X-Forwarded-Hop");
            var client = loopback.connect(loopback.serve(proxy));

            client.sendRequest("GET /x", "X-Forwarded-Other: spoofed").receiveResponse();

            var received = received(upstream);
            assertThat(received.getHeaders().get("X-Forwarded-Hop")).isEqualTo("1");
            assertThat(received.getHeaders().get("X-Forwarded-Other")).isNull();
        }

        @Test
        void a_client_cannot_take_such_a_mark_away_by_sending_the_same_field() throws Exception {
            var upstream = loopback.upstream(ok());
            var proxy = new DirectedProxy(targetOf(upstream));
            proxy.setHopMark(new HopMark() {
                @Override
                public boolean isOn(HttpFields fields, String pseudonym) {
                    return fields.contains("X-Forwarded-Hop", "here");
                }

                @Override
                public void putOn(HttpFields.Mutable fields, String pseudonym) {
                    fields.put("X-Forwarded-Hop", "here");
                }
            });
            var client = loopback.connect(loopback.serve(proxy));

            client.sendRequest("GET /x", "X-Forwarded-Hop: elsewhere").receiveResponse();

            assertThat(received(upstream).getHeaders().values("X-Forwarded-Hop"))
                    .containsExactly("here");
        }

        @Slow
        @Test
        void an_upstream_that_is_no_longer_chosen_is_let_go() throws Exception {
            var upstream = loopback.upstream(ok().addHeader("Connection", "close"));
            var proxy = new DirectedProxy(targetOf(upstream)) {
                @Override
                protected void configureHttpClient(HttpClient httpClient) {
                    super.configureHttpClient(httpClient);
                    assertThat(httpClient.getDestinationIdleTimeout()).isEqualTo(60_000);
                    httpClient.setDestinationIdleTimeout(1);
                }
            };
            var client = loopback.connect(loopback.serve(proxy));
            var letGo = new Gate("the destination is no longer kept");
            proxy.getHttpClient().addEventListener(new Container.Listener() {
                @Override
                public void beanAdded(Container parent, Object child) {}

                @Override
                public void beanRemoved(Container parent, Object child) {
                    if (child instanceof Destination) letGo.open();
                }
            });

            client.sendRequest("GET /x").receiveResponse();

            letGo.await();
            assertThat(proxy.getHttpClient().getDestinations()).isEmpty();
        }

        @TestFactory
        Stream<DynamicTest> the_clients_Host_arrives_where_the_operator_wants_it() {
            return Stream.of(
                            "GET /x HTTP/1.1\r\nHost: Shop.example:80\r\n -> Shop.example:80",
                            "GET /x HTTP/1.1\r\nHost: shop.example\r\nConnection: Host\r\n -> shop.example",
                            "GET http://shop.example/x HTTP/1.1\r\nHost: shop.example\r\n -> shop.example",
                            "GET /x HTTP/1.0\r\n -> the upstream's")
                    .map(row -> row.split(" -> "))
                    .map(row -> DynamicTest.dynamicTest(row[0].replace("\r\n", ", "), () -> {
                        var upstream = loopback.upstream(ok());
                        var proxy = new DirectedProxy(targetOf(upstream));
                        proxy.setPreserveHost(true);

                        loopback.connect(loopback.serve(proxy))
                                .send(row[0] + "\r\n")
                                .receiveResponse();

                        assertThat(received(upstream).getHeaders().values("Host"))
                                .containsExactly(row[1].replace("the upstream's", "127.0.0.1:" + upstream.getPort()));
                    }));
        }

        @Test
        void the_authority_of_an_HTTP_2_client_arrives_as_Host_where_the_operator_wants_it() throws Exception {
            var upstream = loopback.upstream(ok());
            var proxy = new DirectedProxy(targetOf(upstream));
            proxy.setPreserveHost(true);
            var http = new HttpConfiguration();
            var server =
                    loopback.serve(proxy, new HttpConnectionFactory(http), new HTTP2CServerConnectionFactory(http));

            java.net.http.HttpClient.newBuilder()
                    .version(java.net.http.HttpClient.Version.HTTP_2)
                    .build()
                    .send(HttpRequest.newBuilder(server).build(), BodyHandlers.discarding());

            var fields = received(upstream).getHeaders();
            assertThat(fields.get("Via")).startsWith("2.0 ");
            assertThat(fields.values("Host")).containsExactly(server.getAuthority());
        }

        @TestFactory
        Stream<DynamicTest> a_location_is_mapped_where_Host_is_not_the_clients_unless_the_operator_decides() {
            return Stream.of("null false mapped", "false false kept", "null true kept", "true true mapped")
                    .map(row -> row.split(" "))
                    .map(row -> DynamicTest.dynamicTest(String.join(" ", row), () -> {
                        var upstream = loopback.upstream();
                        String location = targetOf(upstream) + "/x";
                        upstream.enqueue(
                                ok().code(302).addHeader("Location", location).build());
                        var proxy = new DirectedProxy(targetOf(upstream));
                        proxy.setPreserveHost(Boolean.parseBoolean(row[1]));
                        if (!row[0].equals("null")) proxy.setMapsLocation(Boolean.parseBoolean(row[0]));
                        var client = loopback.connect(loopback.serve(proxy));

                        var response = client.sendRequest("GET /x").receiveResponse();

                        assertThat(response.field("Location"))
                                .containsExactly(row[2].equals("kept") ? location : "http://www.example.com/x");
                    }));
        }

        @Test
        void a_location_that_names_the_Host_of_the_operators_choice_is_mapped_too() throws Exception {
            var upstream = loopback.upstream(
                    ok().code(302).addHeader("Location", "http://Shop.internal/x"),
                    ok().code(302).addHeader("Location", "http://shop.internal:80/x"));
            var proxy = new DirectedProxy(targetOf(upstream));
            proxy.setProxyToServerHost("shop.internal");
            var client = loopback.connect(loopback.serve(proxy));

            for (int i = 0; i < 2; i++) {
                assertThat(client.sendRequest("GET /x").receiveResponse().field("Location"))
                        .containsExactly("http://www.example.com/x");
            }
        }

        @TestFactory
        Stream<DynamicTest> a_range_that_is_none_is_refused_in_one_sentence() {
            return Stream.of(
                            "",
                            "localhost",
                            "10.0.0.0/33",
                            "10.0.0.1/8",
                            "10.0.0",
                            "300.1.1.1",
                            "::g",
                            "10.0.0.0/",
                            "::/129")
                    .map(range -> DynamicTest.dynamicTest(
                            "'" + range + "'",
                            () -> assertThatIllegalArgumentException()
                                    .isThrownBy(() -> new DirectedProxy(":8081").setTrustedPeers(range))
                                    .withMessageStartingWith("'" + range + "' is not a range of addresses")));
        }

        @TestFactory
        Stream<DynamicTest> everybody_can_be_trusted_and_the_log_warns_of_it() {
            return Stream.of("0.0.0.0/0", "::/0", "0:0::0/0")
                    .map(range -> DynamicTest.dynamicTest(range, () -> {
                        boolean isIPv6 = range.contains(":");
                        try (var log = LogLines.of("pitfalls")) {
                            var peers = TrustedPeers.parse(range);

                            assertThat(log.lines())
                                    .singleElement()
                                    .asString()
                                    .startsWith("WARN every client that connects over " + (isIPv6 ? "IPv6" : "IPv4"));
                            for (String address : List.of("0.0.0.0", "127.0.0.1", "128.0.0.0", "255.255.255.255")) {
                                assertThat(peers.contains(InetAddress.getByName(address)))
                                        .isNotEqualTo(isIPv6);
                            }
                            for (String address : List.of("::", "::1", "8000::", "ffff::1")) {
                                assertThat(peers.contains(InetAddress.getByName(address)))
                                        .isEqualTo(isIPv6);
                            }
                        }
                    }));
        }

        @Test
        void an_address_that_is_empty_or_missing_is_no_upstream_and_no_failure() throws Exception {
            assertThat(Director.leader(() -> "").upstreamOf(null)).isEmpty();
            assertThat(Director.leader(() -> null).upstreamOf(null)).isEmpty();
        }

        @Test
        void a_director_with_an_address_that_is_none_is_refused_at_construction() {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Director.fixed("not a url"))
                    .withMessageStartingWith("'not a url' is not an upstream address");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Director.byField("X-Tenant", Map.of("red", "not a url")))
                    .withMessageStartingWith("'not a url' is not an upstream address");
        }
    }
}
