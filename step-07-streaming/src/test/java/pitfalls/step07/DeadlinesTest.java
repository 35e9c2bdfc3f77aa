package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.Request;
import org.eclipse.jetty.util.thread.ScheduledExecutorScheduler;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;

/** Tasks for later, and the wait for a connection, which is one of them. */
class DeadlinesTest implements LoopbackTest {
    private static final Duration SHORT = Duration.ofMillis(1);

    private final Request request = new HttpClient().newRequest("http://127.0.0.1:8081/");
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
    void a_request_whose_connection_is_on_its_way_is_asked_again_whether_one_is_left() throws Exception {
        var thirdTime = new Gate("it is asked for the third time, and told that none is left");

        new ConnectionWait(request).limit(SHORT, deadlines, () -> {
            if (count.incrementAndGet() < 3) return false;
            thirdTime.open();
            return true;
        });
        thirdTime.await();
        awaitLaterTasks(); // which run on the same thread

        assertThat(request.getAbortCause()).isInstanceOf(RejectedExecutionException.class);
        assertThat(count).hasValue(3);
    }

    @Test
    void a_request_that_has_failed_waits_no_more() {
        var wait = new ConnectionWait(request);
        wait.onFailure(request, new IllegalStateException("no such host"));

        wait.limit(Duration.ofHours(1), deadlines, () -> true);

        assertThat(deadlines.iterator()).isExhausted();
    }

    @Test
    void a_request_that_has_its_connection_waits_no_more() {
        var wait = new ConnectionWait(request);
        wait.limit(Duration.ofHours(1), deadlines, () -> true);

        wait.onBegin(request);

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
