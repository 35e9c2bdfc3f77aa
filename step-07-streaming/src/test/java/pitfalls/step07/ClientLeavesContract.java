package pitfalls.step07;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.step07.StreamingContract.CHUNKED;

import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.http2.ErrorCode;
import org.eclipse.jetty.http2.api.Session;
import org.eclipse.jetty.http2.api.Stream;
import org.eclipse.jetty.http2.client.HTTP2Client;
import org.eclipse.jetty.http2.frames.DataFrame;
import org.eclipse.jetty.http2.frames.HeadersFrame;
import org.eclipse.jetty.http2.frames.ResetFrame;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step04.RetryPolicy;
import pitfalls.support.Gate;
import pitfalls.support.Headline;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream.Script;
import pitfalls.support.Slow;

/** A proxy that notices a client that leaves, and then lets the upstream go. */
public interface ClientLeavesContract extends LoopbackTest {

    /** The proxy under test, not started. */
    ProxyHandler newProxy(String target, RetryPolicy policy);

    /** The proxy under test, without retries. */
    default ProxyHandler newProxy(String target) {
        return newProxy(target, RetryPolicy.none());
    }

    /** A client that has sent its request. */
    interface Client {
        /** Waits for the head of the response. */
        void receiveHead() throws Exception;

        void leave() throws Exception;
    }

    /** How a client comes: it connects to this server and sends a request. */
    interface Arrival {
        Client to(URI server) throws Exception;
    }

    /** An upstream that does not answer. */
    static Script silent(Gate arrived, Gate freed) {
        return connection -> {
            connection.receiveHead();
            arrived.open();
            connection.awaitEnd();
            freed.open();
        };
    }

    @Headline
    @Order(1)
    @Test
    default void a_client_that_leaves_frees_the_upstream() throws Exception {
        var arrived = new Gate("the request has arrived");
        var freed = new Gate("the upstream's connection has ended");
        var upstream = loopback.scripted(silent(arrived, freed));
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.sendRequest("GET /x");
        arrived.await();
        client.close();

        freed.await();
    }

    @TestFactory
    @Order(2)
    default List<DynamicTest> a_client_that_leaves_before_the_response_frees_the_upstream() {
        return clients((arrival, server) -> {
            var arrived = new Gate("the request has arrived");
            var freed = new Gate("the upstream's connection has ended");
            var upstream = loopback.scripted(silent(arrived, freed));

            var client = arrival.to(server.serve(newProxy(upstream.target())));
            arrived.await();
            client.leave();

            freed.await();
        });
    }

    @TestFactory
    @Order(3)
    default List<DynamicTest> a_client_that_leaves_a_quiet_stream_frees_the_upstream() {
        return clients((arrival, server) -> {
            var freed = new Gate("the upstream's connection has ended");
            var upstream = loopback.scripted(connection -> {
                connection.receiveHead();
                connection.send(CHUNKED + "\r\n3\r\none\r\n");
                connection.awaitEnd();
                freed.open();
            });

            var client = arrival.to(server.serve(newProxy(upstream.target())));
            client.receiveHead();
            client.leave();

            freed.await();
        });
    }

