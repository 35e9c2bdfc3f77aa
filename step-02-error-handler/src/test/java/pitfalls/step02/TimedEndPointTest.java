package pitfalls.step02;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.util.component.AbstractLifeCycle;
import org.eclipse.jetty.util.thread.Scheduler;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The timers that a socket starts whose idle timeout changes. They run when the test says so. */
class TimedEndPointTest {
    private static final long SHORT_MS = 60_000;
    private static final long LONG_MS = 600_000;

    private final Timers timers = new Timers();
    private int expired;
    private Runnable whenAsked = () -> {};
    private SocketChannel channel;
    private TimedEndPoint endPoint;

    @BeforeEach
    void open() throws IOException {
        channel = SocketChannel.open();
        endPoint = new TimedEndPoint(channel, null, null, timers) {
            @Override
            protected void onIdleExpired(TimeoutException timeout) {
                expired++;
            }

            @Override
            public long getIdleTimeout() {
                long limit = super.getIdleTimeout();
                Runnable meanwhile = whenAsked;
                whenAsked = () -> {};
                meanwhile.run();
                return limit;
            }
        };
    }

    @AfterEach
    void close() throws IOException {
        channel.close();
    }

    private static void serveThreeRequests(SocketChannelEndPoint endPoint) {
        endPoint.setIdleTimeout(SHORT_MS);
        for (int i = 0; i < 3; i++) {
            endPoint.notIdle();
            endPoint.setIdleTimeout(LONG_MS);
            endPoint.setIdleTimeout(0);
            endPoint.notIdle();
            endPoint.setIdleTimeout(SHORT_MS);
        }
    }

    private void beIdle() {
        while (endPoint.getIdleFor() < 2) Thread.onSpinWait();
    }

    @Test
    void Jetty_starts_a_timer_for_each_request_whose_limit_is_another_one() {
        serveThreeRequests(new SocketChannelEndPoint(channel, null, null, timers));

        assertThat(timers.delays).hasSize(4);
    }

    @Test
    void one_timer_is_enough_for_all_requests() {
        serveThreeRequests(endPoint);
        beIdle();
        endPoint.setIdleTimeout(LONG_MS);
        endPoint.setIdleTimeout(SHORT_MS);

        assertThat(timers.delays).hasSize(1);
        assertThat(endPoint.getIdleTimeout()).isEqualTo(SHORT_MS);
    }

    @Test
    void a_limit_that_is_shorter_than_all_before_is_looked_at_in_time() {
        endPoint.setIdleTimeout(LONG_MS);
        endPoint.setIdleTimeout(SHORT_MS);

        assertThat(timers.last()).isLessThanOrEqualTo(SHORT_MS);
        assertThat(timers.cancelled).isEqualTo(1);

        serveThreeRequests(endPoint);
        assertThat(timers.delays).hasSize(2);
    }

    @Test
    void without_a_limit_nothing_expires_and_the_timer_ends() {
        endPoint.setIdleTimeout(1);
        endPoint.setIdleTimeout(0);
        expired = 0; // if this thread was slow
        beIdle();
        timers.runLast();

        assertThat(expired).isZero();
        assertThat(timers.delays).hasSize(1);
    }

    @Test
    void a_limit_that_begins_when_the_timer_has_ended_starts_it_anew() {
        endPoint.setIdleTimeout(SHORT_MS);
        endPoint.setIdleTimeout(0);
        timers.runLast();
        beIdle();
        endPoint.setIdleTimeout(SHORT_MS);

        assertThat(timers.delays).hasSize(2);
        assertThat(timers.last()).isLessThan(SHORT_MS);
    }

    @Test
    void what_has_been_idle_for_too_long_expires_and_the_timer_goes_on() {
        endPoint.setIdleTimeout(1);
        expired = 0; // if this thread was slow
        beIdle();
        timers.runLast();

        assertThat(expired).isEqualTo(1);
        assertThat(timers.delays).hasSize(2);
    }

    @Test
    void a_long_limit_does_not_expire_when_a_short_one_would() {
        endPoint.setIdleTimeout(1);
        endPoint.setIdleTimeout(LONG_MS);
        expired = 0; // if this thread was slow
        beIdle();
        timers.runLast();

        assertThat(expired).isZero();
        assertThat(timers.last()).isGreaterThan(SHORT_MS);
    }

    @Test
    void a_limit_that_is_set_while_the_timer_looks_is_looked_at_in_time() {
        endPoint.setIdleTimeout(1);
        endPoint.setIdleTimeout(LONG_MS);
        whenAsked = () -> endPoint.setIdleTimeout(SHORT_MS);
        timers.runLast();

        assertThat(timers.last()).isLessThanOrEqualTo(SHORT_MS);
    }

    /** Keeps what it should run. */
    private static final class Timers extends AbstractLifeCycle implements Scheduler {
        private final List<Long> delays = new ArrayList<>();
        private Runnable task;
        private int cancelled;

        @Override
        public Task schedule(Runnable task, long delay, TimeUnit units) {
            this.task = task;
            delays.add(units.toMillis(delay));
            return () -> {
                cancelled++;
                return true;
            };
        }

        private long last() {
            return delays.get(delays.size() - 1);
        }

        private void runLast() {
            task.run();
        }
    }
}
