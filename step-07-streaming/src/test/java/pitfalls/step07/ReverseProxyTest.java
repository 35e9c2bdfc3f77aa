package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;

/** The program: bad options here, and the rest as an operator runs it, in a process of its own. */
class ReverseProxyTest implements LoopbackTest {

    @TestFactory
    Stream<DynamicTest> a_bad_option_is_one_sentence_and_exit_code_2() {
        return Stream.of(
                        "--listen=nowhere >> 'nowhere' is no address to listen on: write :8080",
                        "--listen=http://:8080 >> 'http://:8080' is no address to listen on",
                        "--listen=:99999 >> ':99999' is no address to listen on",
                        "--target=ftp://x >> 'ftp://x' is no address of an upstream",
                        "--route=X-Tenant >> 'X-Tenant' is no route: write HEADER=VALUE=ADDRESS",
                        "--route=X-Tenant=:8082 >> 'X-Tenant=:8082' is no route: write HEADER=VALUE=ADDRESS",
                        "--route=X-Tenant=red=ftp://x >> 'ftp://x' is no address of an upstream",
                        "--retries=-1 --target=:1 >> '-1' is no value for --retries, which is 0 or more",
                        "--retries=often >> 'often' is not an int",
                        "--hop-mark=Host --target=:1 >> 'Host' is no name for a mark",
                        "--via=a,b --target=:1 >> 'a,b' is no pseudonym",
                        "--stream-timeout=soon >> 'soon' is no time: write 0.5s, 30s, 10m or 1h",
                        "--response-timeout=-1s --target=:1 >> 'PT-1S' is no value for response, which is zero or more",
                        "--max-upstream-connections=0 --target=:1 >> '0' is no value for maxUpstreamConnections",
                        "--trust-forwarded-from=localhost --target=:1 >> 'localhost' is no range of addresses",
                        "--tarjet=:1 >> Unknown option: '--tarjet=:1'")
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
    void a_port_in_use_is_one_sentence_and_exit_code_1() throws Exception {
        try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            String address = "127.0.0.1:" + taken.getLocalPort();
            var err = new StringWriter();
            var program = ReverseProxy.commandLine(new ReverseProxy()).setErr(new PrintWriter(err));

            int exitCode = program.execute("--listen", address, "--target", ":1");

            assertThat(exitCode).isEqualTo(1);
            assertThat(err.toString().strip())
                    .isEqualTo("reverse-proxy: cannot listen on " + address + ": Address already in use");
        }
    }

    @Test
    void options_reach_the_proxy(@TempDir Path folder) throws Exception {
        var red = loopback.upstream(ok().addHeader("X-Who", "red"));
        var other = loopback.upstream(ok().addHeader("Server", "upstream"));
        Path log = folder.resolve("access.log");
        try (var program = new Program(
                "--target=" + targetOf(other),
                "--route=X-Tenant=red=" + targetOf(red),
                "--via=edge-a",
                "--trust-forwarded-from=127.0.0.0/8",
                "--access-log=" + log)) {
            var client = loopback.connect(program.url());

            var toRed = client.sendRequest("GET /a", "X-Tenant: red").receiveResponse();
            var toOther =
                    client.sendRequest("GET /b", "X-Forwarded-For: 10.1.2.3").receiveResponse();
            var bad = client.send("nonsense\r\n\r\n").receiveResponse();

            assertThat(toRed.field("X-Who")).containsExactly("red");
            assertThat(toRed.field("Server")).isEmpty();
            assertThat(toOther.field("Server")).containsExactly("upstream");
            var fields = received(other).getHeaders();
            assertThat(fields.get("Via")).isEqualTo("1.1 edge-a");
            assertThat(fields.get("X-Forwarded-For")).isEqualTo("10.1.2.3, 127.0.0.1");
            assertThat(bad.toString()).doesNotContainIgnoringCase("jetty");
            program.stop();
            assertThat(Files.readString(log)).contains("\"GET /a HTTP/1.1\" 200", "\"GET /b HTTP/1.1\" 200");
        }
    }

    @Test
    void without_arguments_it_brings_an_upstream_and_commands_that_work() throws Exception {
        try (var program = new Program()) {
            List<String> commands = Pattern.compile("^  (curl (?:.*\\\\\n)*.*?)(  .*|\n.*)$", Pattern.MULTILINE)
                    .matcher(program.greeting())
                    .results()
                    .map((MatchResult match) -> match.group(1))
                    .toList();

            assertThat(commands).hasSize(6);
            var client = loopback.connect(program.url());
            assertThat(client.sendRequest("GET /").receiveResponse().body()).contains("EventSource", "WebSocket");
            assertThat(client.sendRequest("GET /drop").receiveResponse().status())
                    .isEqualTo(502);
        }
    }

    @Test
    @DisabledOnOs(OS.WINDOWS) // where a process cannot be asked to end
    void SIGTERM_lets_a_request_in_flight_finish_and_is_exit_code_0() throws Exception {
        var arrived = new Gate("the request has arrived");
        var refusing = new Gate("the program refuses connections");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            arrived.open();
            refusing.await();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
        });
        try (var program = new Program("--target=" + upstream.target())) {
            var client = loopback.connect(program.url()).sendRequest("GET /x");
            arrived.await();

            program.terminate();
            while (program.accepts()) Thread.onSpinWait();
            refusing.open();

            assertThat(client.receiveResponse().body()).isEqualTo("done");
            assertThat(program.exitCode()).isZero();
        }
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void SIGTERM_waits_no_longer_than_it_is_told() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.awaitEnd();
        });
        try (var program = new Program("--target=" + upstream.target(), "--stop-timeout=0.1s")) {
            loopback.connect(program.url()).sendRequest("GET /x");
            upstream.awaitConnections(1);

            program.terminate();

            assertThat(program.exitCode()).isZero();
        }
    }
}
