package pitfalls.step05;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.net.InetAddress;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step02.ErrorResponder;
import pitfalls.step04.RetryPolicy;
import pitfalls.step04.RetryingProxy;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;

class HopsTest {

    @Nested
    class Broken implements LoopbackTest {

        @Test
        @Order(1)
        void a_proxy_that_forwards_to_itself_causes_requests_until_its_own_connections_run_out() throws Exception {
            int connections = 24; // of 64, to see it sooner
            var server = loopback.serveLater();
            var proxy = new RetryingProxy(server.address().toString());
            server.serve(proxy);
            proxy.getHttpClient().setMaxConnectionsPerDestination(connections);
            proxy.getHttpClient().setIdleTimeout(400);

            var response =
                    loopback.connect(server.address()).sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).isEqualTo(504);
            assertThat(server.requests().count())
                    .as("requests within each other, for one of a client's")
                    .isGreaterThanOrEqualTo(connections);
        }

        @Test
        void Via_tells_the_name_of_the_machine() throws Exception {
            var upstream = loopback.upstream(ok());
            var client = loopback.connect(loopback.serve(new RetryingProxy(targetOf(upstream))));

            client.sendRequest("GET /x").receiveResponse();

            assertThat(received(upstream).getHeaders().get("Via"))
                    .isEqualTo("1.1 " + InetAddress.getLocalHost().getHostName());
        }

        @Test
        void Max_Forwards_is_passed_on_as_it_is() throws Exception {
            var upstream = loopback.upstream(ok());
            var client = loopback.connect(loopback.serve(new RetryingProxy(targetOf(upstream))));

            client.sendRequest("TRACE /x", "Max-Forwards: 0").receiveResponse();

            assertThat(received(upstream).getHeaders().get("Max-Forwards")).isEqualTo("0");
        }

