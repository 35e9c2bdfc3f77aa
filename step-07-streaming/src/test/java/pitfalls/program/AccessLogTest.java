package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.PATIENCE;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.targetOf;

import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.Slow;

/** The access log of the program's server, in this process; a line is written after the client has its response. */
class AccessLogTest implements LoopbackTest {
    private static final String TIME = "\\[\\d\\d/[A-Z][a-z]{2}/\\d{4}:\\d\\d:\\d\\d:\\d\\d [+-]\\d{4}]";

    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();

    @Test
    void a_line_is_that_of_other_servers_and_what_a_proxy_knows() throws Exception {
        var upstream = loopback.upstream(ok().body("page"));
        var client = loopback.connect(serve(targetOf(upstream)));

        client.sendRequest(
                        "GET /a%2Fb?c=1",
                        "X-Request-Id: id-of-the-client", "Referer: http://x/", "User-Agent: curl/8.14")
                .receiveResponse();

        assertThat(nextLine())
                .matches("127\\.0\\.0\\.1 - - " + TIME
                        + " \"GET /a%2Fb\\?c=1 HTTP/1\\.1\" 200 4 \"http://x/\" \"curl/8\\.14\" ms=\\d{1,4} upstream="
                        + targetOf(upstream) + " attempts=1 request=id-of-the-client");
    }

    @Test
    void what_is_absent_is_a_dash() throws Exception {
        var client = loopback.connect(serve(loopback.refusing()));

        client.send("nonsense\r\n\r\n").receiveResponse();

        assertThat(nextLine())
                .matches("127\\.0\\.0\\.1 - - " + TIME
                        + " \"-\" 400 - \"-\" \"-\" ms=\\d{1,4} upstream=- attempts=0 request=[0-9a-f]{8}");
    }

    @Test
    void attempts_are_counted() throws Exception {
        String target = loopback.refusing();
        var client = loopback.connect(serve(target, "--retries=1", "--retry-for=0s"));

        client.sendRequest("GET /x").receiveResponse();

        assertThat(nextLine()).contains("\"GET /x HTTP/1.1\" 502 ", " upstream=" + target + " attempts=2 request=");
    }

    @Slow
    @TestFactory
    Stream<DynamicTest> a_client_that_has_left_is_a_499() {
        return Stream.of("before the response", "within the response", "while it does not read")
                .map(when -> DynamicTest.dynamicTest(when, () -> {
                    var arrived = new Gate("the upstream has the request");
                    var left = new Gate("the client has left");
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        if (!when.startsWith("before")) {
                            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\nfirst");
                        }
                        arrived.open();
                        if (when.startsWith("while")) {
                            left.await();
                            sendUntilItFails(connection);
                        } else {
                            connection.awaitEnd();
                        }
                    });
                    var client = loopback.connect(serve(upstream.target()));

                    client.sendRequest("GET /x");
                    arrived.await();
                    if (!when.startsWith("before")) client.receiveHead();
                    client.reset();
                    left.open();

                    assertThat(nextLine())
                            .contains(
                                    "\"GET /x HTTP/1.1\" 499 ",
                                    " upstream=" + upstream.target() + " attempts=1 request=");
                }));
    }

    private static void sendUntilItFails(RawConnection connection) {
        try {
            for (int i = 0; i < 10_000; i++) connection.send("x".repeat(1024));
        } catch (IOException ended) {
            // The proxy has let go of it.
        }
    }

    @Test
    void what_a_client_sends_cannot_look_like_another_part_of_the_log() throws Exception {
        var upstream = loopback.upstream(ok());
        var client = loopback.connect(serve(targetOf(upstream)));

        client.sendRequest("GET /\"x\\", "User-Agent: a\" 200 \"b\t\u00e9").receiveResponse();

        assertThat(nextLine())
                .contains("\"GET /\\x22x\\x5C HTTP/1.1\" 200 - \"-\" \"a\\x22 200 \\x22b\\x09\\xC3\\xA9\" ms=");
    }

    /** The program's server with these options, in front of that upstream. */
    private URI serve(String target, String... options) throws Exception {
        List<String> all = new ArrayList<>(List.of(options));
        all.addAll(List.of("--listen=127.0.0.1:0", "--stop-timeout=0s", "--target=" + target));
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program).parseArgs(all.toArray(String[]::new));
        var server = program.newServer();
        server.setRequestLog(new AccessLog(lines::add));
        return loopback.started(server).getURI();
    }

    private String nextLine() throws InterruptedException {
        String line = lines.poll(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        assertThat(line).as("a line in the access log").isNotNull();
        return line;
    }
}
