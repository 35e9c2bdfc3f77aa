package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.step04.Retrying.newProxy;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import pitfalls.step03.Upstream;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RefusedOnce;
import pitfalls.support.Slow;

/** How long a request looks for a connection while its upstream restarts. */
class ConnectingTest implements LoopbackTest {
    private final ManualTime time = new ManualTime();

    @Slow
    @Test
    void a_restart_within_a_second_costs_a_POST_nothing() throws Exception {
        try (var refusing = new RefusedOnce(ok())) {
            var proxy = time.in(newProxy(refusing.target(), RetryPolicy.idempotent()));
            var client = loopback.connect(loopback.serve(proxy));

            client.sendRequest("POST /x", "Content-Length: 3").send("abc");
            List<Duration> pauses = new ArrayList<>();
            for (int i = 0; i < 6; i++) pauses.add(endOf(time.nextPause()));
            var pause = time.nextPause();
            var upstream = refusing.start();
            endOf(pause);
            var response = client.receiveResponse();

            assertThat(response.status()).as("of the eighth attempt of three").isEqualTo(200);
            assertThat(received(upstream).getBody().utf8()).isEqualTo("abc");
            assertThat(upstream.getRequestCount()).isEqualTo(1);
            assertThat(pauses.stream().map(Duration::toMillis)).containsExactly(25L, 50L, 100L, 200L, 250L, 250L);
            assertThat(pause.length()).as("what is left of the second").isEqualTo(Duration.ofMillis(125));
        }
    }

    private Duration endOf(ManualTime.Pause pause) {
        time.pass(pause.length());
        pause.end();
        return pause.length();
    }

    @Test
    void after_that_time_the_client_gets_its_answer_and_the_log_has_told_it_in_two_lines() throws Exception {
        String target = loopback.refusing();
        var policy = RetryPolicy.idempotent().withConnectFor(Duration.ofMillis(60));
        var client = loopback.connect(loopback.serve(time.in(newProxy(target, policy))));

        try (var log = LogLines.of(RetryingProxy.class.getName())) {
            client.sendRequest("GET /x");
            endOf(time.nextPause());
            endOf(time.nextPause());
            var response = client.receiveResponse();

            assertThat(response.status()).isEqualTo(502);
            assertThat(log.lines())
                    .containsExactly(
                            "INFO not sent, connection_refused for GET /x to " + target
                                    + ": trying for 60 ms [request ID, attempt 1]",
                            "INFO not sent, connection_refused for GET /x to " + target
                                    + ": no connection came about within 60 ms [request ID, attempt 3]");
        }
    }

    @Test
    void no_attempt_to_connect_begins_after_the_deadline() throws Exception {
        var policy = RetryPolicy.idempotent().withDeadline(Duration.ofMillis(30));
        var client = loopback.connect(loopback.serve(time.in(newProxy(loopback.refusing(), policy))));

        client.sendRequest("GET /x");
        var pauses = List.of(endOf(time.nextPause()), endOf(time.nextPause()));

        assertThat(client.receiveResponse().status()).isEqualTo(502);
        assertThat(pauses).containsExactly(Duration.ofMillis(25), Duration.ofMillis(5));
    }

    @Slow
    @Test
    void without_pauses_it_does_not_spin() throws Exception {
        var policy = RetriesContract.IDEMPOTENT.withConnectFor(Duration.ofMillis(1));
        var client = loopback.connect(loopback.serve(time.in(newProxy(loopback.refusing(), policy))));

        client.sendRequest("GET /x");

        assertThat(endOf(time.nextPause())).isEqualTo(Duration.ofMillis(1));
        assertThat(client.receiveResponse().status()).isEqualTo(502);
    }

    /** Everything waits when an upstream restarts, and a budget is for what an upstream has to do twice. */
    @Test
    void attempts_that_find_no_connection_are_neither_counted_nor_in_the_budget() throws Exception {
        try (var refusing = new RefusedOnce(ok())) {
            var policy = RetryPolicy.idempotent().withAttempts(2).withBudget(0, 0);
            var proxy = time.in(newProxy(refusing.target(), policy));
            var client = loopback.connect(loopback.serve(proxy));

            client.sendRequest("GET /x");
            endOf(time.nextPause());
            endOf(time.nextPause());
            var pause = time.nextPause();
            refusing.start();
            endOf(pause);

            assertThat(client.receiveResponse().status()).isEqualTo(200);
            assertThat(proxy.getBudgetRefusals()).isZero();
        }
    }

    @Test
    void a_connection_that_died_counts_although_others_were_refused_before() throws Exception {
        var refusing = loopback.refusing();
        var dying = loopback.scripted(Retrying.DIES);
        var targets = new ArrayList<>(List.of(refusing, refusing, dying.target(), refusing, dying.target()));
        var policy = RetryPolicy.idempotent().withAttempts(2);
        var proxy = new RetryingProxy(request ->
                Upstream.parse(targets.remove(0)).resolve(request.getHttpURI().getPathQuery())) {};
        proxy.setRetryPolicy(policy);
        var client = loopback.connect(loopback.serve(time.in(proxy)));

        client.sendRequest("GET /x");
        for (int i = 0; i < 4; i++) endOf(time.nextPause());

        assertThat(client.receiveResponse().status()).isEqualTo(502);
        assertThat(dying.connections())
                .as("how often a policy of two attempts has sent it")
                .isEqualTo(2);
    }
}
