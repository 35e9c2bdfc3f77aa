package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import pitfalls.http2.Side;
import pitfalls.http2.Side.Head;
import pitfalls.step03.UrlNormalizingProxy;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.Slow;

/** What holds for every client and every upstream, whichever versions of HTTP they speak. */
@Slow
class VersionsTest implements LoopbackTest {
    private static final Duration A_WHILE = StreamingContract.A_WHILE;

    /** The upstream's part. */
    private interface Script {
        void play(Side upstream) throws Exception;
    }

    /** Who speaks what. */
    private record Versions(boolean clientIsHttp2, boolean upstreamIsHttp2) {
        private static Stream<Versions> all() {
            return Stream.of(false, true)
                    .flatMap(client -> Stream.of(false, true).map(upstream -> new Versions(client, upstream)));
        }

        private ScriptedUpstream upstream(Script script) throws Exception {
            return loopback.scripted(connection -> {
                script.play(Side.upstream(upstreamIsHttp2, connection));
                connection.awaitEnd(); // it ends with the proxy, and never while a response is read
            });
        }

        private StreamingProxy proxy(ScriptedUpstream upstream) {
            return new StreamingProxy((upstreamIsHttp2 ? "h2c" : "http") + "://127.0.0.1:" + upstream.port());
        }

        private RawConnection connect(StreamingProxy proxy) throws Exception {
            var http = new HttpConfiguration();
            http.setUriCompliance(UrlNormalizingProxy.GATEWAY_URI_COMPLIANCE);
            return loopback.connect(
                    loopback.serve(proxy, new HttpConnectionFactory(http), new HTTP2CServerConnectionFactory(http)));
        }

        private Side client(StreamingProxy proxy) throws Exception {
            return Side.client(clientIsHttp2, connect(proxy));
        }

        private Side client(Script script) throws Exception {
            return client(proxy(upstream(script)));
        }

        @Override
        public String toString() {
            return (clientIsHttp2 ? "HTTP/2" : "HTTP/1.1") + " to " + (upstreamIsHttp2 ? "HTTP/2" : "HTTP/1.1");
        }
    }

    private interface Case {
        void run(Versions versions) throws Exception;
    }

    private static Stream<DynamicTest> inAllVersions(Case test) {
        return Versions.all().map(versions -> DynamicTest.dynamicTest(versions.toString(), () -> test.run(versions)));
    }

    @TestFactory
    Stream<DynamicTest> a_request_arrives_as_it_was_sent() {
        return inAllVersions(versions -> {
            var received = new CompletableFuture<Head>();
            var client = versions.client(upstream -> {
                received.complete(upstream.head());
                upstream.respond(200).piece("hello").end();
            });

            client.request("GET", "/a%2Fb//c;d?e={f}&g=%zz|", "Cookie: a=1", "X-Twice: 1", "X-Twice: 2");

            assertThat(client.head().status()).isEqualTo(200);
            assertThat(client.body().text()).isEqualTo("hello");
            Head head = received.get();
            assertThat(head.field(":method")).containsExactly("GET");
            assertThat(head.field(":path")).containsExactly("/a%2Fb//c;d?e={f}&g=%zz|");
            assertThat(head.field("x-twice")).containsExactly("1", "2");
            assertThat(head.field("cookie")).containsExactly("a=1");
            assertThat(head.field("x-forwarded-host")).containsExactly("www.example.com");
            assertThat(head.field("x-forwarded-proto")).containsExactly("http");
            assertThat(head.field("via"))
                    .singleElement()
                    .asString()
                    .startsWith(versions.clientIsHttp2 ? "2.0 " : "1.1 ");
        });
    }

    @TestFactory
    Stream<DynamicTest> the_upstream_is_called_by_its_own_authority_or_by_that_of_the_client() {
        return inAllVersions(versions -> {
            for (boolean preserved : List.of(false, true)) {
                var received = new CompletableFuture<Head>();
                var target = versions.upstream(upstream -> {
                    received.complete(upstream.head());
                    upstream.respondOnly(204);
                });
                var proxy = versions.proxy(target);
                proxy.setPreserveHost(preserved);

                var client = versions.client(proxy).request("GET", "/x");

                assertThat(client.head().status()).isEqualTo(204);
                assertThat(received.get().field(":authority"))
                        .containsExactly(preserved ? "www.example.com" : "127.0.0.1:" + target.port());
                if (versions.upstreamIsHttp2)
                    assertThat(received.get().field("host")).isEmpty();
            }
        });
    }