        @Test
        void a_field_that_the_upstream_names_in_Connection_leaks_to_the_client() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 204 No Content\r\nConnection: X-Hop\r\nX-Hop: for the proxy only\r\n\r\n");
            });
            var client = loopback.connect(loopback.serve(new RetryingProxy(upstream.target())));

            var response = client.sendRequest("GET /x").receiveResponse();

            assertThat(response.field("X-Hop")).containsExactly("for the proxy only");
        }

        @Test
        void a_field_of_an_interim_response_leaks_too() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 103 Early Hints\r\nConnection: X-Hop\r\nX-Hop: for the proxy only\r\n\r\n"
                        + "HTTP/1.1 204 No Content\r\n\r\n");
            });
            var client = loopback.connect(loopback.serve(new RetryingProxy(upstream.target())));

            var interim = client.sendRequest("GET /x").receiveResponse();

            assertThat(interim.fieldNames()).contains("X-Hop");
            client.receiveResponse();
        }

        @Test
        void Host_named_in_Connection_is_lost() throws Exception {
            var upstream = loopback.upstream(ok());
            var client = loopback.connect(loopback.serve(new RetryingProxy(targetOf(upstream))));

            client.sendRequest("GET /x", "Connection: Host").receiveResponse();

            assertThat(received(upstream).getHeaders().get("Host")).isNotEqualTo("www.example.com");
        }
    }

    @Nested
    class Fixed implements HopsContract {

        @Override
        public ProxyHandler newProxy(String target, HopMark mark) {
            var proxy = new HopDetectingProxy(target);
            proxy.setHopMark(mark);
            return proxy;
        }

        @Test
        void without_any_setting_a_loop_ends_too() throws Exception {
            var server = loopback.serveLater();
            server.serve(new HopDetectingProxy(server.address().toString()));

            var response =
                    loopback.connect(server.address()).sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).isEqualTo(508);
        }

        @Test
        void a_mark_with_a_bug_is_a_500_through_the_responder() throws Exception {
            var upstream = loopback.upstream();
            var proxy = new HopDetectingProxy(targetOf(upstream));
            proxy.setHopMark(new HopMark() {
                @Override
                public boolean isOn(HttpFields fields, String pseudonym) {
                    throw new IllegalStateException("a bug in the mark");
                }

                @Override
                public void putOn(HttpFields.Mutable fields, String pseudonym) {
                    // Nothing comes this far.
                }
            });
            var client = loopback.connect(loopback.serve(proxy));

            var response = client.sendRequest("GET /x").receiveResponse();

            assertThat(response.status()).isEqualTo(500);
            assertThat(response.field("Content-Type")).containsExactly("application/problem+json");
            assertThat(response.body()).doesNotContain("bug");
        }

        @Test
        void a_loop_is_one_line_in_the_log() throws Exception {
            var upstream = loopback.upstream();
            var proxy = new HopDetectingProxy(targetOf(upstream));
            proxy.setHopMark("X-MiniKV-Forwarded");
            var client = loopback.connect(loopback.serve(proxy));

            try (var log = LogLines.of("pitfalls")) {
                client.sendRequest("GET /x", "X-MiniKV-Forwarded: 1").receiveResponse();

                assertThat(log.lines())
                        .containsExactly(
                                "WARN answered 508 proxy_loop_detected for GET /x to no upstream: refused [request ID]");
            }
        }

        @Test
        void a_loop_is_told_by_the_responder_of_choice() throws Exception {
            var upstream = loopback.upstream();
            var proxy = new HopDetectingProxy(targetOf(upstream));
            proxy.setHopMark("X-MiniKV-Forwarded");
            proxy.setErrorResponder(ErrorResponder.plainText());
            var client = loopback.connect(loopback.serve(proxy));

            var response = client.sendRequest("GET /x", "X-MiniKV-Forwarded: 1").receiveResponse();

            assertThat(response.status()).isEqualTo(508);
            assertThat(response.body()).isEqualTo("upstream failed: proxy loop detected\n");
        }

        @Test
        void each_attempt_carries_the_mark_and_Via_once() throws Exception {
            var upstream = loopback.scripted(connection -> connection.receiveRequest(), connection -> {
                String seen = connection.receiveRequest().head();
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + seen.length() + "\r\n\r\n" + seen);
            });
            var proxy = new HopDetectingProxy(upstream.target());
            proxy.setHopMark("X-MiniKV-Forwarded");
            proxy.setVia(true);
            proxy.setRetryPolicy(RetryPolicy.idempotent());
            var client = loopback.connect(loopback.serve(proxy));

            String seen = client.sendRequest("OPTIONS /x", "Max-Forwards: 5")
                    .receiveResponse()
                    .body();

            assertThat(seen).containsOnlyOnce("X-MiniKV-Forwarded: 1").containsOnlyOnce("Via:");
            assertThat(seen).contains("Max-Forwards: 4");
        }

        @Test
        void with_another_mark_there_is_no_Via_by_which_an_upstream_would_stop_compressing() throws Exception {
            var upstream = loopback.upstream(ok(), ok());
            for (HopMark mark : List.of(MARKER, HopMark.cdnLoop())) {
                var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream), mark)));

                client.sendRequest("GET /x", "Via: 1.1 fred").receiveResponse();

                assertThat(received(upstream).getHeaders().values("Via")).containsExactly("1.1 fred");
            }
        }

        @Test
        void a_Via_that_is_asked_for_is_written_with_any_mark() throws Exception {
            var upstream = loopback.upstream(ok());
            var proxy = new HopDetectingProxy(targetOf(upstream));
            proxy.setHopMark(MARKER);
            proxy.setVia(true);
            proxy.setViaHost("edge-a");
            var client = loopback.connect(loopback.serve(proxy));

            client.sendRequest("GET /x").receiveResponse();

            assertThat(received(upstream).getHeaders().values("Via")).containsExactly("1.1 edge-a");
        }

        @Test
        void a_proxy_without_Via_and_without_another_mark_does_not_start() {
            var proxy = new HopDetectingProxy(":8081");
            proxy.setVia(false);

            assertThatIllegalStateException()
                    .isThrownBy(proxy::start)
                    .withMessageStartingWith("setVia(false) needs another mark than Via");
        }

        @Test
        void a_loop_ends_by_CDN_Loop_too_and_a_chain_passes() throws Exception {
            var loop = loopback.serveLater(ENOUGH);
            loop.serve(newProxy(loop.address().toString(), HopMark.cdnLoop()));
            var upstream = loopback.upstream(ok());
            var inner = loopback.serve(newProxy(targetOf(upstream), HopMark.cdnLoop()));
            var outer = loopback.serve(newProxy(inner.toString(), HopMark.cdnLoop()));

            var refused = loopback.connect(loop.address()).sendRequest("GET /x").receiveResponse();
            var served = loopback.connect(outer)
                    .sendRequest("GET /x", "CDN-Loop: cdn.example; v=1")
                    .receiveResponse();

            assertThat(refused.status()).isEqualTo(508);
            assertThat(loop.requests().count()).isEqualTo(2);
            assertThat(served.status()).isEqualTo(200);
            assertThat(received(upstream).getHeaders().values("CDN-Loop"))
                    .hasSize(3)
                    .first()
                    .isEqualTo("cdn.example; v=1");
        }

        @TestFactory
        Stream<DynamicTest> a_pseudonym_is_found_wherever_it_stands_in_CDN_Loop() {
            return Stream.of("edge-a 508", "x, EDGE-A;v=\"1\" ,y 508", "edge-ab 200", "x;edge-a 200", ", 200")
                    .map(row -> DynamicTest.dynamicTest(row, () -> {
                        var upstream = loopback.upstream(ok());
                        var proxy = newProxy(targetOf(upstream), HopMark.cdnLoop());
                        proxy.setViaHost("edge-a");
                        var client = loopback.connect(loopback.serve(proxy));
                        int lastSpace = row.lastIndexOf(' ');

                        var response = client.sendRequest("GET /x", "CDN-Loop: " + row.substring(0, lastSpace))
                                .receiveResponse();

                        assertThat(response.status()).isEqualTo(Integer.parseInt(row.substring(lastSpace + 1)));
                    }));
        }

        @Test
        void a_marker_forbids_a_chain_of_two() throws Exception {
            var upstream = loopback.upstream(ok());
            var inner = loopback.serve(newProxy(targetOf(upstream), MARKER));
            var outer = loopback.serve(newProxy(inner.toString(), MARKER));

            var response = loopback.connect(outer).sendRequest("GET /x").receiveResponse();

            assertThat(response.status())
                    .as("no loop, and refused all the same: use Via for chains")
                    .isEqualTo(508);
        }

        @TestFactory
        Stream<DynamicTest> what_is_answered_here_is_not_handed_to_the_next_handler() {
            return Stream.of("Max-Forwards: 0", "X-MiniKV-Forwarded: 1")
                    .map(field -> DynamicTest.dynamicTest(field, () -> {
                        var handledAgain = new AtomicInteger();
                        var behind = new Handler.Abstract() {
                            @Override
                            public boolean handle(Request request, Response response, Callback callback) {
                                handledAgain.incrementAndGet();
                                return false;
                            }
                        };
                        var sequence = new Handler.Sequence(newProxy("http://127.0.0.1:1", MARKER), behind);
                        var client = loopback.connect(loopback.serve(sequence));

                        client.sendRequest("OPTIONS /x", field).receiveResponse();
                        client.sendRequest("OPTIONS /x", field).receiveResponse(); // by now the first one is over

                        assertThat(handledAgain).hasValue(0);
                    }));
        }

        @TestFactory
        Stream<DynamicTest> a_bad_name_for_a_marker_is_refused_in_one_sentence() {
            return Stream.of("", "X Mark", "Host", "via", "X-Mark:", "X-Mark\r\n")
                    .map(name -> DynamicTest.dynamicTest(
                            "'" + name.strip() + "'",
                            () -> assertThatIllegalArgumentException()
                                    .isThrownBy(() -> HopMark.field(name))
                                    .withMessageStartingWith("'" + name + "' is not a name for a mark")));
        }
    }
}
