package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.targetOf;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import mockwebserver3.MockWebServer;
import org.eclipse.jetty.server.ServerConnector;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;

/** The two questions that the program answers by itself. */
class HealthTest implements LoopbackTest {

    private RawConnection connect(String target, String... options) throws Exception {
        var all = new ArrayList<>(List.of("--listen=127.0.0.1:0", "--target=" + target));
        all.addAll(List.of(options));
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program).parseArgs(all.toArray(String[]::new));
        var server = loopback.started(program.newServer());
        Health health = server.getDescendant(Health.class);
        if (health != null) health.ready();
        int port = ((ServerConnector) server.getConnectors()[0]).getLocalPort();
        return loopback.connect(URI.create("http://127.0.0.1:" + port));
    }

    @TestFactory
    Stream<DynamicTest> both_are_answered_by_the_program_while_the_upstream_is_down() {
        return Stream.of(
                        "--health GET /live -> 200 live",
                        "--health GET /ready -> 200 ready",
                        "--health GET /ready?verbose -> 200 ready",
                        "--health=/ GET /ready -> 200 ready",
                        "--health=/internal GET /internal/ready -> 200 ready",
                        "--health=/internal/ GET /internal/live -> 200 live",
                        "--health POST /ready -> 405 use GET",
                        "--health GET /ready/ -> 502",
                        "--health GET /Ready -> 502",
                        "--health GET /x -> 502",
                        "--health=/internal GET /ready -> 502",
                        "--no-via GET /ready -> 502")
                .map(row -> row.split(" -> "))
                .map(row -> DynamicTest.dynamicTest(row[0], () -> {
                    String option = row[0].substring(0, row[0].indexOf(' '));
                    String request = row[0].substring(option.length() + 1);
                    String[] answer = row[1].split(" ", 2);
                    var client = connect(loopback.refusing(), option);

                    var response = client.sendRequest(request).receiveResponse();

                    assertThat(response.status()).isEqualTo(Integer.parseInt(answer[0]));
                    if (answer.length > 1) {
                        assertThat(response.body()).isEqualTo(answer[1] + "\n");
                        assertThat(response.field("Cache-Control")).containsExactly("no-store");
                    }
                }));
    }

    @Test
    void HEAD_is_answered_without_a_body() throws Exception {
        var client = connect(loopback.refusing(), "--health");

        String head = client.sendRequest("HEAD /ready").receiveHead();
        var next = client.sendRequest("GET /live").receiveResponse();

        assertThat(head).startsWith("HTTP/1.1 200 ");
        assertThat(next.body()).isEqualTo("live\n");
    }

    @Test
    void unless_it_is_turned_on_both_paths_are_the_upstreams() throws Exception {
        MockWebServer upstream = loopback.upstream(ok().body("from the upstream"));
        var client = connect(targetOf(upstream));

        var response = client.sendRequest("GET /ready").receiveResponse();

        assertThat(response.body()).isEqualTo("from the upstream");
    }
}
