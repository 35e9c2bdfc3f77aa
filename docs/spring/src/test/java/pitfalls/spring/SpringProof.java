package pitfalls.spring;

import static org.assertj.core.api.Assertions.assertThat;

import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import pitfalls.support.Gate;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream.Script;

/** The finished proxy in a service of Spring Boot, set up as the page has it. */
class SpringProof implements LoopbackTest {
    private static final String BODY = "x".repeat(3 << 20);

    private ConfigurableApplicationContext start(String target, String... settings) {
        return start(new SpringApplication(Shop.class), target, settings);
    }

    private ConfigurableApplicationContext start(SpringApplication spring, String target, String... settings) {
        spring.setRegisterShutdownHook(false);
        String[] all = new String[settings.length + 3];
        System.arraycopy(settings, 0, all, 3, settings.length);
        all[0] = "--server.port=0";
        all[1] = "--proxy.target=" + target;
        all[2] = "--spring.main.banner-mode=off";
        return spring.run(all);
    }

    private RawConnection connect(ConfigurableApplicationContext service) throws Exception {
        return loopback.connect(
                URI.create("http://127.0.0.1:" + service.getEnvironment().getProperty("local.server.port")));
    }

    private static Script answers(String body) {
        return connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
        };
    }

    @Test
    void the_service_answers_its_own_requests_and_the_upstream_the_others() throws Exception {
        var upstream = loopback.scripted(answers("from the upstream"));
        try (var service = start(upstream.target())) {
            var client = connect(service);

            assertThat(client.sendRequest("GET /hello").receiveResponse().body())
                    .isEqualTo("hello");
            assertThat(client.sendRequest("GET /v1/key").receiveResponse().body())
                    .isEqualTo("from the upstream");
        }
    }

    @Test
    void an_upload_and_a_stream_pass() throws Exception {
        var headArrived = new Gate("the client has received the head");
        var upstream = loopback.scripted(
                connection -> {
                    String length =
                            String.valueOf(connection.receiveRequest().body().length());
                    connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + length.length()
                            + "\r\n\r\n" + length);
                },
                connection -> {
                    connection.receiveRequest();
                    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                    headArrived.await();
                    connection.send("3\r\nabc\r\n0\r\n\r\n");
                });
        try (var service = start(upstream.target())) {
            var client = connect(service);

            var upload = client.sendRequest("POST /v1/keys", "Content-Length: " + BODY.length())
                    .send(BODY)
                    .receiveResponse();
            client.sendRequest("GET /v1/events");
            var head = new RawMessage(client.receiveHead(), "", true);
            headArrived.open();

            assertThat(upload.body()).as("how much the upstream received").isEqualTo("" + BODY.length());
            assertThat(client.receiveBodyOf(head).body()).isEqualTo("abc");
        }
    }

    @Test
    void each_writes_its_own_errors() throws Exception {
        try (var service = start(loopback.refusing())) {
            var client = connect(service);

            var ofProxy = client.sendRequest("GET /v1/key", "Accept: application/json")
                    .receiveResponse();
            var ofService = client.sendRequest("GET /nothing", "Accept: application/json")
                    .receiveResponse();

            assertThat(ofProxy.status()).isEqualTo(502);
            assertThat(ofProxy.field("Content-Type")).containsExactly("application/problem+json");
            assertThat(ofProxy.body()).contains("\"error\":\"connection_refused\"");
            assertThat(ofService.status()).isEqualTo(404);
            assertThat(ofService.body()).contains("\"path\":\"/nothing\"");
        }
    }

    /** A filter that refuses everything, as that of Spring Security may. */
    static class Guard {
        @Bean
        Filter refusing() {
            return (request, response, chain) -> ((HttpServletResponse) response).sendError(403);
        }
    }

    @Test
    void a_filter_of_the_service_does_not_guard_what_goes_to_the_upstream() throws Exception {
        var upstream = loopback.scripted(answers("from the upstream"));
        try (var service = start(new SpringApplication(Shop.class, Guard.class), upstream.target())) {
            var client = connect(service);

            assertThat(client.sendRequest("GET /hello").receiveResponse().status())
                    .isEqualTo(403);
            assertThat(client.sendRequest("GET /v1/key").receiveResponse().status())
                    .isEqualTo(200);
        }
    }

    @Test
    void a_request_in_flight_is_answered_before_the_service_stops() throws Exception {
        var asked = new Gate("the upstream has the request");
        var stopping = new Gate("the service refuses new connections");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            asked.open();
            stopping.await();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast");
        });
        var service = start(upstream.target());
        int port = Integer.parseInt(service.getEnvironment().getProperty("local.server.port"));
        var client = connect(service);

        client.sendRequest("GET /v1/key");
        asked.await();
        var stopped = CompletableFuture.runAsync(service::close);
        while (accepts(port)) Thread.onSpinWait();
        stopping.open();

        assertThat(client.receiveResponse().body()).isEqualTo("last");
        stopped.get(Loopback.PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    }

    private static boolean accepts(int port) {
        try (var socket = new Socket("127.0.0.1", port)) {
            return socket.isConnected();
        } catch (IOException refused) {
            return false;
        }
    }

    @Test
    @EnabledForJreRange(min = JRE.JAVA_21)
    void it_works_on_the_virtual_threads_of_the_service() throws Exception {
        var upstream = loopback.scripted(answers("from the upstream"));
        try (var service = start(upstream.target(), "--spring.threads.virtual.enabled=true")) {
            var client = connect(service);

            assertThat(client.sendRequest("GET /hello").receiveResponse().body())
                    .isEqualTo("hello");
            assertThat(client.sendRequest("GET /v1/key").receiveResponse().body())
                    .isEqualTo("from the upstream");
        }
    }
}