    @Test
    @Order(4)
    default void requests_that_arrive_while_one_is_served_are_answered_in_order() throws Exception {
        var secondWasSent = new Gate("the client has sent its other requests");
        var upstream = loopback.scripted(connection -> {
            String target = connection.receiveRequest().target();
            secondWasSent.await();
            connection.send(
                    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + target.length() + "\r\n\r\n" + target);
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.sendRequest("GET /first");
        assertThat(client.receivesNothingFor(StreamingContract.A_WHILE))
                .as("the watch has begun by now")
                .isTrue();
        client.sendRequest("GET /second").sendRequest("GET /third");
        secondWasSent.open();

        assertThat(List.of(
                        client.receiveResponse().body(),
                        client.receiveResponse().body(),
                        client.receiveResponse().body()))
                .as("the bodies of three responses on one connection")
                .containsExactly("/first", "/second", "/third");
    }

    @Test
    default void a_client_that_leaves_while_it_waits_for_a_100_frees_the_upstream() throws Exception {
        var arrived = new Gate("the request has arrived");
        var freed = new Gate("the upstream's connection has ended");
        var upstream = loopback.scripted(silent(arrived, freed));
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.sendRequest("POST /x", "Content-Length: 3", "Expect: 100-continue");
        arrived.await();
        client.close();

        freed.await();
    }

    @Test
    default void a_body_that_does_not_wait_for_its_100_arrives_whole() throws Exception {
        var bodySent = new Gate("the client has sent its body");
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            bodySent.await();
            connection.send("HTTP/1.1 100 Continue\r\n\r\n");
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + connection.receive(3));
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.sendRequest("POST /x", "Content-Length: 3", "Expect: 100-continue");
        client.receivesNothingFor(StreamingContract.A_WHILE);
        client.send("abc");
        client.receivesNothingFor(Duration.ofMillis(50));
        bodySent.open();
        var response = client.receiveResponse();
        if (response.status() == 100) response = client.receiveResponse();

        assertThat(response.body()).as("the body of the response").isEqualTo("abc");
    }

    @Test
    default void a_client_that_only_ends_its_output_has_left() throws Exception {
        var arrived = new Gate("the request has arrived");
        var freed = new Gate("the upstream's connection has ended");
        var upstream = loopback.scripted(silent(arrived, freed));
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.sendRequest("GET /x");
        arrived.await();
        client.shutdownOutput();
        var response = client.receiveResponse();

        freed.await();
        assertThat(response.status()).as("which it is told, if it is there").isEqualTo(400);
    }

    @Slow
    @Test
    default void a_client_that_leaves_during_the_pause_stops_the_attempts() throws Exception {
        var died = new Gate("the first attempt has failed");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");
            died.open();
        });
        var policy = RetryPolicy.idempotent().withStatuses(503);
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), policy)));

        client.sendRequest("GET /x");
        died.await();
        client.shutdownOutput();
        var response = client.receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(400);
        assertThat(upstream.connections())
                .as("requests that reached the upstream")
                .isEqualTo(1);
    }

    @Test
    default void a_body_without_a_length_is_not_lost_over_HTTP_2() throws Exception {
        var seen = new LinkedBlockingQueue<RawMessage>();
        var upstream = loopback.scripted(connection -> {
            seen.add(connection.receiveRequest());
            connection.send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        });
        var http = new HttpConfiguration();
        var server = loopback.serve(
                newProxy(upstream.target()), new HttpConnectionFactory(http), new HTTP2CServerConnectionFactory(http));

        http2(server, "POST", true, true);
        var post = seen.poll(5, TimeUnit.SECONDS);
        http2(server, "GET", false, true);
        var get = seen.poll(5, TimeUnit.SECONDS);

        assertThat(post.body()).as("the body of the POST at the upstream").isEqualTo("abc");
        assertThat(get.fieldNames())
                .as("the headers of the GET behind it")
                .doesNotContain("Transfer-Encoding", "Content-Length");
    }

    /** A test for each kind of client. */
    interface ClientTest {
        void run(Arrival arrival, Front front) throws Exception;
    }

    /** How a proxy is served to that kind of client. */
    interface Front {
        URI serve(ProxyHandler proxy) throws Exception;
    }

    private static List<DynamicTest> clients(ClientTest test) {
        var http = new HttpConfiguration();
        Front plain = loopback::serve;
        Front tls = proxy -> loopback.serve(proxy, Tls.before("HTTP/1.1"), new HttpConnectionFactory(http));
        Front http2 = proxy ->
                loopback.serve(proxy, new HttpConnectionFactory(http), new HTTP2CServerConnectionFactory(http));
        return List.of(
                client("by FIN", test, plain, server -> http1(get(loopback.connect(server)), RawConnection::close)),
                client("by RST", test, plain, server -> http1(get(loopback.connect(server)), RawConnection::reset)),
                client(
                        "after a body",
                        test,
                        plain,
                        server -> http1(post(loopback.connect(server)), RawConnection::close)),
                client(
                        "over TLS",
                        test,
                        tls,
                        server -> http1(get(loopback.connect(server, Tls.sockets())), RawConnection::close)),
                client(
                        "over TLS after a body",
                        test,
                        tls,
                        server -> http1(post(loopback.connect(server, Tls.sockets())), RawConnection::close)),
                client("over HTTP/2", test, http2, server -> http2(server, "GET", false, true)),
                client("over HTTP/2 after a body", test, http2, server -> http2(server, "POST", true, true)),
                client("over HTTP/2 within a body", test, http2, server -> http2(server, "POST", true, false)));
    }

    private static DynamicTest client(String name, ClientTest test, Front front, Arrival arrival) {
        return DynamicTest.dynamicTest(name, () -> test.run(arrival, front));
    }

    private static RawConnection get(RawConnection client) throws Exception {
        return client.sendRequest("GET /x");
    }

    private static RawConnection post(RawConnection client) throws Exception {
        return client.sendRequest("POST /x", "Content-Length: 3").send("abc");
    }

    /** A way to leave. */
    interface Leaving {
        void leave(RawConnection client) throws Exception;
    }

    private static Client http1(RawConnection client, Leaving leaving) {
        return new Client() {
            @Override
            public void receiveHead() throws Exception {
                client.receiveHead();
            }

            @Override
            public void leave() throws Exception {
                leaving.leave(client);
            }
        };
    }

    private static Client http2(URI server, String method, boolean hasBody, boolean ends) throws Exception {
        var client = loopback.started(new HTTP2Client());
        var address = new InetSocketAddress(server.getHost(), server.getPort());
        var session = client.connect(address, new Session.Listener() {}).get(5, TimeUnit.SECONDS);
        var headReceived = new Gate("the client has received the head");
        var request = new MetaData.Request(method, HttpURI.from(server + "/x"), HttpVersion.HTTP_2, HttpFields.EMPTY);
        var stream = session.newStream(new HeadersFrame(request, null, !hasBody), new Stream.Listener() {
                    @Override
                    public void onHeaders(Stream stream, HeadersFrame frame) {
                        headReceived.open();
                    }
                })
                .get(5, TimeUnit.SECONDS);
        if (hasBody) stream.data(new DataFrame(stream.getId(), ByteBuffer.wrap("abc".getBytes(UTF_8)), ends));
        return new Client() {
            @Override
            public void receiveHead() throws Exception {
                headReceived.await();
            }

            @Override
            public void leave() {
                stream.reset(new ResetFrame(stream.getId(), ErrorCode.CANCEL_STREAM_ERROR.code), Callback.NOOP);
            }
        };
    }
}
