package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static pitfalls.step04.RetriesContract.IDEMPOTENT;
import static pitfalls.step04.Retrying.ANSWERS;
import static pitfalls.step04.Retrying.DIES;
import static pitfalls.step04.Retrying.newProxy;

import org.junit.jupiter.api.Test;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;

/** How much memory the bodies of all requests together may take. */
class ReplayMemoryTest implements LoopbackTest {
    private static final String BODY = "0123456789";

    @Test
    void a_body_that_finds_no_memory_is_streamed_but_not_sent_again() throws Exception {
        var upstream = loopback.scripted(
                connection -> {
                    connection.receiveRequest();
                    connection.ended(); // its body is kept until the test ends
                },
                DIES);
        var proxy = newProxy(upstream.target(), IDEMPOTENT);
        proxy.setReplayMemory(15);
        var server = loopback.serve(proxy);
        var first = put(loopback.connect(server));
        upstream.awaitConnections(1);

        var second = put(loopback.connect(server)).receiveResponse();

        assertThat(second.status()).isEqualTo(502);
        assertThat(proxy.getRetries()).isZero();
        assertThat(proxy.getReplayMemoryRefusals()).isEqualTo(1);
        first.close();
    }

    @Test
    void the_memory_of_a_request_that_has_ended_is_there_for_the_next_one() throws Exception {
        var upstream = loopback.scripted(DIES, ANSWERS, DIES, ANSWERS);
        var proxy = newProxy(upstream.target(), IDEMPOTENT);
        proxy.setReplayMemory(BODY.length());
        var client = loopback.connect(loopback.serve(proxy));

        for (int i = 0; i < 2; i++) {
            assertThat(put(client).receiveResponse().status()).isEqualTo(204);
        }
        assertThat(proxy.getReplayMemoryRefusals()).isZero();
    }

    @Test
    void unless_set_it_is_a_share_of_the_heap() {
        var proxy = newProxy(":8081", IDEMPOTENT);

        assertThat(proxy.getReplayMemory()).isEqualTo(Runtime.getRuntime().maxMemory() / 8);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> proxy.setReplayMemory(-1))
                .withMessage("replayMemory must be zero or more bytes, not -1");
    }

    private static RawConnection put(RawConnection client) throws Exception {
        return client.sendRequest("PUT /x", "Content-Length: " + BODY.length()).send(BODY);
    }
}
