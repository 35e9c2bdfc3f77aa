package pitfalls.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;

class LabTest {
    private static final int PATIENCE_MS = 20_000;

    private final Server server = Lab.server(0);

    @BeforeEach
    void start() throws Exception {
        server.start();
    }

    @AfterEach
    void stop() throws Exception {
        server.stop();
    }

    @Test
    void it_listens_on_loopback_only() throws Exception {
        assertThat(InetAddress.getByName(((ServerConnector) server.getConnectors()[0]).getHost())
                        .isLoopbackAddress())
                .isTrue();
    }

    @Test
    void the_page_is_there_and_may_load_nothing_from_elsewhere() throws Exception {
        var page = ask("GET / HTTP/1.1", "Host: " + authority());

        assertThat(page.status()).isEqualTo(200);
        assertThat(page.body()).contains("<title>The lab");
        assertThat(page.field("Content-Security-Policy").get(0)).startsWith("default-src 'self'");
    }

    @Test
    void each_scene_names_its_test_and_its_place_and_the_command() throws Exception {
        var answer = ask("GET /scenes.json HTTP/1.1", "Host: " + authority());

        var scenes = (Object[]) Json.parse(answer.body());
        assertThat(scenes).hasSize(Scenes.all().size());
        assertThat(((Map<?, ?>) scenes[0]).get("test")).isEqualTo("a_cookie_is_passed_on_and_never_kept");
        assertThat(((Map<?, ?>) scenes[0]).get("place"))
                .isEqualTo("step-01-minimal/README.md, under \"The fine print\"");
        assertThat(((Map<?, ?>) scenes[0]).get("command")).isEqualTo("mvn test -pl step-01-minimal -Dtest=MinimalTest");
    }

    @Test
    void a_scene_is_played_on_both_proxies_and_told_while_it_is() throws Exception {
        Scene scene = Scenes.find("a_cookie_is_passed_on_and_never_kept").orElseThrow();

        var answer =
                ask("POST /play/" + scene.id() + " HTTP/1.1", "Host: " + authority(), "Origin: http://" + authority());

        assertThat(answer.field("Content-Type")).containsExactly("text/event-stream;charset=utf-8");
        List<String> events =
                answer.body().lines().filter(line -> line.startsWith("event: ")).toList();
        assertThat(events).hasSizeGreaterThan(10).endsWith("event: end");
        String end =
                answer.body().substring(answer.body().indexOf("event: end\ndata: ") + "event: end\ndata: ".length());
        var json = (Map<?, ?>) Json.parse(end);
        assertThat((String) ((Map<?, ?>) json.get("left")).get("failure")).contains("sid=alice");
        assertThat(((Map<?, ?>) json.get("right")).get("failure")).isEqualTo("");
        assertThat((Long) json.get("first")).isNotNegative();
    }

    @TestFactory
    Stream<DynamicTest> no_other_page_may_drive_it() {
        String path = "/play/" + Scenes.all().get(0).id();
        return Stream.of(
                        "421 GET / | Host: evil.example",
                        "421 GET /scenes.json | Host: evil.example:PORT",
                        "403 POST " + path + " | Host: 127.0.0.1:PORT",
                        "403 POST " + path + " | Host: 127.0.0.1:PORT | Origin: null",
                        "403 POST " + path + " | Host: 127.0.0.1:PORT | Origin: http://evil.example",
                        "403 POST " + path + " | Host: 127.0.0.1:PORT | Origin: http://127.0.0.1:1",
                        "403 POST " + path + " | Host: localhost:PORT | Origin: http://127.0.0.1:PORT",
                        "421 POST " + path + " | Host: evil.example:PORT | Origin: http://evil.example:PORT",
                        "405 GET " + path + " | Host: 127.0.0.1:PORT",
                        "404 POST /play/../../etc/passwd | Host: 127.0.0.1:PORT | Origin: http://127.0.0.1:PORT",
                        "404 POST /play/none | Host: 127.0.0.1:PORT | Origin: http://127.0.0.1:PORT",
                        "404 GET /../Lab.class | Host: 127.0.0.1:PORT",
                        "200 GET / | Host: localhost:PORT")
                .map(row -> DynamicTest.dynamicTest(row, () -> {
                    String[] parts = row.substring(4).replace("PORT", port()).split(" \\| ");
                    parts[0] += " HTTP/1.1";

                    assertThat("" + ask(parts).status()).isIn(row.substring(0, 3), row.startsWith("404") ? "400" : "");
                }));
    }

    private RawMessage ask(String... head) throws Exception {
        URI address = Lab.address(server);
        var socket = new Socket(address.getHost(), address.getPort());
        try (var client = new RawConnection(socket)) {
            socket.setSoTimeout(PATIENCE_MS); // the first scene loads many classes
            return client.send(String.join("\r\n", head) + "\r\nContent-Length: 0\r\n\r\n")
                    .receiveResponse();
        }
    }

    private String authority() {
        return "127.0.0.1:" + port();
    }

    private String port() {
        return "" + Lab.address(server).getPort();
    }
}
