package pitfalls.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.net.Socket;
import org.eclipse.jetty.util.component.AbstractLifeCycle;
import org.junit.jupiter.api.Test;

/** What becomes of the things that a test has started, when one of them does not stop as it should. */
class LoopbackCleanupTest {
    private final Loopback loopback = new Loopback();

    @Test
    void when_a_script_has_failed_everything_is_stopped_all_the_same() throws Exception {
        var first = loopback.started(new AbstractLifeCycle() {});
        var failed = new Gate("the script has failed");
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            failed.open();
            throw new IOException("the script's own");
        });
        try (var socket = new Socket("127.0.0.1", upstream.port())) {
            var client = new RawConnection(socket);
            client.sendRequest("GET /");
            failed.await();
            assertThat(client.ended()).isTrue();
        }
        var failing = loopback.started(new AbstractLifeCycle() {
            @Override
            protected void doStop() throws IOException {
                throw new IOException("it does not stop");
            }
        });

        Throwable reported = catchThrowable(() -> loopback.afterEach(null));

        assertThat(first.isStopped()).as("what was started before the script").isTrue();
        assertThat(failing.isFailed()).isTrue();
        assertThat(reported).hasMessage("it does not stop");
        assertThat(reported.getSuppressed())
                .singleElement()
                .asString()
                .contains("failures in the upstream's scripts", "the script's own");
    }
}
