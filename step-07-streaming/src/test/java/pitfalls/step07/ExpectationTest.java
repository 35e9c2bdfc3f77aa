package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.awaitIdleConnection;

import java.time.Duration;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.junit.jupiter.api.ClassOrderer;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestClassOrder;
import pitfalls.step06.DirectedProxy;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.Slow;

/** A body that its client holds back until it is asked for it, and an upstream that does not ask. */
@TestClassOrder(ClassOrderer.OrderAnnotation.class)
class ExpectationTest {
    private static final String[] HELD_BACK = {"Content-Length: 3", "Expect: 100-continue"};

    @Nested
    @Order(1)
    class Broken implements LoopbackTest {

        @Test
        void an_upstream_that_ignores_the_expectation_never_gets_the_body() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.ended();
            });
            var proxy = new DirectedProxy(upstream.target());
            var client = loopback.connect(loopback.serve(proxy));
            proxy.getHttpClient().setIdleTimeout(100);

            var response = client.sendRequest("POST /x", HELD_BACK).send("abc").receiveResponse();

            assertThat(response.status()).isEqualTo(504);
        }

        @Test
        void a_refusal_is_held_back_until_it_is_complete() throws Exception {
            var wasSilent = new Gate("the client has received nothing for a while");
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.send("HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
                wasSilent.await();
            });
            var client = loopback.connect(loopback.serve(new DirectedProxy(upstream.target())));

            client.sendRequest("POST /x", HELD_BACK);

            assertThat(client.receivesNothingFor(StreamingContract.A_WHILE)).isTrue();
            wasSilent.open();
        }
    }

    @Nested
    @Order(2)
    class Fixed implements LoopbackTest {
        private static final Duration MOMENT = Duration.ofMillis(100);

        private RawConnection connect(ScriptedUpstream upstream, Timeouts timeouts, Duration continueDelay)
                throws Exception {
            return loopback.connect(loopback.serve((ProxyHandler) newProxy(upstream, timeouts, continueDelay)));
        }

        private StreamingProxy newProxy(ScriptedUpstream upstream, Timeouts timeouts, Duration continueDelay) {
            var proxy = new StreamingProxy(upstream.target());
            proxy.setTimeouts(timeouts);
            proxy.setContinueDelay(continueDelay);
            return proxy;
        }

        @Test
        void an_upstream_that_ignores_the_expectation_gets_the_body_after_a_moment() throws Exception {
            var upstream = loopback.scripted(connection -> {
                String body = connection.receiveRequest().body();
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + body);
                String next = connection.receiveRequest().body();
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + next);
                connection.ended();
            });
            var proxy = newProxy(upstream, Timeouts.defaults(), MOMENT);
            var client = loopback.connect(loopback.serve((ProxyHandler) proxy));

            for (String body : new String[] {"abc", "def"}) {
                var asked = client.sendRequest("POST /x", HELD_BACK).receiveResponse();
                var response = client.send(body).receiveResponse();

                assertThat(asked.status()).isEqualTo(100);
                assertThat(response.status()).isEqualTo(200);
                assertThat(response.body()).isEqualTo(body);
                awaitIdleConnection(proxy.getHttpClient());
            }
            assertThat(upstream.connections()).isEqualTo(1);
        }

        @Test
        void that_moment_is_a_second_unless_a_test_sets_it() {
            assertThat(new StreamingProxy(":8081").continueDelay).hasSeconds(1);
        }

        @Slow
        @Test
        void the_moment_does_not_count_as_silence_of_the_upstream() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 204 No Content\r\n\r\n");
            });
            var timeouts = Timeouts.defaults().withResponse(Duration.ofMillis(250));
            var client = connect(upstream, timeouts, Duration.ofMillis(600));

            var asked = client.sendRequest("POST /x", HELD_BACK).receiveResponse();
            var response = client.send("abc").receiveResponse();

            assertThat(asked.status()).isEqualTo(100);
            assertThat(response.status()).isEqualTo(204);
        }

        @Test
        @Slow
        void an_upstream_that_is_silent_behind_the_body_is_a_504() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.awaitEnd();
            });
            var client = connect(upstream, Timeouts.defaults().withResponse(Duration.ofMillis(250)), MOMENT);

            var asked = client.sendRequest("POST /x", HELD_BACK).receiveResponse();
            var response = client.send("abc").receiveResponse();

            assertThat(asked.status()).isEqualTo(100);
            assertThat(response.status()).isEqualTo(504);
        }

        @Test
        void a_100_that_comes_when_the_body_has_been_sent_is_dropped() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
                        + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            });
            var client = connect(upstream, Timeouts.defaults(), MOMENT);

            var asked = client.sendRequest("POST /x", HELD_BACK).receiveResponse();
            var response = client.send("abc").receiveResponse();

            assertThat(asked.status()).isEqualTo(100);
            assertThat(response.status()).isEqualTo(200);
            assertThat(response.body()).isEqualTo("ok");
        }

        @Test
        void a_100_has_the_body_sent_at_once() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.send("HTTP/1.1 100 Continue\r\n\r\n");
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + connection.receive(3));
            });
            var client = connect(upstream, Timeouts.defaults(), Duration.ofMinutes(1));

            var asked = client.sendRequest("POST /x", HELD_BACK).receiveResponse();
            var response = client.send("abc").receiveResponse();

            assertThat(asked.status()).isEqualTo(100);
            assertThat(response.body()).isEqualTo("abc");
        }

        @Test
        @Slow
        void a_100_in_time_has_the_body_sent_once() throws Exception {
            var seen = new LinkedBlockingQueue<String>();
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.send("HTTP/1.1 100 Continue\r\n\r\n");
                seen.add(connection.receive(3));
                assertThat(connection.receivesNothingFor(MOMENT.multipliedBy(3)))
                        .isTrue();
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            });
            var client = connect(upstream, Timeouts.defaults(), MOMENT);

            var asked = client.sendRequest("POST /x", HELD_BACK).receiveResponse();
            var response = client.send("abc").receiveResponse();

            assertThat(asked.status()).isEqualTo(100);
            assertThat(response.body()).isEqualTo("ok");
            assertThat(seen.poll(5, TimeUnit.SECONDS)).isEqualTo("abc");
        }

        @Test
        void a_refusal_is_passed_on_as_it_comes_and_the_body_is_never_sent() throws Exception {
            var firstArrived = new Gate("the first chunk of the refusal has arrived");
            var seen = new LinkedBlockingQueue<String>();
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.send("HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
                firstArrived.await();
                assertThat(connection.receivesNothingFor(MOMENT.multipliedBy(3)))
                        .isTrue();
                connection.send("3\r\ntwo\r\n0\r\n\r\n");
                seen.add(connection.receiveToEnd());
            });
            var client = connect(upstream, Timeouts.defaults(), MOMENT);

            var head = new RawMessage(client.sendRequest("POST /x", HELD_BACK).receiveHead(), "", true);
            String first = client.receiveChunk();
            firstArrived.open();
            var rest = client.receiveBodyOf(head);

            assertThat(head.status()).isEqualTo(413);
            assertThat(first).isEqualTo("one");
            assertThat(rest.body()).isEqualTo("two");
            assertThat(rest.complete()).isTrue();
            assertThat(client.ended())
                    .as("whether the connection ends, with a body left")
                    .isTrue();
            assertThat(seen.poll(5, TimeUnit.SECONDS))
                    .as("the body at the upstream")
                    .isEmpty();
        }

        @Test
        void a_large_refusal_is_passed_on_as_a_whole() throws Exception {
            int mebibytes = 4;
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: " + (mebibytes << 20) + "\r\n\r\n");
                for (int i = 0; i < mebibytes; i++) connection.send(new byte[1 << 20]);
                connection.awaitEnd();
            });
            var client = connect(upstream, Timeouts.defaults(), Duration.ofSeconds(5)); // in which it begins

            var response = client.sendRequest("POST /x", HELD_BACK).receiveResponse();

            assertThat(response.status()).isEqualTo(403);
            assertThat(response.body()).hasSize(mebibytes << 20);
            assertThat(response.complete()).isTrue();
        }
    }
}
