package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.step04.ManualClient.chunk;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.io.Content;
import org.junit.jupiter.api.Test;

class ReplayableBodyTest {
    private final ManualClient client = new ManualClient();
    private final ReplayMemory memory = new ReplayMemory();
    private final ReplayableBody body = new ReplayableBody(client, 100, memory);
    private final IOException failure = new IOException("the connection died");

    @Test
    void an_attempt_that_has_failed_reads_its_failure_and_leaves_the_body_to_the_next_one() {
        var first = body.newAttempt();
        first.fail(failure);
        var sent = client.send(chunk("abc"));
        var told = new AtomicBoolean();

        first.demand(() -> told.set(true));

        assertThat(told).isTrue();
        assertThat(first.read().getFailure()).isSameAs(failure);
        assertThat(body.newAttempt().read()).isSameAs(sent);
    }

    @Test
    void an_attempt_fails_once() {
        var attempt = body.newAttempt();

        attempt.fail(failure);
        attempt.fail(new IOException("and again"));

        assertThat(attempt.read().getFailure()).isSameAs(failure);
    }

    @Test
    void between_two_attempts_the_client_is_watched() {
        body.newAttempt().fail(failure);

        assertThat(client.isDemanded()).isTrue();
    }

    @Test
    void a_body_that_broke_off_breaks_off_for_every_attempt() {
        var left = Content.Chunk.from(new IOException("the client has left"), true);
        client.send(left);
        assertThat(body.newAttempt().read()).isSameAs(left);

        assertThat(body.newAttempt().read()).isSameAs(left);
    }

    @Test
    void every_attempt_has_the_type_and_the_length_of_the_body() {
        assertThat(body.newAttempt().getContentType()).isEqualTo(client.getContentType());
        assertThat(body.newAttempt().getLength()).isEqualTo(client.getLength());
    }

    @Test
    void what_is_not_needed_any_more_leaves_its_memory_to_others() {
        memory.limit = 100;
        client.send(chunk("a".repeat(60)));
        body.newAttempt().read();
        boolean besideIt = memory.reserve(60);

        body.release();

        assertThat(besideIt).isFalse();
        assertThat(memory.reserve(100)).isTrue();
    }

    @Test
    void a_body_that_grows_beyond_the_memory_gives_back_what_it_had() {
        memory.limit = 90;
        client.send(chunk("a".repeat(60)));
        client.send(chunk("b".repeat(40)));
        var attempt = body.newAttempt();
        attempt.read();
        attempt.read();

        assertThat(body.isReplayable()).isFalse();
        assertThat(memory.reserve(90)).isTrue();
    }
}