    @TestFactory
    Stream<DynamicTest> what_belongs_to_one_connection_stays_on_it() {
        return inAllVersions(versions -> {
            var received = new CompletableFuture<Head>();
            var client = versions.client(upstream -> {
                received.complete(upstream.head());
                upstream.respondOnly(204);
            });

            client.request("GET", "/x", "TE: trailers");

            assertThat(client.head().status()).isEqualTo(204);
            assertThat(received.get().field("te")).containsExactly("trailers");
            if (versions.upstreamIsHttp2) {
                for (String name : List.of("connection", "keep-alive", "transfer-encoding", "upgrade"))
                    assertThat(received.get().field(name)).as(name).isEmpty();
            }
        });
    }

    @TestFactory
    Stream<DynamicTest> both_bodies_flow_at_the_same_time_and_trailers_pass_both_ways() {
        return inAllVersions(versions -> {
            var trailers = new CompletableFuture<Head>();
            var client = versions.client(upstream -> {
                upstream.head();
                upstream.respond(200).piece("<" + upstream.receivePiece() + ">");
                upstream.piece("<" + upstream.receivePiece() + ">");
                trailers.complete(upstream.body().trailers());
                upstream.end("X-Sum: 7");
            });

            client.request("POST", "/x", false).piece("one");
            client.head();
            String first = client.receivePiece();
            client.piece("two");
            String second = client.receivePiece();
            client.end("X-Count: 2");
            var rest = client.body();

            assertThat(List.of(first, second)).containsExactly("<one>", "<two>");
            assertThat(rest.complete()).isTrue();
            assertThat(rest.trailers().field("x-sum")).containsExactly("7");
            assertThat(trailers.get(5, TimeUnit.SECONDS).field("x-count")).containsExactly("2");
        });
    }

    @TestFactory
    Stream<DynamicTest> interim_responses_pass_in_order() {
        return inAllVersions(versions -> {
            var client = versions.client(upstream -> {
                upstream.head();
                upstream.interim(103, "Link: </a.css>").interim(103, "Link: </b.css>");
                upstream.respondOnly(204);
            });

            client.request("GET", "/x");
            var heads = List.of(client.head(), client.head(), client.head());

            assertThat(heads).extracting(Head::status).containsExactly(103, 103, 204);
            assertThat(heads.get(1).field("link")).containsExactly("</b.css>");
        });
    }

    @TestFactory
    Stream<DynamicTest> a_body_that_the_client_holds_back_is_asked_for_by_the_upstream() {
        return inAllVersions(versions -> {
            var received = new CompletableFuture<String>();
            var client = versions.client(upstream -> {
                upstream.head();
                upstream.interim(100);
                received.complete(upstream.body().text());
                upstream.respondOnly(204);
            });

            client.request("POST", "/x", false, "Expect: 100-continue");
            int interim = client.head().status();
            client.piece("body").end();

            assertThat(interim).isEqualTo(100);
            assertThat(client.head().status()).isEqualTo(204);
            assertThat(received.get(5, TimeUnit.SECONDS)).isEqualTo("body");
        });
    }

    @TestFactory
    Stream<DynamicTest> a_refusal_comes_while_the_client_still_sends() {
        return inAllVersions(versions -> {
            var client = versions.client(upstream -> {
                upstream.head();
                upstream.respond(413).piece("too long").end();
            });

            client.request("POST", "/x", false).piece("one");

            assertThat(client.head().status()).isEqualTo(413);
            assertThat(client.body().text()).isEqualTo("too long");
        });
    }

    @TestFactory
    Stream<DynamicTest> half_a_response_is_not_taken_for_a_whole_one() {
        return inAllVersions(versions -> {
            var halfArrived = new Gate("the first half has arrived");
            var client = versions.client(upstream -> {
                upstream.head();
                upstream.respond(200).piece("half");
                halfArrived.await();
                upstream.breakOff();
            });

            client.request("GET", "/x");
            client.head();
            assertThat(client.receivePiece()).isEqualTo("half");
            halfArrived.open();

            assertThat(client.body().complete()).isFalse();
        });
    }

    @TestFactory
    Stream<DynamicTest> an_upstream_that_breaks_off_before_it_answers_is_a_502() {
        return inAllVersions(versions -> {
            var client = versions.client(upstream -> {
                upstream.head();
                upstream.breakOff();
            });

            client.request("POST", "/x");
            Head head = client.head();

            assertThat(head.status()).isEqualTo(502);
            assertThat(head.field("proxy-status")).containsExactly("reverse-proxy; error=connection_terminated");
        });
    }

