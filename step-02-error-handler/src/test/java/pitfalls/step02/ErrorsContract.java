package pitfalls.step02;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.ajax.JSON;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import pitfalls.support.FullBacklog;
import pitfalls.support.Gate;
import pitfalls.support.Guard;
import pitfalls.support.Headline;
import pitfalls.support.LogLines;
import pitfalls.support.LookingAway;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream.Script;
import pitfalls.support.Why;

/** A proxy whose errors help the client and the operator, and nobody else. */
public interface ErrorsContract extends LoopbackTest {

    /** The proxy under test, not started. */
    ProxyHandler newProxy(String target);

    @Why("The client can act on a type and a sentence. The text of an exception names classes and "
            + "addresses, which help nobody but an attacker.")
    @Headline
    @Order(1)
    @Test
    default void a_refused_connection_becomes_a_502_that_says_so() throws Exception {
        var client = loopback.connect(loopback.serve(newProxy(loopback.refusing())));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(502);
        assertThat(response.field("Content-Type"))
                .as("the Content-Type of the error")
                .containsExactly("application/problem+json");
        assertThat(response.field("Proxy-Status"))
                .as("Proxy-Status of the response")
                .containsExactly("reverse-proxy; error=connection_refused");
        assertThat(new JSON().fromJSON(response.body()))
                .as("the body of the error, read as JSON")
                .isEqualTo(Map.of(
                        "title",
                        "Bad Gateway",
                        "status",
                        502L,
                        "detail",
                        ProxyError.CONNECTION_REFUSED.detail(),
                        "error",
                        "connection_refused"));
    }

    @Headline
    @Order(2)
    @Test
    @Why("The operator has only the log to find out which request failed, at which upstream, and why.")
    default void an_error_is_one_line_in_the_log_with_its_cause_and_method_and_path_and_upstream() throws Exception {
        String target = loopback.refusing();
        var client = loopback.connect(loopback.serve(newProxy(target)));

        try (var log = LogLines.of("pitfalls")) {
            client.sendRequest("PUT /v1/key?token=secret", "Content-Length: 0").receiveResponse();

            assertThat(log.lines())
                    .as("the lines in the log of the proxy")
                    .singleElement()
                    .asString()
                    .startsWith("WARN answered 502 connection_refused for PUT /v1/key to " + target
                            + ": java.net.ConnectException: Connection refused");
        }
    }

    @Why("After connection_refused the upstream cannot have acted, after the others it may have: "
            + "so each has its own type, and ofUpstream asks how far the exchange had come. "
            + "A 500 without Proxy-Status means that fields of the dead "
            + "response were left, such as its Content-Length, and Jetty tripped over them: reset() "
            + "comes first.")
    @Headline
    @Order(3)
    @TestFactory
    default Stream<DynamicTest> an_upstream_that_does_not_answer_is_told_apart() {
        return Stream.of(
                failure("by FIN", 502, "connection_terminated", upstream -> upstream.receiveRequest()),
                failure("by RST", 502, "connection_terminated", upstream -> {
                    upstream.receiveRequest();
                    upstream.reset();
                }),
                failure("by garbage", 502, "http_protocol_error", upstream -> {
                    upstream.receiveRequest();
                    upstream.send("garbage\r\n\r\n");
                }),
                failure("by an SSH banner", 502, "http_protocol_error", upstream -> {
                    upstream.receiveRequest();
                    upstream.send("SSH-2.0-OpenSSH_9.2\r\n");
                }),
                failure("by FIN within its fields", 502, "http_response_incomplete", upstream -> {
                    upstream.receiveRequest();
                    upstream.send("HTTP/1.1 200 OK\r\nX-Half: ");
                }),
                failure("by FIN before its body", 502, "http_response_incomplete", upstream -> {
                    upstream.receiveRequest();
                    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
                }),
                failure("by FIN before its first chunk", 502, "http_response_incomplete", upstream -> {
                    upstream.receiveRequest();
                    upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                }),
                failure("by silence", 504, "http_response_timeout", upstream -> {
                    upstream.receiveRequest();
                    upstream.ended();
                }));
    }

