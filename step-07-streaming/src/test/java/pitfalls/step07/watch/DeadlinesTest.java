package pitfalls.step07.watch;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.util.thread.ScheduledExecutorScheduler;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;

class DeadlinesTest implements LoopbackTest {
    private static final Duration SHORT = Duration.ofMillis(1);

    private final AtomicInteger count = new AtomicInteger();
    private Deadlines deadlines;

    @BeforeEach
    void start() throws Exception {
        deadlines = new Deadlines(loopback.started(new ScheduledExecutorScheduler()));
    }

    @Test
    void a_task_runs_once() throws Exception {
        deadlines.after(SHORT, count::incrementAndGet);

        awaitLaterTasks();

        assertThat(count).hasValue(1);
    }

    @Test
    void a_task_that_was_cancelled_is_forgotten() {
        deadlines.after(Duration.ofHours(1), count::incrementAndGet).cancel();

        assertThat(deadlines.iterator()).isExhausted();
    }

    /** Waits for tasks that are due later than the others, one after the other: the others could run again by then. */
    private void awaitLaterTasks() throws InterruptedException {
        for (int i = 0; i < 3; i++) {
            var later = new Gate("a later task has run");
            deadlines.after(Duration.ofMillis(10), later::open);
            later.await();
        }
    }
}
