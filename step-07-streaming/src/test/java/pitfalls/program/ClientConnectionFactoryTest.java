package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.eclipse.jetty.server.Server;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.Slow;

/** What the program takes from its clients and what it refuses, with the program's server in this process. */
@Slow
class ClientConnectionFactoryTest implements LoopbackTest {

    @TestFactory
    Stream<DynamicTest> every_target_passes_byte_for_byte() {
        return Stream.of(
                        "/@scope%2fname",
                        "/job/feature%2Fx",
                        "//a//b",
                        "/a/../b",
                        "/a/%2e%2e/b",
                        "/a/..;/b",
                        "/a\\b|c",
                        "/%c3%25",
                        "/a?b?{c}%zz")
                .map(target -> DynamicTest.dynamicTest(target, () -> {
                    var upstream = loopback.scripted(echo());
                    var client = loopback.connect(serve(upstream.target()));

                    var response = client.sendRequest("GET " + target).receiveResponse();

                    assertThat(response.status()).isEqualTo(200);
                    assertThat(response.body()).startsWith("GET " + target + " HTTP/1.1\r\n");
                }));
    }

    @TestFactory
    Stream<DynamicTest> with_strict_targets_what_two_programs_may_read_differently_is_refused() {
        return Stream.of("/@scope%2fname", "//a", "/a/..;/b", "/a\\b")
                .map(target -> DynamicTest.dynamicTest(target, () -> {
                    var upstream = loopback.scripted(echo());
                    var client = loopback.connect(serve(upstream.target(), "--strict-targets"));

                    var refused = client.sendRequest("GET " + target).receiveResponse();
                    var passed = client.sendRequest("GET /a").receiveResponse();

                    assertThat(refused.status()).isEqualTo(400);
                    assertThat(passed.status()).isEqualTo(200);
                }));
    }

    @Test
    void a_HEAD_of_what_cannot_be_read_gets_no_body() throws Exception {
        var client = loopback.connect(serve(loopback.refusing()));

        String answer = client.sendRequest("HEAD /%zz").receiveToEnd();

        assertThat(answer).startsWith("HTTP/1.1 400 ").endsWith("\r\n\r\n");
    }

    @Test
    void a_request_head_of_64_KiB_passes_and_a_longer_one_is_a_431_through_the_responder() throws Exception {
        var upstream = loopback.upstream(ok(), ok());
        var address = serve(targetOf(upstream));

        var passed = loopback.connect(address)
                .sendRequest("GET /x", "Cookie: " + "c".repeat(65_400))
                .receiveResponse();
        var refused = loopback.connect(address)
                .sendRequest("GET /x", "Cookie: " + "c".repeat(65_600))
                .receiveResponse();

        assertThat(passed.status()).isEqualTo(200);
        assertThat(received(upstream).getHeaders().get("Cookie")).hasSize(65_400);
        assertThat(refused.status()).isEqualTo(431);
        assertThat(refused.field("Proxy-Status")).containsExactly("reverse-proxy; error=http_request_error");
        assertThat(refused.field("Content-Type")).containsExactly("application/problem+json");
    }

    @Test
    void the_limit_of_a_request_head_can_be_set_in_both_directions() throws Exception {
        var upstream = loopback.upstream(ok());
        String target = targetOf(upstream);

        var refused = loopback.connect(serve(target, "--max-head-size=1k"))
                .sendRequest("GET /x", "Cookie: " + "c".repeat(1000))
                .receiveResponse();
        var passed = loopback.connect(serve(target, "--max-head-size=1m"))
                .sendRequest("GET /x", "Cookie: " + "c".repeat(1_000_000))
                .receiveResponse();

        assertThat(refused.status()).isEqualTo(431);
        assertThat(passed.status()).isEqualTo(200);
        assertThat(received(upstream).getHeaders().get("Cookie")).hasSize(1_000_000);
    }

    @Test
    void a_connection_that_is_kept_after_its_requests_takes_little_of_the_heap() throws Exception {
        var address = serve(loopback.refusing());
        answerTwice(address);
        long before = usedHeap();
        int connections = 100;

        for (int i = 0; i < connections; i++) answerTwice(address);

        assertThat((usedHeap() - before) / connections).isLessThan(30_000); // 117,000 with Jetty's table of fields
    }

