package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.step04.RetriesContract.IDEMPOTENT;
import static pitfalls.step04.Retrying.ANSWERS;
import static pitfalls.step04.Retrying.DIES;
import static pitfalls.step04.Retrying.newProxy;

import org.junit.jupiter.api.Test;
import pitfalls.support.LoopbackTest;

/** How many requests may be on another attempt at once. */
class RetryBudgetTest implements LoopbackTest {

    @Test
    void retries_beyond_the_budget_are_refused_and_counted() throws Exception {
        var time = new ManualTime();
        var upstream = loopback.scripted(DIES);
        var proxy = time.in(newProxy(upstream.target(), RetryPolicy.idempotent().withBudget(20, 1)));
        var server = loopback.serve(proxy);
        var first = loopback.connect(server);
        var second = loopback.connect(server);

        first.sendRequest("GET /1");
        var pause = time.nextPause();
        var refused = second.sendRequest("GET /2").receiveResponse();
        pause.end();
        time.nextPause().end();
        first.receiveResponse();
        first.sendRequest("GET /3");

        assertThat(refused.status()).isEqualTo(502);
        assertThat(time.nextPause()).as("the budget is free again").isNotNull();
        assertThat(proxy.getBudgetRefusals()).isEqualTo(1);
    }

    @Test
    void a_request_that_waits_because_of_a_status_weighs_on_the_budget() throws Exception {
        var time = new ManualTime();
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        });
        var policy = IDEMPOTENT.withStatuses(503).withBudget(0, 1);
        var proxy = time.in(newProxy(upstream.target(), policy));
        var server = loopback.serve(proxy);
        loopback.connect(server).sendRequest("GET /1");
        time.nextPause();

        var refused = loopback.connect(server).sendRequest("GET /2").receiveResponse();

        assertThat(refused.status()).isEqualTo(503);
        assertThat(proxy.getBudgetRefusals()).isEqualTo(1);
    }

    @Test
    void the_budget_is_a_share_of_the_requests_on_their_first_attempt() throws Exception {
        var upstream = loopback.scripted(
                connection -> {
                    connection.receiveRequest();
                    connection.ended(); // in flight until the test ends
                },
                DIES,
                ANSWERS);
        var proxy = newProxy(upstream.target(), IDEMPOTENT.withBudget(50, 0));
        var server = loopback.serve(proxy);
        var inFlight = loopback.connect(server).sendRequest("GET /slow");
        upstream.awaitConnections(1);

        var response = loopback.connect(server).sendRequest("GET /x").receiveResponse();

        assertThat(response.status()).as("one of two may").isEqualTo(204);
        inFlight.close();
    }

    @Test
    void a_status_that_is_passed_on_weighs_on_the_budget_no_more() throws Exception {
        var policy = IDEMPOTENT.withAttempts(2).withStatuses(503);

        assertThat(statusBesideAStream("503 Busy", policy)).isEqualTo(204);
    }

    @Test
    void a_request_that_is_being_answered_weighs_on_the_budget_no_more() throws Exception {
        assertThat(statusBesideAStream("200 OK", IDEMPOTENT)).isEqualTo(204);
    }

    /**
     * Two requests need a second attempt each, and the budget is one. The first request gets a stream with that status and
     * no end.
     *
     * @return the status that the second request gets meanwhile
     */
    private int statusBesideAStream(String status, RetryPolicy policy) throws Exception {
        var upstream = loopback.scripted(
                DIES,
                connection -> {
                    connection.receiveRequest();
                    connection.send("HTTP/1.1 " + status + "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
                    connection.ended(); // a stream without end
                },
                DIES,
                ANSWERS);
        var server = loopback.serve(newProxy(upstream.target(), policy.withBudget(0, 1)));
        loopback.connect(server).sendRequest("GET /stream").receiveHead();
        return loopback.connect(server).sendRequest("GET /x").receiveResponse().status();
    }
}
