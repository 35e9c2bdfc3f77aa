package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Jetty;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.step07.Timeouts;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;
import pitfalls.support.Slow;

/** The program: bad options here, and the rest as an operator runs it, in a process of its own. */
class ReverseProxyTest implements LoopbackTest {

    @TestFactory
    Stream<DynamicTest> a_bad_option_is_one_sentence_and_exit_code_2() {
        return Stream.of(
                        "--listen=nowhere >> 'nowhere' is not an address to listen on. Write :8080",
                        "--listen=http://:8080 >> 'http://:8080' is not an address to listen on",
                        "--listen=:99999 >> ':99999' is not an address to listen on",
                        "--metrics=nowhere --target=:1 >> 'nowhere' is not an address to listen on. Write :8080",
                        "--metrics=http://:9464/metrics --target=:1 >> 'http://:9464/metrics' is not an address to listen on",
                        "--metrics=:99999 --target=:1 >> ':99999' is not an address to listen on",
                        "--target=ftp://x >> 'ftp://x' is not an upstream address",
                        "--route=X-Tenant >> 'X-Tenant' is not a route. Write HEADER=VALUE=ADDRESS",
                        "--route=X-Tenant=:8082 >> 'X-Tenant=:8082' is not a route. Write HEADER=VALUE=ADDRESS",
                        "--route=X-Tenant=red=ftp://x >> 'ftp://x' is not an upstream address",
                        "--retries=-1 --target=:1 >> --retries must be between 0 and 100, not -1",
                        "--retries=2147483647 --target=:1 >> --retries must be between 0 and 100, not 2147483647",
                        "--retry-for=1s --target=:1 >> --retries must be 1 or more where --retry-for is given, not 0",
                        "--retry-for=soon >> 'soon' is not a time",
                        "--retries=often >> 'often' is not a whole number",
                        "--hop-mark=Host --target=:1 >> 'Host' is not a name for a mark",
                        "--via=a,b --target=:1 >> --via must be a name without spaces or commas, such as edge-a, not 'a,b'",
                        "--via=a --no-via --target=:1 >> --via and --no-via contradict each other: give one of them",
                        "--host=mine --target=:1 >> --host must be client or upstream, not 'mine'",
                        "--stream-timeout=soon >> 'soon' is not a time. Write 0.5s, 30s, 10m or 1h",
                        "--response-timeout=-1s >> '-1s' is not a time. Write 0.5s",
                        "--stop-timeout=99999999999999h >> '99999999999999h' is not a time. Write 0.5s",
                        "--connection-timeout=0s --target=:1 >> --connection-timeout must be 0.001s or more, not 0s",
                        "--max-upstream-connections=0 --target=:1 >> --max-upstream-connections must be 1 or more, not 0",
                        "--stop-delay=soon --target=:1 >> 'soon' is not a time. Write 0.5s",
                        "--health=ready --target=:1 >> --health must be a path that begins with a slash, such as /internal, not 'ready'",
                        "--health=/a//b --target=:1 >> --health must be a path that begins with a slash, such as /internal, not '/a//b'",
                        "--backlog=0 --target=:1 >> --backlog must be 1 or more, not 0",
                        "--min-upload-rate=-1 --target=:1 >> --min-upload-rate must be 0 or more, not -1",
                        "--replay-memory=51 --target=:1 >> --replay-memory must be between 0 and 50, not 51",
                        "--max-head-size=0 --target=:1 >> a size must be between 1k and 1m, such as 65536 or 64k, not '0'",
                        "--max-head-size=2m --target=:1 >> a size must be between 1k and 1m, such as 65536 or 64k, not '2m'",
                        "--max-head-size=64kB --target=:1 >> a size must be between 1k and 1m",
                        "--access-log=/no/such/folder/log --target=:1 >> --access-log must be a file that can be written, in a folder that exists, not '/no/such/folder/log'",
                        "--access-log=/ --target=:1 >> --access-log must be a file that can be written, in a folder that exists, not '/'",
                        "--trust-forwarded-from=localhost --target=:1 >> 'localhost' is not a range of addresses",
                        "--tarjet=:1 >> there is no option '--tarjet': did you mean --target?",
                        "--traget=:1 >> there is no option '--traget': did you mean --target?",
                        "--target=:1 --retrys 2 >> there is no option '--retrys': did you mean --retries?",
                        "--target=:1 --trust-from 10.0.0.0/8 >> there is no option '--trust-from': --help lists them",
                        "--qqq >> there is no option '--qqq': --help lists them",
                        "serve >> an option must begin with --, as in --target :8081, not 'serve'",
                        "@/no/such/file >> '/no/such/file' must be a file with options that can be read")
                .map(row -> row.split(" >> "))
                .map(row -> DynamicTest.dynamicTest(row[0], () -> {
                    var err = new StringWriter();
                    var program = ReverseProxy.commandLine(new ReverseProxy()).setErr(new PrintWriter(err));

                    int exitCode = program.execute(row[0].split(" "));

                    assertThat(exitCode).isEqualTo(2);
                    assertThat(err.toString().strip())
                            .startsWith("reverse-proxy: ")
                            .contains(row[1])
                            .doesNotContain("\n", "Exception");
                }));
    }