    private void answerTwice(URI address) throws IOException {
        var client = loopback.connect(address);
        for (int i = 0; i < 2; i++) {
            client.sendRequest("GET /", "User-Agent: test").receiveResponse();
        }
    }

    private static long usedHeap() {
        System.gc();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }

    @TestFactory
    Stream<DynamicTest> an_upgrade_that_is_not_for_this_connection_is_ignored() {
        return Stream.of(
                        "Upgrade: foo",
                        "Upgrade: websocket\r\nConnection: keep-alive",
                        "Upgrade: foo\r\nUpgrade: bar",
                        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA")
                .map(fields -> DynamicTest.dynamicTest(fields.replace("\r\n", ", "), () -> {
                    var upstream = loopback.scripted(echo());
                    var client = loopback.connect(serve(upstream.target()));

                    var response = client.sendRequest("GET /x", fields).receiveResponse();
                    var next = client.sendRequest("GET /y").receiveResponse();

                    assertThat(response.startLine()).isEqualTo("HTTP/1.1 200 OK");
                    assertThat(response.body()).doesNotContain("Upgrade", "HTTP2-Settings");
                    assertThat(next.body()).startsWith("GET /y ");
                }));
    }

    @Test
    void an_upgrade_that_Connection_names_passes_in_whatever_order() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n");
            connection.send(connection.receive(4));
        });
        var client = loopback.connect(serve(upstream.target()));

        var response = client.sendRequest("GET /x", "Upgrade: foo", "Connection: upgrade")
                .receiveResponse();

        assertThat(response.status()).isEqualTo(101);
        assertThat(client.send("ping").receive(4)).isEqualTo("ping");
    }

    @TestFactory
    Stream<DynamicTest> a_version_in_lower_case_is_none() {
        return Stream.of(
                        "GET / http/1.1\r\n",
                        "\r\nGET / Http/1.0\r\n",
                        "GET / HTTp/1.1\n",
                        "GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET / http/1.1\r\n")
                .map(lines -> DynamicTest.dynamicTest(lines.strip().replace("\r\n", ", "), () -> {
                    var upstream = loopback.scripted(echo());
                    var address = serve(upstream.target());
                    var client = loopback.connect(address);
                    var inPieces = loopback.connect(address);
                    boolean isSecond = lines.contains("first");

                    client.send(lines + "Host: a\r\n\r\n");
                    if (isSecond) assertThat(client.receiveResponse().body()).startsWith("GET /first ");
                    for (char c : lines.toCharArray()) inPieces.send(String.valueOf(c));
                    inPieces.send("Host: a\r\n\r\n");
                    if (isSecond) assertThat(inPieces.receiveResponse().body()).startsWith("GET /first ");

                    assertThat(client.receiveResponse().status()).isEqualTo(505);
                    assertThat(inPieces.receiveResponse().status()).isEqualTo(505);
                }));
    }

    @TestFactory
    Stream<DynamicTest> a_transfer_coding_that_does_not_exist_is_a_400_and_ends_the_connection() {
        return Stream.of(
                        "Transfer-Encoding: xchunked\r\nTransfer-Encoding: chunked",
                        "Transfer-Encoding: chunked\r\nTransfer-Encoding: xchunked",
                        "Transfer-Encoding: xchunked, chunked",
                        "Transfer-Encoding: xchunked",
                        "Transfer-Encoding: identity, chunked")
                .map(fields -> DynamicTest.dynamicTest(fields.replace("\r\n", ", "), () -> {
                    var upstream = loopback.scripted(echo());
                    var client = loopback.connect(serve(upstream.target()));

                    var response = client.sendRequest("POST /x", fields).receiveResponse();

                    assertThat(response.status()).isEqualTo(400);
                    assertThat(response.field("Connection")).containsExactly("close");
                    assertThat(upstream.connections()).isZero();
                }));
    }

    @Test
    void a_registered_coding_goes_on_to_the_proxy_which_does_not_know_it() throws Exception {
        var upstream = loopback.scripted(echo());
        var address = serve(upstream.target());

        var known = loopback.connect(address)
                .sendRequest("POST /x", "Transfer-Encoding: Chunked")
                .send("0\r\n\r\n")
                .receiveResponse();
        var registered = loopback.connect(address)
                .sendRequest("POST /x", "Transfer-Encoding: GZIP, chunked")
                .send("0\r\n\r\n")
                .receiveResponse();

        assertThat(known.status()).isEqualTo(200);
        assertThat(registered.status()).isEqualTo(501);
    }

    @TestFactory
    Stream<DynamicTest> a_malformed_body_is_a_line_in_the_log_with_the_address_and_the_reason() {
        return Stream.of("0x1\r\na\r\n", "1\r\naX", "1;\u0001=x\r\n", "0\r\nX Y: z\r\n\r\n")
                .map(body -> DynamicTest.dynamicTest(body.replaceAll("[^ -~]", "."), () -> {
                    var upstream = loopback.upstream(); // which never answers
                    var client = loopback.connect(serve(targetOf(upstream)));

                    try (var log = LogLines.of(StandardConnection.class.getName())) {
                        var response = client.sendRequest("POST /x", "Transfer-Encoding: chunked")
                                .send(body)
                                .receiveResponse();

                        assertThat(response.status()).isEqualTo(400);
                        assertThat(log.lines())
                                .singleElement()
                                .asString()
                                .startsWith("INFO malformed body from 127.0.0.1: ")
                                .doesNotContain("EOF");
                    }
                }));
    }

    @Test
    void a_head_that_cannot_be_read_is_no_malformed_body() throws Exception {
        var address = serve(loopback.scripted(echo()).target());
        var client = loopback.connect(address);

        try (var log = LogLines.of(StandardConnection.class.getName())) {
            var first = client.sendRequest("POST /x", "Transfer-Encoding: chunked")
                    .send("1\r\na\r\n0\r\n\r\n")
                    .receiveResponse();
            var second = client.send("GET /% HTTP/1.1\r\nHost: a\r\n\r\n").receiveResponse();
            var other = loopback.connect(address).send("GET / HTTP/2.0\r\n\r\n").receiveResponse();

            assertThat(List.of(first.status(), second.status(), other.status())).containsExactly(200, 400, 426);
            assertThat(log.lines()).isEmpty();
        }
    }

    @Test
    void a_plain_connection_of_Jettys_refuses_the_one_and_takes_the_other() throws Exception {
        var upstream = loopback.scripted(echo());
        var address = loopback.serve(new StreamingProxy(upstream.target()));

        var upgrade =
                loopback.connect(address).sendRequest("GET /x", "Upgrade: foo").receiveResponse();
        var lowerCase = loopback.connect(address)
                .send("GET / http/1.1\r\nHost: a\r\n\r\n")
                .receiveResponse();

        assertThat(upgrade.status()).isEqualTo(400);
        assertThat(lowerCase.status()).isEqualTo(200);
    }

    @TestFactory
    Stream<DynamicTest> an_upload_that_breaks_off_is_not_whole_wherever_it_does() {
        String body = "5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nX-Sum: 8\r\n\r\n";
        return IntStream.rangeClosed(0, body.length())
                .mapToObj(cut -> DynamicTest.dynamicTest(cut + " of " + body.length() + " bytes", () -> {
                    var whole = new AtomicBoolean();
                    var upstream = loopback.scripted(connection -> {
                        whole.set(connection.receiveRequest().complete());
                        connection.send("HTTP/1.1 204 No Content\r\n\r\n");
                    });
                    var client = loopback.connect(serve(upstream.target()));

                    client.sendRequest("POST /x", "Transfer-Encoding: chunked").send(body.substring(0, cut));
                    client.shutdownOutput();

                    boolean isWhole = cut == body.length();
                    assertThat(client.receiveResponse().status()).isEqualTo(isWhole ? 204 : 400);
                    assertThat(whole.get()).isEqualTo(isWhole);
                }));
    }

    /** The program's server with these options, in front of that upstream. */
    private URI serve(String target, String... options) throws Exception {
        List<String> all = new ArrayList<>(List.of(options));
        all.addAll(List.of("--listen=127.0.0.1:0", "--stop-timeout=0s", "--target=" + target));
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program).parseArgs(all.toArray(String[]::new));
        Server server = loopback.started(program.newServer());
        return server.getURI();
    }

    /** An upstream that answers each request with what it has received. */
    private static ScriptedUpstream.Script echo() {
        return connection -> {
            String seen = connection.receiveRequest().toString();
            connection.send(
                    "HTTP/1.1 200 OK\r\nContent-Length: " + seen.length() + "\r\nConnection: close\r\n\r\n" + seen);
        };
    }
}
