package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.step04.RetriesContract.IDEMPOTENT;
import static pitfalls.step04.Retrying.newProxy;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import pitfalls.support.FullBacklog;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;

/** Which failures are worth another attempt, beyond those of the contract. */
class RetriedFailuresTest implements LoopbackTest {

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void a_connect_timeout_is_tried_again_for_a_POST_too() throws Exception {
        try (var upstream = new FullBacklog()) {
            var proxy = newProxy(upstream.target(), IDEMPOTENT.withAttempts(2).withConnectFor(Duration.ZERO));
            var client = loopback.connect(loopback.serve(proxy));
            FullBacklog.setConnectTimeout(proxy, Duration.ofMillis(50));

            var response = client.sendRequest("POST /x").receiveResponse();

            assertThat(response.status()).isEqualTo(504);
            assertThat(proxy.getAttempts()).isEqualTo(2);
        }
    }

    @Test
    void an_unknown_host_is_tried_again_too() throws Exception {
        var proxy = newProxy("http://" + "x".repeat(64) + ".internal", IDEMPOTENT.withConnectFor(Duration.ZERO));
        var client = loopback.connect(loopback.serve(proxy));

        assertThat(client.sendRequest("POST /x").receiveResponse().status()).isEqualTo(502);
        assertThat(proxy.getAttempts()).isEqualTo(3);
    }

    @Test
    void a_status_behind_Expect_100_continue_is_passed_on() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            connection.send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy");
        });
        var proxy = newProxy(upstream.target(), IDEMPOTENT.withStatuses(503));
        var client = loopback.connect(loopback.serve(proxy));

        try (var log = LogLines.of("pitfalls")) {
            var response = client.sendRequest("PUT /x", "Content-Length: 3", "Expect: 100-continue")
                    .receiveResponse();

            assertThat(response.body()).isEqualTo("busy");
            assertThat(log.lines()).as("the announcement of another attempt").isEmpty();
        }
        assertThat(proxy.getAttempts()).isEqualTo(1);
    }
}