    @Test
    void without_a_jar_the_version_says_that_it_runs_from_classes() {
        var out = new StringWriter();
        var program = ReverseProxy.commandLine(new ReverseProxy()).setOut(new PrintWriter(out));

        int exitCode = program.execute("--version");

        assertThat(exitCode).isZero();
        assertThat(out.toString().strip()).isEqualTo("reverse-proxy from classes, Jetty " + Jetty.VERSION);
    }

    @Test
    void a_port_in_use_is_one_sentence_and_exit_code_1() throws Exception {
        try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            String address = "127.0.0.1:" + taken.getLocalPort();
            var err = new StringWriter();
            var program = ReverseProxy.commandLine(new ReverseProxy()).setErr(new PrintWriter(err));

            int exitCode = program.execute("--listen", address, "--target", ":1");

            assertThat(exitCode).isEqualTo(1);
            assertThat(err.toString().strip())
                    .isEqualTo("reverse-proxy: cannot listen on " + address + ": Address already in use. "
                            + "Choose another address with --listen 127.0.0.1:8090, or port 0 for any free one.");
        }
    }

    @Test
    void a_port_for_metrics_in_use_is_one_sentence_that_says_which() throws Exception {
        try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            String address = "127.0.0.1:" + taken.getLocalPort();
            var err = new StringWriter();
            var program = ReverseProxy.commandLine(new ReverseProxy()).setErr(new PrintWriter(err));

            int exitCode = program.execute("--listen", "127.0.0.1:0", "--metrics", address, "--target", ":1");

            assertThat(exitCode).isEqualTo(1);
            assertThat(err.toString().strip())
                    .isEqualTo("reverse-proxy: cannot listen on " + address + ": Address already in use. "
                            + "Choose another address with --metrics 127.0.0.1:9465, or port 0 for any free one.");
        }
    }

    @Test
    void each_option_sets_what_it_says() {
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program)
                .parseArgs(
                        "--target=:8081",
                        "--retries=2",
                        "--retry-for=20s",
                        "--hop-mark=X-Mark",
                        "--via=edge-a",
                        "--connection-timeout=1s",
                        "--response-timeout=2s",
                        "--head-timeout=0.5s",
                        "--stream-timeout=3m",
                        "--client-timeout=5m",
                        "--upgraded-timeout=4h",
                        "--max-upstream-connections=7",
                        "--replay-memory=20");

        var proxy = program.newProxy();

        assertThat(proxy.getRetryPolicy().attempts()).isEqualTo(3);
        assertThat(proxy.getRetryPolicy().connectFor()).isEqualTo(Duration.ofSeconds(20));
        assertThat(proxy.getRetryPolicy().deadline()).isEqualTo(Duration.ofSeconds(20));
        assertThat(proxy.getHopMark().isOn(HttpFields.build().add("X-Mark", "1"), "edge-a"))
                .isTrue();
        assertThat(proxy.getViaHost()).isEqualTo("edge-a");
        assertThat(proxy.getTimeouts())
                .isEqualTo(new Timeouts(
                        Duration.ofSeconds(1),
                        Duration.ofSeconds(2),
                        Duration.ofMillis(500),
                        Duration.ofMinutes(3),
                        Duration.ofMinutes(5),
                        Duration.ofHours(4)));
        assertThat(proxy.getMaxUpstreamConnections()).isEqualTo(7);
        assertThat(proxy.getReplayMemory()).isEqualTo(Runtime.getRuntime().maxMemory() / 100 * 20);
    }

    @Test
    @Slow
    void the_limits_for_a_connection_without_a_request_have_options_too() throws Exception {
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program)
                .parseArgs(
                        "--listen=127.0.0.1:0",
                        "--target=:1",
                        "--request-head-timeout=1s",
                        "--idle-timeout=5m",
                        "--backlog=7");
        var server = loopback.started(program.newServer());
        var connector = (ServerConnector) server.getConnectors()[0];
        var client = loopback.connect(URI.create("http://127.0.0.1:" + connector.getLocalPort()));

        var response = client.send("GET / HT").receiveResponse();

        assertThat(response.status()).isEqualTo(408);
        assertThat(connector.getIdleTimeout()).isEqualTo(300_000);
        assertThat(connector.getAcceptQueueSize()).isEqualTo(7);
    }

    @TestFactory
    Stream<DynamicTest> Via_is_written_unless_there_is_another_mark_or_the_operator_wants_none() {
        return Stream.of(
                        "--target=%s -> Via",
                        "--target=%s --hop-mark=X-Mark -> X-Mark",
                        "--target=%s --hop-mark=X-Mark --via=edge-a -> Via X-Mark",
                        "--target=%s --no-via -> CDN-Loop",
                        "--target=%s --no-via --hop-mark=X-Mark -> X-Mark")
                .map(row -> row.split(" -> "))
                .map(row -> DynamicTest.dynamicTest(row[0], () -> {
                    var upstream = loopback.upstream(ok());
                    var program = new ReverseProxy();
                    ReverseProxy.commandLine(program)
                            .parseArgs(row[0].formatted(targetOf(upstream)).split(" "));
                    var client = loopback.connect(loopback.serve(program.newProxy()));

                    client.sendRequest("GET /x").receiveResponse();

                    Set<String> names =
                            new TreeSet<>(received(upstream).getHeaders().names());
                    names.retainAll(Set.of("Via", "X-Mark", "CDN-Loop"));
                    assertThat(String.join(" ", names)).isEqualTo(row[1]);
                }));
    }

    @TestFactory
    Stream<DynamicTest> Host_and_Location_are_those_that_the_operator_wants() {
        return Stream.of(
                        "--target=UP -> UP http://www.example.com/x",
                        "--target=UP --host=upstream -> UP http://www.example.com/x",
                        "--target=UP --host=client -> www.example.com http://UP/x",
                        "--target=UP --no-map-location -> UP http://UP/x",
                        "--target=UP --host=client --map-location -> www.example.com http://www.example.com/x")
                .map(row -> DynamicTest.dynamicTest(row, () -> {
                    var upstream = loopback.upstream();
                    String authority = "127.0.0.1:" + upstream.getPort();
                    upstream.enqueue(ok().code(302)
                            .addHeader("Location", "http://" + authority + "/x")
                            .build());
                    String[] parts = row.replace("UP", authority).split(" -> ");
                    var program = new ReverseProxy();
                    ReverseProxy.commandLine(program).parseArgs(parts[0].split(" "));
                    var client = loopback.connect(loopback.serve(program.newProxy()));

                    var response = client.sendRequest("GET /x").receiveResponse();

                    assertThat(received(upstream).getHeaders().get("Host") + " "
                                    + response.field("Location").get(0))
                            .isEqualTo(parts[1]);
                }));
    }

    @TestFactory
    Stream<DynamicTest> an_address_to_listen_on_is_read_as_meant() {
        return Stream.of(
                        ":8080 null 8080",
                        "8080 null 8080",
                        "0.0.0.0:8080 null 8080",
                        "[::]:8080 null 8080",
                        "127.0.0.1:8080 127.0.0.1 8080",
                        "[::1]:0 [::1] 0",
                        "localhost:80 localhost 80",
                        "0 null 0")
                .map(row -> row.split(" "))
                .map(row -> DynamicTest.dynamicTest(row[0], () -> {
                    var address = ListenAddress.parse(row[0]);

                    assertThat(String.valueOf(address.host())).isEqualTo(row[1]);
                    assertThat(address.port()).isEqualTo(Integer.parseInt(row[2]));
                }));
    }

    @Slow
    @Test
    @DisabledOnOs(OS.WINDOWS) // where a process cannot be asked to end
    void options_reach_the_proxy_and_SIGTERM_lets_a_request_in_flight_finish(@TempDir Path folder) throws Exception {
        var arrived = new Gate("the request has arrived");
        var refusing = new Gate("the program refuses connections");
        var slow = loopback.scripted(connection -> {
            connection.receiveRequest();
            arrived.open();
            refusing.await();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
        });
        var other = loopback.upstream(ok().addHeader("Server", "upstream"));
        Path log = folder.resolve("access.log");
        try (var program = new Program(
                "--target=" + targetOf(other),
                "--route=X-Speed=slow=" + slow.target(),
                "--route=X-Speed=slow=" + loopback.refusing(),
                "--via=edge-a",
                "--trust-forwarded-from=127.0.0.0/8",
                "--access-log=" + log)) {
            var client = loopback.connect(program.url());

            var response =
                    client.sendRequest("GET /a", "X-Forwarded-For: 10.1.2.3").receiveResponse();
            var bad = loopback.connect(program.url()).send("nonsense\r\n\r\n").receiveResponse();
            client.sendRequest("GET /b", "X-Speed: slow");
            arrived.await();
            program.terminate();
            program.awaitRefusing();
            refusing.open();
            var inFlight = client.receiveResponse();

            assertThat(response.field("Server")).containsExactly("upstream");
            assertThat(received(other).getHeaders().get("Via")).isEqualTo("1.1 edge-a");
            assertThat(bad.toString()).doesNotContainIgnoringCase("jetty");
            assertThat(inFlight.body()).isEqualTo("done");
            assertThat(inFlight.field("Server")).isEmpty();
            assertThat(program.exitCode()).isZero();
            assertThat(Files.readString(log)).contains("\"GET /a HTTP/1.1\" 200", "\"GET /b HTTP/1.1\" 200");
        }
    }

    @Slow
    @Test
    void a_connection_that_brings_no_request_is_no_line_in_the_log() throws Exception {
        try (var program = new Program("--target=" + loopback.refusing(), "--request-head-timeout=1s")) {
            var silent = loopback.connect(program.url());
            assertThat(silent.receiveToEnd()).isEmpty();

            loopback.connect(program.url()).sendRequest("GET /last").receiveResponse();

            assertThat(program.linesTo("GET /last")).hasSize(1);
        }
    }

    @Slow
    @Test
    void a_head_that_comes_too_late_is_not_called_a_body() throws Exception {
        try (var program = new Program("--target=" + loopback.refusing(), "--request-head-timeout=1s")) {
            var response = loopback.connect(program.url()).send("GET /").receiveResponse();

            assertThat(response.status()).isEqualTo(408);
            assertThat(response.body()).contains("The request did not arrive in time. Send it again.");
        }
    }

    @Slow
    @Test
    void a_request_that_is_refused_is_one_line_in_the_log() throws Exception {
        var refused = List.of(
                "Host: a b",
                "Host: a:port",
                "Host: a\r\nHost: b",
                "Host: a\r\nContent-Length: " + "9".repeat(30),
                "X-No: Host");
        try (var program = new Program("--target=" + loopback.refusing())) {
            for (String fields : refused) {
                String path = fields.startsWith("X-No") ? "/last" : "/";
                var client = loopback.connect(program.url());

                var response = client.send("GET " + path + " HTTP/1.1\r\n" + fields + "\r\n\r\n")
                        .receiveResponse();

                assertThat(response.status()).as(fields).isEqualTo(400);
            }

            assertThat(program.linesTo("GET /last"))
                    .hasSameSizeAs(refused)
                    .allMatch(line -> line.contains(" INFO  answered 400 http_request_error for GET /"));
        }
    }

    @Slow
    @Test
    @DisabledOnOs(OS.WINDOWS)
    void with_nothing_to_forward_to_it_brings_an_upstream_and_SIGTERM_ends_its_streams_in_time() throws Exception {
        try (var program = new Program("--stop-timeout=0.1s")) {
            var client = loopback.connect(program.url());

            var page = client.sendRequest("GET /").receiveResponse();
            var dropped = client.sendRequest("GET /drop").receiveResponse();
            client.sendRequest("GET /clock").receiveHead();
            String tick = client.receiveChunk();
            program.terminate();

            assertThat(program.greeting()).contains("curl --no-buffer --max-time 5 " + program.url() + "/clock");
            assertThat(page.body()).contains("EventSource", "WebSocket");
            assertThat(dropped.status()).isEqualTo(502);
            assertThat(tick).startsWith("data: ");
            assertThat(program.exitCode()).isZero();
        }
    }
}
