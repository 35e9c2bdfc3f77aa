package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.targetOf;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import mockwebserver3.MockWebServer;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;
import pitfalls.support.Gate;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;
import pitfalls.support.Slow;

/** What happens between the start of the program and its first user. */
@Slow
class WarmUpTest implements LoopbackTest {
    private static final Duration SHORT = Duration.ofMillis(200);
    private static final Duration LONG = Duration.ofHours(1);
    private static final int FEW = 40;

    private final ReverseProxy program = new ReverseProxy();
    private Health health;
    private URI url;

    private void serve(String target) throws Exception {
        ReverseProxy.commandLine(program).parseArgs("--listen=127.0.0.1:0", "--health", "--target=" + target);
        Server server = loopback.started(program.newServer());
        health = server.getDescendant(Health.class);
        url = URI.create("http://127.0.0.1:" + ((ServerConnector) server.getConnectors()[0]).getLocalPort());
    }

    private String answer(String path) throws Exception {
        var response = loopback.connect(url).sendRequest("GET " + path).receiveResponse();
        return response.status() + " " + response.body().strip();
    }

    private CompletableFuture<Void> getReady(Function<String, Server> twin, Duration limit) {
        return CompletableFuture.runAsync(() -> health.readyAfter(new WarmUp(twin, limit, FEW)));
    }

    @Test
    void ready_says_no_until_the_warm_up_has_ended_and_requests_are_served_meanwhile() throws Exception {
        serve(targetOf(loopback.upstream(ok().body("served"))));
        var begun = new Gate("the warm-up has begun");
        var mayEnd = new Gate("the warm-up may end");
        var ended = getReady(
                target -> {
                    begun.open();
                    awaitQuietly(mayEnd);
                    return program.newTwin(target);
                },
                LONG);
        begun.await();

        String ready = answer("/ready");
        String live = answer("/live");
        String other = answer("/x");
        mayEnd.open();
        ended.join();
        String readyAfter = answer("/ready");

        assertThat(ready).as("/ready during the warm-up").isEqualTo("503 starting");
        assertThat(live).as("/live during the warm-up").isEqualTo("200 live");
        assertThat(other).as("a request during the warm-up").isEqualTo("200 served");
        assertThat(readyAfter).as("/ready after it").isEqualTo("200 ready");
    }

    private static void awaitQuietly(Gate gate) {
        try {
            gate.await();
        } catch (InterruptedException x) {
            throw new IllegalStateException(x);
        }
    }

    @Test
    void a_warm_up_that_fails_is_one_line_in_the_log_and_prevents_nothing() throws Exception {
        serve(targetOf(loopback.upstream(ok().body("served"))));
        try (var log = LogLines.of(WarmUp.class.getName())) {
            getReady(
                            target -> {
                                throw new IllegalStateException("no port is free");
                            },
                            SHORT)
                    .join();

            assertThat(answer("/ready")).isEqualTo("200 ready");
            assertThat(answer("/x")).isEqualTo("200 served");
            assertThat(log.lines())
                    .containsExactly("WARN not warmed up, so the first requests may be slow:"
                            + " java.lang.IllegalStateException: no port is free");
        }
    }

    @Test
    void one_that_gets_no_answer_ends_at_its_limit() throws Exception {
        serve(loopback.refusing());
        try (var log = LogLines.of(WarmUp.class.getName())) {
            getReady(target -> silentServer(), SHORT).join();

            assertThat(answer("/ready")).isEqualTo("200 ready");
            assertThat(log.lines())
                    .containsExactly("WARN not warmed up, so the first requests may be slow: no request was answered");
        }
    }

    private static Server silentServer() {
        var server = new Server();
        server.addConnector(new ListenAddress("127.0.0.1", 0).newConnector(server, new HttpConnectionFactory()));
        server.setHandler(new Handler.Abstract.NonBlocking() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                return true;
            }
        });
        return server;
    }

    @Test
    void its_requests_pass_through_the_proxy_and_no_upstream_of_the_operators_gets_any() throws Exception {
        MockWebServer upstream = loopback.upstream(ok());
        serve(targetOf(upstream));

        int requests = new WarmUp(program::newTwin, LONG, FEW).run();

        assertThat(requests).as("requests of the warm-up").isGreaterThanOrEqualTo(FEW);
        assertThat(upstream.getRequestCount()).as("requests to the upstream").isZero();
    }

    @Test
    void told_to_stop_meanwhile_it_does_not_become_ready() throws Exception {
        serve(loopback.refusing());

        health.leave();
        getReady(program::newTwin, Duration.ofMillis(1)).join();

        assertThat(List.of(answer("/ready"), answer("/live"))).containsExactly("503 stopping", "200 live");
    }
}
