package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import okio.ByteString;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.BufferedResponseHandler;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Gate;
import pitfalls.support.Guard;
import pitfalls.support.Headline;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;
import pitfalls.support.RefusedOnce;
import pitfalls.support.ScriptedUpstream.Script;
import pitfalls.support.Why;

/** A proxy that sends a failed request again where that is safe, and nowhere else. */
public interface RetriesContract extends LoopbackTest {
    /** What may be retried, without pauses. */
    RetryPolicy IDEMPOTENT = RetryPolicy.idempotent().withBackoff(Duration.ZERO, Duration.ZERO);

    /** How long an upload is that is too long to be kept; the proofs send more than the heap holds. */
    int MEBIBYTES = Integer.getInteger("upload.mebibytes", 8);

    /** How many requests find a stale connection in the pool; more in the proofs. */
    int STALE = Integer.getInteger("stale.connections", 30);

    /** Whether each status is tried with each method, as in the proofs; otherwise the second and the third with GET and POST. */
    boolean EVERY_ROW = Boolean.getBoolean("every.row");

    /** The proxy under test, not started. */
    ProxyHandler newProxy(String target, RetryPolicy policy);

    @Headline
    @Order(1)
    @Test
    @Why(
            "The connection died before a byte of the response came, and a GET does no harm if it is sent twice, so nobody needs to hear of it.")
    default void a_dropped_connection_costs_a_GET_nothing() throws Exception {
        var upstream = loopback.scripted(dies(), answers("served"));
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), IDEMPOTENT)));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status())
                .as("the status of a GET whose first connection dropped")
                .isEqualTo(200);
        assertThat(response.body()).as("the body of the response").isEqualTo("served");
        assertThat(upstream.connections())
                .as("requests that reached the upstream")
                .isEqualTo(2);
    }

    @Why("The connection died after the request was sent. The upstream may have made the payment, "
            + "and would make it twice.")
    @Guard
    @Order(4)
    @Test
    default void a_POST_whose_connection_dropped_is_never_sent_again() throws Exception {
        var upstream = loopback.scripted(dies(), answers("applied twice"));
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), IDEMPOTENT)));

        var response =
                client.sendRequest("POST /x", "Content-Length: 3").send("abc").receiveResponse();

        assertThat(response.status())
                .as("the status of a POST that may have been applied")
                .isEqualTo(502);
        assertThat(upstream.connections())
                .as("requests that reached the upstream")
                .isEqualTo(1);
    }

    @Why("To send a request again is for the operator to decide. Without a policy, " + "policy.attempts() is 1.")
    @Guard
    @Order(5)
    @Test
    default void without_a_policy_every_request_is_sent_once() throws Exception {
        var upstream = loopback.scripted(dies(), answers("sent again"));
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), RetryPolicy.none())));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status())
                .as("the status of a GET that must not be sent again")
                .isEqualTo(502);
        assertThat(upstream.connections())
                .as("requests that reached the upstream")
                .isEqualTo(1);
    }

    @Headline
    @Order(3)
    @TestFactory
    @Why(
            "A connection that was refused has carried nothing, so nothing can be done twice. The outcome is NOT_SENT, and the policy then permits another attempt for each method.")
    default Stream<DynamicTest> if_nothing_was_sent_every_method_is_tried_again() {
        return Stream.of("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH")
                .map(method -> DynamicTest.dynamicTest(
                        method, () -> assertSentWhenNothingWas(client -> client.sendRequest(method + " /x"), "")));
    }

    @TestFactory
    default Stream<DynamicTest> if_nothing_was_sent_the_body_is_still_there() {
        return Stream.of("PUT", "POST", "PATCH")
                .map(method -> DynamicTest.dynamicTest(
                        method, () -> assertSentWhenNothingWas(client -> send(client, method), "abc")));
    }

    /** What a client sends. */
    interface Sending {
        RawConnection on(RawConnection client) throws Exception;
    }

    private void assertSentWhenNothingWas(Sending request, String body) throws Exception {
        try (var refusing = new RefusedOnce(ok())) {
            var proxy = newProxy(refusing.target(), IDEMPOTENT);
            var client = loopback.connect(loopback.serve(proxy));
            var upstream = refusing.startedAfterRefusing(proxy);

            var head = request.on(client).receiveHead();

            assertThat(head)
                    .as("the answer of an upstream that was refusing at first")
                    .startsWith("HTTP/1.1 200 ");
            ByteString received = received(upstream).getBody();
            assertThat(received == null ? "" : received.utf8())
                    .as("the body at the upstream")
                    .isEqualTo(body);
            assertThat(upstream.getRequestCount())
                    .as("requests that reached the upstream")
                    .isEqualTo(1);
        }
    }

    @Why("The first attempt has read the body from the client, and it is gone: the next one would "
            + "announce it and never send it. Keep a copy, or do not send the request again.")
    @TestFactory
    @Order(9)
    default Stream<DynamicTest> if_the_connection_died_only_idempotent_methods_are_tried_again() {
        return Stream.of(
                        attempts("GET", 2),
                        attempts("HEAD", 2),
                        attempts("OPTIONS", 2),
                        attempts("TRACE", 2),
                        attempts("PUT", 2),
                        attempts("DELETE", 2),
                        attempts("POST", 1),
                        attempts("PATCH", 1),
                        attempts("PROPFIND", 1))
                .map(row -> DynamicTest.dynamicTest(row.toString(), () -> assertAttempts(row, IDEMPOTENT, dies())));
    }

    @TestFactory
    @Order(10)
    default Stream<DynamicTest> an_Idempotency_Key_permits_it_if_the_policy_consents() {
        var consenting = IDEMPOTENT.withIdempotencyKeys(true);
        String key = "Idempotency-Key: \"8e03978e\"";
        return Stream.of(
                DynamicTest.dynamicTest(
                        "POST with key and consent: 2",
                        () -> assertAttempts(attempts("POST", 2, key), consenting, dies())),
                DynamicTest.dynamicTest(
                        "PATCH with key and consent: 2",
                        () -> assertAttempts(attempts("PATCH", 2, key), consenting, dies())),
                DynamicTest.dynamicTest(
                        "POST with key, without consent: 1",
                        () -> assertAttempts(attempts("POST", 1, key), IDEMPOTENT, dies())),
                DynamicTest.dynamicTest(
                        "POST with a key that Connection keeps from the upstream: 1",
                        () -> assertAttempts(
                                attempts("POST", 1, key, "Connection: Idempotency-Key"), consenting, dies())),
                DynamicTest.dynamicTest(
                        "POST with an empty key: 1",
                        () -> assertAttempts(attempts("POST", 1, "Idempotency-Key:"), consenting, dies())),
                DynamicTest.dynamicTest(
                        "POST without key, with consent: 1",
                        () -> assertAttempts(attempts("POST", 1), consenting, dies())));
    }

    @TestFactory
    @Order(11)
    default Stream<DynamicTest> a_status_is_tried_again_only_if_the_policy_names_it() {
        var consenting = IDEMPOTENT.withStatuses(502, 503, 504).withIdempotencyKeys(true);
        String key = "Idempotency-Key: \"8e03978e\"";
        return Stream.of(502, 503, 504)
                .flatMap(status -> Stream.of(
                                attempts("GET", 2),
                                attempts("HEAD", 2),
                                attempts("OPTIONS", 2),
                                attempts("TRACE", 2),
                                attempts("PUT", 2),
                                attempts("DELETE", 2),
                                attempts("POST", 1, key),
                                attempts("PATCH", 1, key))
                        .filter(row -> EVERY_ROW
                                || status == 502
                                || List.of("GET", "POST").contains(row.method()))
                        .map(row -> DynamicTest.dynamicTest(
                                status + ", " + row, () -> assertAttempts(row, consenting, answers(status)))));
    }

    @TestFactory
    @Order(8)
    default Stream<DynamicTest> a_status_that_the_policy_does_not_name_is_never_tried_again() {
        return Stream.of("GET", "PUT")
                .map(method -> DynamicTest.dynamicTest(
                        method,
                        () -> assertAttempts(attempts(method, 1), IDEMPOTENT.withStatuses(502, 504), answers(503))));
    }

    @Test
    default void a_status_that_is_not_tried_again_is_passed_on_as_it_is() throws Exception {
        var upstream = loopback.upstream(ok().code(502).body("the upstream's own words"));
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream), IDEMPOTENT)));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(502);
        assertThat(response.body()).as("the body of the response").isEqualTo("the upstream's own words");
    }

    @Test
    default void a_status_that_stays_is_passed_on_in_the_end() throws Exception {
        var upstream = loopback.scripted(answers(503));
        var policy = IDEMPOTENT.withStatuses(503);
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), policy)));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(503);
        assertThat(response.body()).as("the body of the response").isEqualTo("busy");
        assertThat(upstream.connections())
                .as("requests that reached the upstream")
                .isEqualTo(3);
    }

    @Headline
    @Order(2)
    @Test
    @Why(
            "While a proxy sends a request again and again, its client waits and its upstream has no chance to recover. The policy says how many attempts there may be: ask it before each one.")
    default void the_attempts_come_to_an_end() throws Exception {
        var upstream = loopback.scripted(dies());
        var policy = IDEMPOTENT.withAttempts(4);
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), policy)));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(502);
        assertThat(upstream.connections())
                .as("how often a policy of 4 attempts has asked the upstream")
                .isEqualTo(4);
    }

    @TestFactory
    default Stream<DynamicTest> a_body_is_sent_again_byte_for_byte_up_to_the_limit() {
        return Stream.of(true, false)
                .flatMap(chunked -> Stream.of(99, 100, 101)
                        .map(length -> DynamicTest.dynamicTest(
                                length + (chunked ? " bytes in chunks" : " bytes with a length"), () -> {
                                    String body = "0123456789".repeat(11).substring(0, length);
                                    Queue<String> bodies = new ConcurrentLinkedQueue<>();
                                    var upstream = loopback.scripted(
                                            connection -> bodies.add(
                                                    connection.receiveRequest().body()),
                                            connection -> {
                                                bodies.add(connection
                                                        .receiveRequest()
                                                        .body());
                                                connection.send("HTTP/1.1 204 No Content\r\n\r\n");
                                            });
                                    var policy = IDEMPOTENT.withBufferSize(100);
                                    var client = loopback.connect(loopback.serve(newProxy(upstream.target(), policy)));

                                    var response =
                                            sendBody(client, body, chunked).receiveResponse();

                                    boolean fits = length <= 100;
                                    assertThat(response.status())
                                            .as("the status of the response")
                                            .isEqualTo(fits ? 204 : 502);
                                    assertThat(bodies)
                                            .as("the bodies that the upstream received, one for each attempt")
                                            .containsExactlyElementsOf(fits ? List.of(body, body) : List.of(body));
                                })));
    }

    @Test
    default void a_body_that_is_too_long_is_streamed_in_bounded_memory() throws Exception {
        var upstream = loopback.scripted(RetriesContract::answerWithLength);
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), IDEMPOTENT)));

        // The tests run with a heap no larger than that.
        assertThat(sendMebibytes(client, "PUT", MEBIBYTES))
                .as("the bytes that the upstream received")
                .isEqualTo(MEBIBYTES << 20);
    }

    private static int sendMebibytes(RawConnection client, String method, int mebibytes) throws Exception {
        client.sendRequest(method + " /x", "Transfer-Encoding: chunked");
        String chunk = "10000\r\n" + "x".repeat(65536) + "\r\n";
        for (int i = 0; i < mebibytes * 16; i++) client.send(chunk);
        return Integer.parseInt(client.send("0\r\n\r\n").receiveResponse().body());
    }

    private static void answerWithLength(RawConnection connection) throws Exception {
        connection.receiveHead();
        int length = 0;
        for (String chunk = connection.receiveChunk(); !chunk.isEmpty(); chunk = connection.receiveChunk())
            length += chunk.length();
        String body = String.valueOf(length);
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
    }

    @Test
    default void the_first_attempt_does_not_wait_for_the_copy_of_the_body() throws Exception {
        var firstChunkArrived = new Gate("the upstream has received the first chunk");
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            connection.receiveChunk();
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n");
            firstChunkArrived.open();
            connection.receiveChunk();
            connection.receiveChunk();
            connection.send("0\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), IDEMPOTENT)));

        client.sendRequest("PUT /x", "Transfer-Encoding: chunked").send("3\r\none\r\n");
        firstChunkArrived.await();
        client.receiveHead();
        String early = client.receiveChunk();
        client.send("3\r\ntwo\r\n0\r\n\r\n");

        assertThat(early)
                .as("what the client received before the upload was complete")
                .isEqualTo("early");
        assertThat(client.receiveChunk()).as("the last chunk of the response").isEmpty();
    }

    @Test
    default void an_upload_goes_on_in_the_next_attempt_where_the_client_had_come_to() throws Exception {
        var firstDied = new Gate("the first attempt has died");
        Queue<String> bodies = new ConcurrentLinkedQueue<>();
        var upstream = loopback.scripted(
                connection -> {
                    connection.receiveHead();
                    connection.receiveChunk();
                    connection.reset();
                },
                connection -> {
                    connection.receiveHead();
                    bodies.add(connection.receiveChunk());
                    firstDied.open();
                    bodies.add(connection.receiveChunk());
                    bodies.add(connection.receiveChunk());
                    connection.send("HTTP/1.1 204 No Content\r\n\r\n");
                });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), IDEMPOTENT)));

        client.sendRequest("PUT /x", "Transfer-Encoding: chunked").send("3\r\none\r\n");
        firstDied.await();
        var response = client.send("3\r\ntwo\r\n0\r\n\r\n").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(204);
        assertThat(bodies)
                .as("the bodies that the upstream received, one for each attempt")
                .containsExactly("one", "two", "");
    }

    @Test
    default void a_client_that_expects_100_continue_is_asked_for_its_body_once() throws Exception {
        Queue<String> bodies = new ConcurrentLinkedQueue<>();
        Script askThen = connection -> {
            String head = connection.receiveHead();
            connection.send("HTTP/1.1 100 Continue\r\n\r\n");
            bodies.add(head.contains("Expect: 100-continue") ? connection.receive(3) : "no Expect");
        };
        var upstream = loopback.scripted(askThen, connection -> {
            askThen.play(connection);
            connection.send("HTTP/1.1 204 No Content\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), IDEMPOTENT)));

        client.sendRequest("PUT /x", "Content-Length: 3", "Expect: 100-continue");
        var interim = client.receiveResponse();
        var response = client.send("abc").receiveResponse();

        assertThat(List.of(interim.status(), response.status()))
                .as("the status of the interim and of the final response")
                .containsExactly(100, 204);
        assertThat(bodies)
                .as("the bodies that the upstream received, one for each attempt")
                .containsExactly("abc", "abc");
    }

    @Test
    default void nothing_of_a_failed_attempt_survives() throws Exception {
        List<RawMessage> requests = new ArrayList<>();
        var upstream = loopback.scripted(
                connection -> {
                    requests.add(connection.receiveRequest());
                    connection.send("HTTP/1.1 200 OK\r\nSet-Cookie: sid=alice\r\nContent-Length: 10\r\n\r\n");
                },
                connection -> {
                    requests.add(connection.receiveRequest());
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), IDEMPOTENT)));

        var response = client.sendRequest("PUT /x", "Via: 1.1 fred", "Content-Type: text/csv", "Content-Length: 3")
                .send("a,b")
                .receiveResponse();

        assertThat(response.body()).as("the body of the response").isEqualTo("ok");
        assertThat(response.field("Set-Cookie"))
                .as("Set-Cookie of the response")
                .isEmpty();
        assertThat(requests.get(1).head().replace("Connection: close\r\n", ""))
                .as("the head of the second attempt, compared with the first")
                .isEqualTo(requests.get(0).head());
        assertThat(requests.get(1).body()).as("the body of the second attempt").isEqualTo("a,b");
    }

    @Test
    default void what_a_handler_in_front_has_set_survives_a_failed_attempt() throws Exception {
        var upstream = loopback.scripted(dies(), answers("served"));
        var inFront = new Handler.Wrapper(newProxy(upstream.target(), IDEMPOTENT)) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                response.getHeaders().put("Access-Control-Allow-Origin", "*");
                return super.handle(request, response, callback);
            }
        };
        var client = loopback.connect(loopback.serve(inFront));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.body()).as("the body of the response").isEqualTo("served");
        assertThat(response.field("Access-Control-Allow-Origin"))
                .as("Access-Control-Allow-Origin of the response")
                .containsExactly("*");
    }

    /** Otherwise the client would get the beginning of the first response and the whole second one as one. */
    @Test
    default void what_a_handler_in_front_holds_back_of_a_failed_attempt_is_followed_by_no_other() throws Exception {
        var upstream = loopback.scripted(
                connection -> {
                    connection.receiveRequest();
                    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nold\r\n");
                },
                connection -> {
                    connection.receiveRequest();
                    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nserved\r\n0\r\n\r\n");
                });
        var inFront = new BufferedResponseHandler(newProxy(upstream.target(), IDEMPOTENT));
        var client = loopback.connect(loopback.serve(inFront));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(502);
        assertThat(response.body())
                .as("the body of the response")
                .doesNotContain("old")
                .doesNotContain("served");
        assertThat(upstream.connections())
                .as("requests that reached the upstream")
                .isEqualTo(1);
    }

    @TestFactory
    default Stream<DynamicTest> what_another_attempt_would_not_mend_is_not_tried_again() {
        Script silent = connection -> {
            connection.receiveRequest();
            connection.ended();
        };
        Script garbage = connection -> {
            connection.receiveRequest();
            connection.send("garbage\r\n\r\n");
        };
        return Stream.of(
                DynamicTest.dynamicTest("a timeout", () -> assertOneAttempt(silent, 504)),
                DynamicTest.dynamicTest("garbage", () -> assertOneAttempt(garbage, 502)));
    }

    private void assertOneAttempt(Script first, int status) throws Exception {
        var upstream = loopback.scripted(first, answers("served"));
        var proxy = newProxy(upstream.target(), IDEMPOTENT);
        var client = loopback.connect(loopback.serve(proxy));
        if (status == 504) proxy.getHttpClient().setIdleTimeout(100);

        assertThat(client.sendRequest("GET /x").receiveResponse().status())
                .as("the status of the response")
                .isEqualTo(status);
        assertThat(upstream.connections())
                .as("requests that reached the upstream")
                .isEqualTo(1);
    }

    @Test
    default void a_body_that_will_not_be_sent_again_is_not_kept_whatever_the_limit() throws Exception {
        var upstream = loopback.scripted(RetriesContract::answerWithLength);
        var unlimited = IDEMPOTENT.withBufferSize(Integer.MAX_VALUE);
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), unlimited)));

        assertThat(sendMebibytes(client, "POST", MEBIBYTES))
                .as("the bytes that the upstream received")
                .isEqualTo(MEBIBYTES << 20);
    }

    @Test
    default void an_upload_that_goes_on_during_the_pause_is_not_torn() throws Exception {
        var firstDied = new Gate("the first attempt has died");
        Queue<String> bodies = new ConcurrentLinkedQueue<>();
        var upstream = loopback.scripted(
                connection -> {
                    connection.receiveHead();
                    connection.send("HTTP/1.1 100 Continue\r\n\r\n");
                    connection.receiveChunk();
                },
                connection -> {
                    connection.receiveHead();
                    firstDied.open();
                    connection.send("HTTP/1.1 100 Continue\r\n\r\n");
                    for (String chunk = connection.receiveChunk(); !chunk.isEmpty(); chunk = connection.receiveChunk())
                        bodies.add(chunk);
                    connection.send("HTTP/1.1 204 No Content\r\n\r\n");
                });
        var policy = IDEMPOTENT.withBufferSize(5); // "one" fits, "onetwo" does not
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), policy)));

        client.sendRequest("PUT /x", "Transfer-Encoding: chunked", "Expect: 100-continue");
        client.receiveHead();
        client.send("3\r\none\r\n");
        firstDied.await();
        var response = client.send("3\r\ntwo\r\n0\r\n\r\n").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(204);
        assertThat(String.join("", bodies))
                .as("the body that the upstream received in all")
                .isEqualTo("onetwo");
    }

    @Test
    default void connections_that_all_went_stale_cost_a_GET_nothing() throws Exception {
        int pooled = 5;
        var allBusy = new CountDownLatch(pooled);
        Script answersOnce = connection -> {
            connection.receiveRequest();
            allBusy.countDown();
            allBusy.await();
            connection.send("HTTP/1.1 204 No Content\r\n\r\n");
            connection.ended(); // at the next request
        };
        var scripts = new ArrayList<>(Collections.nCopies(pooled, answersOnce));
        scripts.add(answers("served"));
        var upstream = loopback.scripted(scripts.toArray(Script[]::new));
        var proxy = loopback.serve(newProxy(upstream.target(), IDEMPOTENT));
        var clients = new ArrayList<RawConnection>();
        for (int i = 0; i < pooled; i++) clients.add(loopback.connect(proxy).sendRequest("GET /" + i));
        for (RawConnection client : clients) client.receiveResponse();

        var response = clients.get(0).sendRequest("GET /x").receiveResponse();

        assertThat(response.body()).as("the body of the response").isEqualTo("served");
    }

    @Guard
    @Order(6)
    @TestFactory
    @Why(
            "The client has the beginning of one response already, and a second response cannot be joined to it. Break it off instead, as step 2 does.")
    default Stream<DynamicTest> what_the_client_has_seen_the_beginning_of_is_never_sent_again() {
        return Stream.of("GET", "PUT", "POST")
                .map(method -> DynamicTest.dynamicTest(method, () -> {
                    var firstChunkArrived = new Gate("the client has received the first chunk");
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
                        firstChunkArrived.await();
                    });
                    var client = loopback.connect(loopback.serve(newProxy(upstream.target(), IDEMPOTENT)));

                    send(client, method);
                    var head = new RawMessage(client.receiveHead(), "", false);
                    firstChunkArrived.open();

                    assertThat(client.receiveBodyOf(head).complete())
                            .as("whether the response looks complete")
                            .isFalse();
                    assertThat(upstream.connections())
                            .as("requests that reached the upstream")
                            .isEqualTo(1);
                }));
    }

    @Test
    default void a_connection_that_went_stale_in_the_pool_costs_a_GET_nothing() throws Exception {
        // Each connection is closed after its answer, without a word: what Jetty still takes for usable is not.
        var upstream = loopback.scripted(answers("served"));
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), IDEMPOTENT)));

        for (int i = 0; i < STALE; i++)
            assertThat(client.sendRequest("GET /x").receiveResponse().status())
                    .as("the status of the response")
                    .isEqualTo(200);
    }

    /** How many attempts are due for a request. */
    record Expected(String method, int attempts, String... fields) {
        @Override
        public String toString() {
            return method + ": " + attempts;
        }
    }

    private static Expected attempts(String method, int attempts, String... fields) {
        return new Expected(method, attempts, fields);
    }

    private void assertAttempts(Expected expected, RetryPolicy policy, Script first) throws Exception {
        var upstream = loopback.scripted(first, answers("served"));
        var client = loopback.connect(loopback.serve(newProxy(upstream.target(), policy)));

        send(client, expected.method(), expected.fields()).receiveHead();

        assertThat(upstream.connections()).as("attempts").isEqualTo(expected.attempts());
    }

    private static RawConnection send(RawConnection client, String method, String... fields) throws Exception {
        var all = new ArrayList<>(List.of(fields));
        if (hasBody(method)) all.add("Content-Length: 3");
        client.sendRequest(method + " /x", all.toArray(String[]::new));
        return hasBody(method) ? client.send("abc") : client;
    }

    private static RawConnection sendBody(RawConnection client, String body, boolean chunked) throws Exception {
        return chunked
                ? client.sendRequest("PUT /x", "Transfer-Encoding: chunked")
                        .send(Integer.toHexString(body.length()) + "\r\n" + body + "\r\n0\r\n\r\n")
                : client.sendRequest("PUT /x", "Content-Length: " + body.length())
                        .send(body);
    }

    private static boolean hasBody(String method) {
        return method.startsWith("P");
    }

    private static Script dies() {
        return connection -> connection.receiveRequest();
    }

    private static Script answers(String body) {
        return connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
        };
    }

    private static Script answers(int status) {
        return connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 " + status + " Fine\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy");
        };
    }
}