    @TestFactory
    Stream<DynamicTest> a_client_that_leaves_frees_the_upstream() {
        return inAllVersions(versions -> {
            var arrived = new Gate("the request has arrived");
            var freed = new Gate("the upstream is freed");
            var client = versions.client(upstream -> {
                upstream.head();
                arrived.open();
                upstream.awaitBreakOff();
                freed.open();
            });

            client.request("GET", "/x");
            arrived.await();
            client.breakOff();

            freed.await();
        });
    }

    @TestFactory
    Stream<DynamicTest> a_client_that_leaves_a_quiet_stream_frees_the_upstream() {
        return inAllVersions(versions -> {
            var freed = new Gate("the upstream is freed");
            var client = versions.client(upstream -> {
                upstream.head();
                upstream.respond(200).piece("one");
                upstream.awaitBreakOff();
                freed.open();
            });

            client.request("GET", "/x");
            client.head();
            client.receivePiece();
            client.breakOff();

            freed.await();
        });
    }

    @TestFactory
    Stream<DynamicTest> an_upstream_that_does_not_answer_in_time_is_a_504() {
        return inAllVersions(versions -> {
            var answered = new Gate("the client is answered");
            var proxy = versions.proxy(versions.upstream(upstream -> {
                upstream.head();
                answered.await();
            }));
            proxy.setTimeouts(Timeouts.defaults().withResponse(Duration.ofMillis(100)));
            var client = versions.client(proxy).request("GET", "/x");

            Head head = client.head();
            answered.open();

            assertThat(head.status()).isEqualTo(504);
            assertThat(head.field("proxy-status")).containsExactly("reverse-proxy; error=http_response_timeout");
        });
    }

    @TestFactory
    Stream<DynamicTest> a_stream_may_be_quiet_for_longer_than_a_response_may_take() {
        return inAllVersions(versions -> {
            var wasQuiet = new Gate("the stream was quiet for a while");
            var proxy = versions.proxy(versions.upstream(upstream -> {
                upstream.head();
                upstream.respond(200).piece("one");
                wasQuiet.await();
                upstream.piece("two").end();
            }));
            proxy.setTimeouts(Timeouts.defaults().withResponse(Duration.ofMillis(100)));
            var connection = versions.connect(proxy);
            var client = Side.client(versions.clientIsHttp2, connection);

            client.request("GET", "/x");
            client.head();
            client.receivePiece();
            connection.receivesNothingFor(A_WHILE);
            wasQuiet.open();

            var rest = client.body();
            assertThat(rest.complete()).isTrue();
            assertThat(rest.text()).isEqualTo("two");
        });
    }

    @TestFactory
    Stream<DynamicTest> a_stream_that_is_quiet_for_too_long_is_broken_off() {
        return inAllVersions(versions -> {
            var brokenOff = new Gate("the stream is broken off");
            var proxy = versions.proxy(versions.upstream(upstream -> {
                upstream.head();
                upstream.respond(200).piece("one");
                brokenOff.await();
            }));
            proxy.setTimeouts(Timeouts.defaults().withStream(Duration.ofMillis(100)));
            var client = versions.client(proxy).request("GET", "/x");

            client.head();
            var rest = client.body();
            brokenOff.open();

            assertThat(rest.text()).isEqualTo("one");
            assertThat(rest.complete()).isFalse();
        });
    }

    @TestFactory
    Stream<DynamicTest> the_head_of_a_response_does_not_wait_for_its_body() {
        return inAllVersions(versions -> {
            var headArrived = new Gate("the head has arrived");
            var client = versions.client(upstream -> {
                upstream.head();
                upstream.respond(200, "Content-Type: text/event-stream");
                headArrived.await();
                upstream.piece("one").end();
            });

            client.request("GET", "/x");
            var head = client.head();
            headArrived.open();

            assertThat(head.field("content-type")).containsExactly("text/event-stream");
            assertThat(client.body().text()).isEqualTo("one");
        });
    }

    @TestFactory
    Stream<DynamicTest> a_length_that_the_upstream_does_not_tell_is_not_made_up() {
        return inAllVersions(versions -> {
            var client = versions.client(upstream -> {
                upstream.head();
                upstream.respondOnly(304, "ETag: \"1\"");
            });

            client.request("GET", "/x");
            var head = client.head();

            assertThat(head.status()).isEqualTo(304);
            if (versions.upstreamIsHttp2)
                assertThat(head.field("content-length")).isEmpty();
        });
    }
}
