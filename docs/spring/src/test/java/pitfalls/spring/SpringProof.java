package pitfalls.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.jetty12.server.TimedHandler;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.handler.ContextHandler;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.jetty.ConfigurableJettyWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.Gate;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream.Script;

/** The finished proxy in a service of Spring Boot, set up as the page has it. On a busy machine, such a service takes its time to start. */
@Timeout(90)
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
            answer(connection, body);
        };
    }

    private static void answer(RawConnection connection, String body) throws IOException {
        connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + body.length() + "\r\n\r\n" + body);
    }

    @Test
    void the_service_answers_its_own_requests_and_the_upstream_the_others() throws Exception {
        var upstream = loopback.scripted(connection -> answer(
                connection, "the upstream got " + connection.receiveRequest().target()));
        try (var service = start(upstream.target())) {
            var client = connect(service);

            assertThat(client.sendRequest("GET /hello").receiveResponse().body())
                    .isEqualTo("hello");
            assertThat(client.sendRequest("GET /v1/a%20key?x=1")
                            .receiveResponse()
                            .body())
                    .isEqualTo("the upstream got /v1/a%20key?x=1");
            assertThat(client.sendRequest("GET /v10").receiveResponse().status())
                    .as("the status of what only begins like the prefix")
                    .isEqualTo(404);
        }
    }

    @Test
    void the_prefix_alone_is_redirected_to_what_is_below_it() throws Exception {
        try (var service = start(loopback.refusing())) {
            var response = connect(service).sendRequest("GET /v1").receiveResponse();

            assertThat(response.status()).as("the status of the response").isEqualTo(301);
            assertThat(response.field("Location")).containsExactly("/v1/");
        }
    }

    /** Each limit is the smallest that Spring has for it. */
    @Test
    void an_upload_passes_whatever_the_limits_of_the_service_are() throws Exception {
        var upstream = loopback.scripted(connection -> answer(
                connection, String.valueOf(connection.receiveRequest().body().length())));
        try (var service = start(
                upstream.target(),
                "--spring.servlet.multipart.max-file-size=1B",
                "--spring.servlet.multipart.max-request-size=1B",
                "--server.jetty.max-http-form-post-size=1B")) {
            for (String type : new String[] {"multipart/form-data; boundary=b", "application/x-www-form-urlencoded"}) {
                var response = connect(service)
                        .sendRequest("POST /v1/keys", "Content-Type: " + type, "Content-Length: " + BODY.length())
                        .send(BODY)
                        .receiveResponse();

                assertThat(response.body())
                        .as("how much of %s the upstream received", type)
                        .isEqualTo("" + BODY.length());
            }
        }
    }

    @Test
    void a_stream_passes() throws Exception {
        var headArrived = new Gate("the client has received the head");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            headArrived.await();
            connection.send("3\r\nabc\r\n0\r\n\r\n");
        });
        try (var service = start(upstream.target())) {
            var client = connect(service);

            client.sendRequest("GET /v1/events");
            var head = new RawMessage(client.receiveHead(), "", true);
            headArrived.open();

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

    @Test
    void a_stream_that_does_not_end_is_waited_for_until_the_limit_and_then_breaks_off() throws Exception {
        long limitMs = 400;
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
            connection.awaitEnd();
        });
        var service = start(upstream.target(), "--spring.lifecycle.timeout-per-shutdown-phase=" + limitMs + "ms");
        var client = connect(service);
        client.sendRequest("GET /v1/events");
        var head = new RawMessage(client.receiveHead(), "", true);
        client.receiveChunk();

        long begin = System.nanoTime();
        service.close();
        long waitedMs = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);

        assertThat(waitedMs).as("for how long the service waited").isGreaterThanOrEqualTo(limitMs);
        assertThat(client.receiveBodyOf(head).complete())
                .as("whether the client takes half a stream for a whole one")
                .isFalse();
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

    /** Counts what goes to the upstream, as the page has it. */
    static class Counting {
        @Bean
        WebServerFactoryCustomizer<ConfigurableJettyWebServerFactory> countedProxy(
                MeterRegistry meters, @Value("${proxy.target}") String target) {
            return factory -> factory.addServerCustomizers(server -> {
                var counted = new TimedHandler(meters, Tags.of("upstream", "shop"));
                counted.setHandler(new StreamingProxy(target));
                server.setHandler(new Handler.Sequence(new ContextHandler(counted, "/v2"), server.getHandler()));
            });
        }
    }

    @Test
    void the_metrics_of_the_service_count_what_goes_to_the_upstream_only_with_a_handler_for_it() throws Exception {
        var upstream = loopback.scripted(answers("from the upstream"));
        try (var service = start(new SpringApplication(Shop.class, Counting.class), upstream.target())) {
            var client = connect(service);
            var meters = service.getBean(MeterRegistry.class);

            client.sendRequest("GET /hello").receiveResponse();
            client.sendRequest("GET /v1/key").receiveResponse();
            client.sendRequest("GET /v2/key").receiveResponse();

            assertCounts(1, meters, "jetty.server.requests", Tags.of("upstream", "shop", "status", "200"));
            assertCounts(1, meters, "http.server.requests", Tags.empty());
        }
    }

    /** A client may have its response a moment before it is counted. */
    private static void assertCounts(long count, MeterRegistry meters, String name, Tags tags) {
        LongSupplier counted = () -> {
            Timer timer = meters.find(name).tags(tags).timer();
            return timer == null ? 0 : timer.count();
        };
        long deadline = System.nanoTime() + Loopback.PATIENCE.toNanos();
        while (counted.getAsLong() != count && System.nanoTime() < deadline) Thread.onSpinWait();
        assertThat(counted.getAsLong()).as(name).isEqualTo(count);
    }
}