    private DynamicTest failure(String how, int status, String type, Script script) {
        return DynamicTest.dynamicTest(how, () -> {
            var upstream = loopback.scripted(script);
            var proxy = newProxy(upstream.target());
            var client = loopback.connect(loopback.serve(proxy));
            if (status == 504) proxy.getHttpClient().setIdleTimeout(100);

            var response = client.sendRequest("GET /x").receiveResponse();

            assertError(response, status, type);
        });
    }

    @Test
    default void a_response_with_fields_of_20_kB_is_a_502() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Long: " + "x".repeat(20_000) + "\r\n\r\nok");
            connection.ended();
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertError(response, 502, "http_response_header_section_size");
    }

    @Test
    default void an_unknown_host_is_a_502() throws Exception {
        String tooLongForDns = "x".repeat(64) + ".internal"; // so that nobody has to be asked for its address
        var client = loopback.connect(loopback.serve(newProxy("http://" + tooLongForDns)));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertError(response, 502, "dns_error");
        assertThat(response.body()).as("the body of the response").doesNotContain(tooLongForDns);
    }

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    default void a_connect_timeout_is_a_504() throws Exception {
        try (var upstream = new FullBacklog()) {
            var proxy = newProxy(upstream.target());
            var client = loopback.connect(loopback.serve(proxy));
            FullBacklog.setConnectTimeout(proxy, Duration.ofMillis(100));

            var response = client.sendRequest("GET /x").receiveResponse();

            assertError(response, 504, "connection_timeout");
        }
    }

    @Test
    default void nothing_of_a_response_that_died_survives_in_the_error() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nSet-Cookie: sid=alice\r\nETag: \"1\"\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(502);
        assertThat(response.fieldNames())
                .as("the headers of the response")
                .doesNotContain("Content-Encoding", "Set-Cookie", "ETag");
    }

    @Test
    default void nothing_of_the_inside_of_the_proxy_is_shown_to_the_client() throws Exception {
        String target = loopback.refusing();
        var client = loopback.connect(loopback.serve(newProxy(target)));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.body())
                .as("the body of the response")
                .doesNotContain("127.0.0.1", target.substring(target.lastIndexOf(':')), "Exception", "java", "Jetty");
    }

    @Test
    default void what_a_handler_in_front_has_set_survives_in_the_error() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nX-Origin: upstream\r\nContent-Length: 10\r\n\r\n");
        });
        var inFront = new Handler.Wrapper(newProxy(upstream.target())) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                response.getHeaders().put("Access-Control-Allow-Origin", "*");
                response.getHeaders().add("Vary", "Origin").add("Vary", "Accept");
                return super.handle(request, response, callback);
            }
        };
        var client = loopback.connect(loopback.serve(inFront));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(502);
        assertThat(response.field("Access-Control-Allow-Origin"))
                .as("Access-Control-Allow-Origin of the response")
                .containsExactly("*");
        assertThat(response.field("Vary")).as("Vary of the response").containsExactly("Origin", "Accept");
        assertThat(response.fieldNames())
                .as("the headers of the response")
                .doesNotContain("X-Origin")
                .containsOnlyOnce("Date", "Server");
    }

    @Test
    default void an_answer_that_comes_before_the_upload_is_an_answer_and_no_failure() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            connection.send("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        });
        var handled = new Gate("the proxy is done with the request");
        var inFront = new Handler.Wrapper(newProxy(upstream.target())) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                return super.handle(request, response, Callback.from(callback, handled::open));
            }
        };
        var client = loopback.connect(loopback.serve(inFront));

        try (var log = LogLines.of("pitfalls")) {
            var response = client.sendRequest("PUT /x", "Content-Length: 3", "Expect: 100-continue")
                    .receiveResponse();
            handled.await();

            assertThat(response.status()).as("the status of the response").isEqualTo(405);
            assertThat(response.body()).as("the body of the response").isEqualTo("no");
            assertThat(client.ended()).as("the connection, with an upload left").isTrue();
            assertThat(log.lines()).as("the lines in the log of the proxy").isEmpty();
        }
    }

    @TestFactory
    default Stream<DynamicTest> a_broken_upload_is_the_fault_of_the_client() {
        return Stream.of("by a bad chunk", "by FIN")
                .map(how -> DynamicTest.dynamicTest(how, () -> {
                    var uploadBegan = new Gate("the upstream has received the first chunk");
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveHead();
                        connection.receiveChunk();
                        uploadBegan.open();
                        connection.ended();
                    });
                    var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

                    client.sendRequest("POST /x", "Transfer-Encoding: chunked").send("3\r\nabc\r\n");
                    uploadBegan.await();
                    if (how.equals("by FIN")) client.shutdownOutput();
                    else client.send("not a length\r\n");

                    assertError(client.receiveResponse(), 400, "http_request_error");
                }));
    }

    @Test
    default void an_upload_that_stops_is_the_fault_of_the_client() throws Exception {
        var uploadBegan = new Gate("the upload has begun");
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            connection.receiveChunk();
            uploadBegan.open();
            connection.ended();
        });
        var proxy = newProxy(upstream.target());
        var client = loopback.connect(loopback.serve(proxy));

        client.sendRequest("POST /x", "Transfer-Encoding: chunked").send("3\r\nabc\r\n");
        uploadBegan.await();
        for (EndPoint endPoint : proxy.getServer().getConnectors()[0].getConnectedEndPoints())
            endPoint.setIdleTimeout(100);
        var response = client.receiveResponse();

        assertError(response, 408, "http_request_error");
    }

    @Why(
            "Jetty's own upload fails the request while its connection is read, and then the response is lost, once in some "
                    + "thousand uploads. Return a ContentSourceRequestContent from newProxyToServerRequestContent whose fail() only "
                    + "keeps the failure for its read().")
    @TestFactory
    default Stream<DynamicTest> an_upstream_that_dies_during_an_upload_is_not_the_fault_of_the_client() {
        return Stream.of("by FIN", "by RST")
                .map(how -> DynamicTest.dynamicTest(how, () -> {
                    var begun = new Gate("the proxy has sent the first chunk, and waits for the next one");
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveHead();
                        connection.receiveChunk();
                        begun.await();
                        if (how.equals("by RST")) connection.reset();
                    });
                    var upload = new WatchedUpload(newProxy(upstream.target()));
                    var client = loopback.connect(loopback.serve(upload));

                    client.sendRequest("POST /x", "Transfer-Encoding: chunked").send("3\r\nabc\r\n");
                    upload.awaitWaiting();
                    begun.open();

                    assertThat(upload.wasFailedWhileRead())
                            .as("whether the request was failed while its connection was read")
                            .isFalse();
                    assertError(client.receiveResponse(), 502, "connection_terminated");
                }));
    }

    @Test
    default void a_client_that_leaves_a_download_is_not_the_fault_of_the_upstream() throws Exception {
        var clientLeft = new Gate("the client has left");
        var proxyLeft = new Gate("the proxy has closed its connection to the upstream");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
            clientLeft.await();
            try {
                for (int i = 0; i < 10_000; i++) connection.send("400\r\n" + "x".repeat(1024) + "\r\n");
            } catch (IOException ended) {
                proxyLeft.open();
            }
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        try (var log = LogLines.of("pitfalls")) {
            client.sendRequest("GET /x").receiveHead();
            client.reset();
            clientLeft.open();
            proxyLeft.await();

            assertThat(log.first())
                    .as("the first line in the log of the proxy")
                    .startsWith("INFO aborted 400 http_request_error for GET /x");
        }
    }

    @TestFactory
    default Stream<DynamicTest> a_response_without_a_body_is_passed_on_without_one() {
        return Stream.of("HEAD 200", "GET 204", "GET 304")
                .map(what -> DynamicTest.dynamicTest(what, () -> {
                    String method = what.split(" ")[0];
                    String status = what.split(" ")[1];
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 " + status + " Fine\r\nETag: \"1\"\r\n\r\n");
                    });
                    var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

                    client.sendRequest(method + " /x", "Connection: close");
                    var head = new RawMessage(client.receiveHead(), "", true);

                    assertThat(head.field("ETag")).as("ETag of the response").containsExactly("\"1\"");
                    assertThat(head.field("Transfer-Encoding"))
                            .as("Transfer-Encoding of the response")
                            .isEmpty();
                    assertThat(client.receiveToEnd())
                            .as("what the client received then")
                            .isEmpty();
                }));
    }

    @TestFactory
    default Stream<DynamicTest> the_connection_ends_after_a_request_of_HTTP_1_0_in_chunks() {
        return Stream.of("an answer of the upstream", "an answer of the proxy")
                .map(what -> DynamicTest.dynamicTest(what, () -> {
                    var upstream = loopback.scripted(connection -> {
                        String body = connection.receiveRequest().body();
                        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n" + body);
                    });
                    String target = what.contains("upstream") ? upstream.target() : loopback.refusing();
                    var client = loopback.connect(loopback.serve(newProxy(target)));

                    var response = client.send(
                                    "POST /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n"
                                            + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n")
                            .receiveResponse();

                    assertThat(response.status())
                            .as("the status of the response")
                            .isEqualTo(what.contains("upstream") ? 200 : 502);
                    if (what.contains("upstream"))
                        assertThat(response.body())
                                .as("the body of the response")
                                .isEqualTo("abc");
                    assertThat(response.field("Connection"))
                            .as("Connection of the response")
                            .containsExactly("close");
                    assertThat(client.ended())
                            .as("whether the connection has ended")
                            .isTrue();
                }));
    }

    /** The proxy finds out that it cannot send the body before it looks at the answer that came meanwhile. */
    @DisabledOnOs(OS.WINDOWS) // where a reset takes away what has arrived before
    @Test
    default void an_answer_of_an_upstream_that_then_breaks_off_the_upload_is_passed_on() throws Exception {
        var head = new Gate("the upstream has the head of the upload");
        var waits = new Gate("the proxy waits for the body");
        var looksAway = new Gate("the proxy does not see what the upstream sends");
        var answered = new Gate("the upstream has answered and is gone");
        var sent = new Gate("the proxy has tried to send the body");
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            head.open();
            looksAway.await();
            connection.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n\r\ntoo long");
            connection.reset();
            answered.open();
        });
        var proxy = newProxy(upstream.target());
        var client = loopback.connect(loopback.serve(new Handler.Wrapper(proxy) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                return super.handle(uploading(request, waits, sent), response, callback);
            }
        }));

        client.sendRequest("POST /x", "Content-Length: 5");
        head.await();
        waits.await();
        try (var away = new LookingAway(proxy)) {
            away.await();
            looksAway.open();
            answered.await();
            client.send("hello");
            sent.await();
        }
        var response = client.receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(413);
        assertThat(response.body()).as("the body of the response").isEqualTo("too long");
    }

    /** A request that tells when the proxy waits for its body, and when it has tried to send a part of it. */
    private static Request uploading(Request request, Gate waits, Gate sent) {
        return new Request.Wrapper(request) {
            @Override
            public void demand(Runnable task) {
                super.demand(() -> {
                    task.run();
                    sent.open();
                });
                waits.open();
            }
        };
    }

    @Test
    default void an_answer_is_passed_on_to_its_end_although_the_upload_breaks_off_meanwhile() throws Exception {
        var waits = new Gate("the proxy waits for the body");
        var ends = new CompletableFuture<Runnable>();
        var sent = new Gate("the proxy has tried to send the body");
        var events = new LinkedBlockingQueue<String>();
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            waits.await();
            connection.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n\r\ntoo long");
            ends.join();
            connection.reset();
            events.add("reset");
        });
        var client = loopback.connect(loopback.serve(new Handler.Wrapper(newProxy(upstream.target())) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                var ending = new Response.Wrapper(request, response) {
                    @Override
                    public void write(boolean last, ByteBuffer content, Callback written) {
                        if (!last) super.write(last, content, written);
                        else ends.complete(() -> super.write(last, content, written));
                    }
                };
                var over = Callback.from(() -> events.add("over"), callback);
                return super.handle(uploading(request, waits, sent), ending, over);
            }
        }));

        client.sendRequest("POST /x", "Content-Length: 5");
        Runnable end = ends.get(Loopback.PATIENCE.toSeconds(), TimeUnit.SECONDS);
        String reset = events.poll(Loopback.PATIENCE.toSeconds(), TimeUnit.SECONDS);
        client.send("hello");
        sent.await();
        events.add("end");
        end.run();
        var response = client.receiveResponse();

        assertThat(response.body()).as("the body of the response").isEqualTo("too long");
        assertThat(List.of(reset, events.take(), events.take()))
                .as("what comes behind what")
                .containsExactly("reset", "end", "over");
    }

    @Test
    default void what_comes_behind_a_response_is_no_part_of_the_next_one() throws Exception {
        var upstream = loopback.scripted(
                connection -> {
                    connection.receiveRequest();
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
                            + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
                    connection.ended();
                },
                connection -> {
                    connection.receiveRequest();
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond");
                });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        var first = client.sendRequest("GET /1").receiveResponse();
        var second = client.sendRequest("GET /2").receiveResponse();

        assertThat(first.body()).as("the body of the first response").isEqualTo("first");
        assertThat(second.body()).as("the body of the second response").isEqualTo("second");
        assertThat(upstream.connections()).as("connections to the upstream").isEqualTo(2);
    }

    @TestFactory
    default Stream<DynamicTest> a_chunked_response_that_breaks_off_is_not_whole_wherever_it_does() {
        String body = "5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nX-Sum: 8\r\n\r\n";
        return IntStream.rangeClosed(0, body.length())
                .mapToObj(cut -> DynamicTest.dynamicTest(cut + " of " + body.length() + " bytes", () -> {
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        connection.send(
                                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body.substring(0, cut));
                    });
                    var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

                    var response = client.sendRequest("GET /x").receiveResponse();

                    boolean looksWhole = response.status() == 200 && response.complete();
                    assertThat(looksWhole)
                            .as("whether the response looks whole")
                            .isEqualTo(cut == body.length());
                }));
    }

    /** Of an upstream that breaks the rules, a client gets what can be understood, or a 502: never a 500. */
    @TestFactory
    default Stream<DynamicTest> a_response_is_framed_as_it_was_meant() {
        return Framing.all()
                .map(row -> DynamicTest.dynamicTest(
                        row.method() + " " + row.response().strip(), () -> {
                            var upstream = loopback.scripted(
                                    connection -> {
                                        connection.receiveRequest();
                                        connection.send(row.bytes());
                                    },
                                    connection -> {
                                        connection.receiveRequest();
                                        connection.send(
                                                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnext");
                                    });
                            var proxy = newProxy(upstream.target());
                            var client = loopback.connect(loopback.serve(proxy));

                            client.sendRequest(row.method() + " /x");
                            var head = new RawMessage(client.receiveHead(), "", true);
                            while (head.status() < 200) head = new RawMessage(client.receiveHead(), "", true);
                            boolean hasBody =
                                    !row.method().equals("HEAD") && head.status() != 204 && head.status() != 304;
                            var response = hasBody ? client.receiveBodyOf(head) : head;

                            assertThat(summary(response, hasBody))
                                    .as("what the client reads")
                                    .isEqualTo(row.expected());
                            if (hasBody) {
                                assertThat(head.fieldNames().stream()
                                                .filter(name -> name.matches("Content-Length|Transfer-Encoding")))
                                        .as("what tells the client where the body ends")
                                        .hasSize(1);
                            }
                            assertThat(response.body())
                                    .as("the body of the response")
                                    .doesNotContain("java", "Jetty");
                        }));
    }

    private static String summary(RawMessage response, boolean hasBody) {
        var summary = new StringBuilder().append(response.status());
        for (String status : response.field("Proxy-Status")) {
            return summary.append(' ').append(status.replaceAll(".*error=", "")).toString();
        }
        if (!hasBody)
            response.field("Content-Length")
                    .forEach(length -> summary.append(" of ").append(length));
        if (!response.body().isEmpty()) summary.append(' ').append(response.body());
        return summary.toString().replace(" of 0", "") + (response.complete() ? "" : " and no end");
    }

    @Test
    default void a_request_as_large_as_the_server_accepts_is_passed_on() throws Exception {
        var upstream = loopback.upstream(ok());
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream))));

        var response =
                client.sendRequest("GET /x", "Cookie: " + "c".repeat(8100)).receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(200);
    }

    @Test
    default void a_request_head_of_64_KiB_is_passed_on_by_a_server_that_accepts_it() throws Exception {
        var upstream = loopback.upstream(ok());
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream)), accepting(64 * 1024)));

        var response =
                client.sendRequest("GET /x", "Cookie: " + "c".repeat(65_400)).receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(200);
        assertThat(received(upstream).getHeaders().get("Cookie"))
                .as("Cookie of the request at the upstream")
                .hasSize(65_400);
    }

    @Test
    default void a_request_that_is_too_large_to_be_sent_on_is_a_431() throws Exception {
        var upstream = loopback.upstream(ok());
        var client = loopback.connect(loopback.serve(newProxy(targetOf(upstream)), accepting(200 * 1024)));

        var response =
                client.sendRequest("GET /x", "Cookie: " + "c".repeat(100_000)).receiveResponse();

        assertError(response, 431, "http_request_error");
        assertThat(upstream.getRequestCount()).as("requests at the upstream").isZero();
    }

    private static HttpConfiguration accepting(int bytesOfHead) {
        var configuration = new HttpConfiguration();
        configuration.setRequestHeaderSize(bytesOfHead);
        return configuration;
    }

    @Why("The client has half a response already. Nothing that is written now can replace it, so "
            + "only a failed callback, which breaks the connection, can say that something is missing.")
    @Guard
    @Order(5)
    @Test
    default void a_response_that_breaks_off_is_broken_off_for_the_client_too() throws Exception {
        assertLooksTruncated("HTTP/1.1");
    }

    @TestFactory
    default Stream<DynamicTest> a_truncated_response_looks_truncated() {
        return Stream.of("HTTP/1.1\r\nConnection: close", "HTTP/1.0", "HTTP/1.0\r\nConnection: keep-alive")
                .map(version -> DynamicTest.dynamicTest(
                        "to " + version.replace("\r\n", " "), () -> assertLooksTruncated(version)));
    }

    private void assertLooksTruncated(String version) throws Exception {
        var firstChunkArrived = new Gate("the client has received the first chunk");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
            firstChunkArrived.await();
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        client.send("GET /x " + version + "\r\nHost: www.example.com\r\n\r\n");
        var head = new RawMessage(client.receiveHead(), "", false);
        firstChunkArrived.open();

        assertThat(head.status()).as("the status of the response").isEqualTo(200);
        assertThat(client.receiveBodyOf(head).complete())
                .as("whether the client takes half a response for a whole one")
                .isFalse();
    }

    /** For a response without a length, the end of the connection is its end, but only a clean one (RFC 9112, 6.3). */
    @TestFactory
    default Stream<DynamicTest> a_response_that_ends_with_its_connection_is_whole_unless_that_was_reset() {
        return Stream.of("HTTP/1.1", "HTTP/1.1\r\nConnection: close", "HTTP/1.0")
                .flatMap(version -> Stream.of(true, false)
                        .map(isReset -> DynamicTest.dynamicTest(
                                (isReset ? "by RST, to " : "by FIN, to ") + version.replace("\r\n", " "), () -> {
                                    var firstBytesArrived = new Gate("the client has received the first bytes");
                                    var upstream = loopback.scripted(connection -> {
                                        connection.receiveRequest();
                                        connection.send("HTTP/1.1 200 OK\r\n\r\nabc");
                                        firstBytesArrived.await();
                                        if (isReset) connection.reset();
                                    });
                                    var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

                                    client.send("GET /x " + version + "\r\nHost: www.example.com\r\n\r\n");
                                    var head = new RawMessage(client.receiveHead(), "", false);
                                    firstBytesArrived.open();
                                    var response = client.receiveBodyOf(head);

                                    assertThat(response.body())
                                            .as("the body of the response")
                                            .isEqualTo("abc");
                                    assertThat(response.complete())
                                            .as("whether the client takes the response for a whole one")
                                            .isEqualTo(!isReset);
                                })));
    }

    @Test
    default void a_whole_response_looks_whole_also_to_a_client_that_closes() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(newProxy(upstream.target())));

        var response = client.sendRequest("GET /x", "Connection: close").receiveResponse();

        assertThat(response.complete())
                .as("whether the response looks complete")
                .isTrue();
        assertThat(response.body()).as("the body of the response").isEqualTo("abc");
        assertThat(client.ended()).as("whether the connection has ended").isTrue();
    }

    @Test
    default void HEAD_gets_no_body() throws Exception {
        var client = loopback.connect(loopback.serve(newProxy(loopback.refusing())));

        client.sendRequest("HEAD /x");
        String head = client.receiveHead();
        var next = client.sendRequest("GET /x").receiveResponse();

        assertThat(head).as("the head of the response").startsWith("HTTP/1.1 502 ");
        assertThat(next.startLine()).as("the next bytes on the connection").isEqualTo("HTTP/1.1 502 Bad Gateway");
    }

    @Guard
    @Order(4)
    @Test
    @Why(
            "An error ends a request, not the client's connection. If the callback is failed or never completed, the client's next request gets no answer.")
    default void after_an_error_the_same_connection_serves_the_next_request() throws Exception {
        var client = loopback.connect(loopback.serve(newProxy(loopback.refusing())));

        // In one piece: if the body came later than the error, the connection would have to be closed.
        var first = client.send("POST /x HTTP/1.1\r\nHost: www.example.com\r\nContent-Length: 3\r\n\r\nabc")
                .receiveResponse();
        var second = client.sendRequest("GET /x").receiveResponse();

        assertThat(first.status()).as("the status of the first response").isEqualTo(502);
        assertThat(second.status()).as("the status of the second response").isEqualTo(502);
    }

    @Test
    default void after_an_error_in_the_middle_of_an_upload_the_connection_is_closed() throws Exception {
        var client = loopback.connect(loopback.serve(newProxy(loopback.refusing())));

        var response = client.sendRequest("POST /x", "Content-Length: 1000000")
                .send("abc")
                .receiveResponse();

        assertThat(response.status()).as("the status of the response").isEqualTo(502);
        assertThat(response.field("Connection"))
                .as("Connection of the response")
                .containsExactly("close");
        assertThat(client.ended()).as("whether the connection has ended").isTrue();
    }

    private static void assertError(RawMessage response, int status, String type) {
        assertThat(List.of(response.status(), response.field("Proxy-Status")))
                .as("the status of the error, and what Proxy-Status says of its cause")
                .isEqualTo(List.of(status, List.of("reverse-proxy; error=" + type)));
        assertThat(response.field("Cache-Control")).as("Cache-Control").containsExactly("no-store");
        assertThat(response.body())
                .as("the body of the response")
                .doesNotContain("127.0.0.1", "Exception", "java", "jetty", "Jetty");
    }
}
