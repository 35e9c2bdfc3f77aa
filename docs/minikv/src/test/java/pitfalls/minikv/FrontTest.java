package pitfalls.minikv;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.Writer;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;

/** The demo's front, before the nodes are started. */
class FrontTest implements LoopbackTest {
    private static final int NODE_PORT = 8081;

    @TempDir
    Path folder;

    private URI address;
    private Scene scene;
    private Front front;

    @BeforeEach
    void serve() throws Exception {
        var late = loopback.serveLater();
        address = late.address();
        scene = new Scene(
                "1=127.0.0.1:8081/127.0.0.1:9081", folder, address.toString(), new PrintWriter(Writer.nullWriter()));
        front = new Front(scene, List.of(address.getPort(), NODE_PORT));
        late.serve(front);
    }

    @AfterEach
    void end() {
        scene.close();
    }

    @Test
    void a_page_of_the_demo_may_do_something_to_a_node() throws Exception {
        String origin = "http://127.0.0.1:" + NODE_PORT;

        var response = send("POST /demo/nodes/1/kill", "Origin: " + origin, "Content-Length: 0")
                .receiveResponse();

        assertThat(response.status())
                .as("the node does not run, so it cannot be killed")
                .isEqualTo(409);
        assertThat(response.body()).contains("Node 1 does not run.");
        assertThat(response.field("Access-Control-Allow-Origin")).containsExactly(origin);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "http://evil.example",
                "https://127.0.0.1:8081",
                "http://127.0.0.1:8085",
                "http://127.0.0.1:8081.evil.example",
                "null",
                ""
            })
    void a_page_from_elsewhere_may_not(String origin) throws Exception {
        for (String request : List.of("POST /demo/nodes/1/kill", "GET /demo/events", "GET /")) {
            var response =
                    send(request, "Origin: " + origin, "Content-Length: 0").receiveResponse();

            assertThat(response.status()).as(request).isEqualTo(403);
            assertThat(response.field("Access-Control-Allow-Origin")).isEmpty();
        }
    }

    @Test
    void a_page_whose_name_was_made_to_point_here_may_not_either() throws Exception {
        for (String host : List.of("evil.example", "evil.example:" + address.getPort(), "127.0.0.1"))
            assertThat(loopback.connect(address)
                            .send("POST /demo/nodes/1/kill HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 0\r\n\r\n")
                            .receiveResponse()
                            .status())
                    .as(host)
                    .isEqualTo(403);
    }

    @Test
    void what_cannot_be_done_is_refused_in_a_sentence() throws Exception {
        assertThat(ask("GET /demo/nodes/1/kill")).isEqualTo("'GET' is not possible here: it is POST.");
        assertThat(ask("POST /demo/nodes/9/kill")).isEqualTo("There is no node '9'.");
        assertThat(ask("POST /demo/nodes/1/resume")).isEqualTo("Node 1 is not paused.");
        assertThat(ask("GET /demo")).isEqualTo("There is nothing at '/demo'.");
    }

    private RawConnection send(String requestLine, String... fields) throws Exception {
        String head = requestLine + " HTTP/1.1\r\nHost: " + address.getAuthority() + "\r\n";
        return loopback.connect(address)
                .send(head
                        + String.join(
                                "",
                                Stream.of(fields).map(field -> field + "\r\n").toList()) + "\r\n");
    }

    private String ask(String request) throws Exception {
        String body = send(request, "Content-Length: 0").receiveResponse().body();
        return body.replaceFirst("(?s).*\"detail\":\"(.*?)\".*", "$1");
    }

    @Test
    void a_browser_is_told_the_state_and_then_what_happens() throws Exception {
        var browser = send("GET /demo/events");

        assertThat(browser.receiveHead()).contains("Content-Type: text/event-stream");
        assertThat(browser.receiveChunk())
                .startsWith("event: state\ndata: {\"nodes\":[{\"node\":\"1\",")
                .contains("\"state\":\"down\"")
                .endsWith("}\n\n");

        front.tell("line", Map.of("text", "something"));

        assertThat(browser.receiveChunk()).isEqualTo("event: line\ndata: {\"text\":\"something\"}\n\n");
    }

    @Test
    void the_page_asks_the_demo_and_nobody_else() throws Exception {
        var response = send("GET /").receiveResponse();

        assertThat(response.body()).contains("<title>MiniKV</title>");
        assertThat(response.field("Content-Security-Policy").get(0))
                .contains("default-src 'none'")
                .contains("connect-src 'self'")
                .contains("frame-ancestors 'none'");
    }
}
