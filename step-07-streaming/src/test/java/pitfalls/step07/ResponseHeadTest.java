package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.ScheduledExecutorScheduler;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import pitfalls.step07.watch.Deadlines;
import pitfalls.support.LoopbackTest;

class ResponseHeadTest implements LoopbackTest {
    private final Uncommitted response = new Uncommitted();
    private final Unread body = new Unread();
    private final UpstreamSilence silence =
            new UpstreamSilence(new HttpClient().newRequest("http://127.0.0.1:8081"), Timeouts.defaults());
    private final AtomicBoolean told = new AtomicBoolean();
    private Deadlines deadlines;
    private ResponseHead head;

    @BeforeEach
    void start() throws Exception {
        deadlines = new Deadlines(loopback.started(new ScheduledExecutorScheduler()));
        head = new ResponseHead(response, Timeouts.defaults().withHead(Duration.ofMillis(1)), deadlines);
    }

    @Test
    void a_body_that_arrives_while_the_head_is_written_waits_for_that() throws Exception {
        bodyOf(head).demand(() -> told.set(true));
        Callback written = response.writes.poll(5, TimeUnit.SECONDS);

        body.demands.remove().run();
        assertThat(body.demands)
                .as("whether it goes on while the head is written")
                .isEmpty();
        written.succeeded();

        assertThat(told).as("who reads is told on a thread of the body's").isFalse();
        body.demands.remove().run();
        assertThat(told).isTrue();
    }

    @Test
    void a_response_that_ends_while_its_head_is_written_waits_for_that() throws Exception {
        bodyOf(head).demand(() -> {});
        Callback written = response.writes.poll(5, TimeUnit.SECONDS);

        head.whenSettled(() -> told.set(true), () -> told.set(true));
        assertThat(told).as("whether it ends while the head is written").isFalse();
        written.succeeded();

        assertThat(told).isTrue();
    }

    @Test
    void a_head_that_was_settled_in_time_leaves_nothing_to_do() {
        var patient = new ResponseHead(response, Timeouts.defaults().withHead(Duration.ofHours(1)), deadlines);
        bodyOf(patient).demand(() -> {});

        patient.whenSettled(() -> told.set(true), () -> told.set(true));

        assertThat(told).isTrue();
        assertThat(deadlines.iterator()).isExhausted();
    }

    @Test
    void the_head_of_a_response_that_may_have_a_body_is_not_sent_alone_at_its_end() {
        head.endWithoutInventedLength("GET", () -> told.set(true));

        assertThat(response.writes).isEmpty();
        assertThat(told).isTrue();
    }

    @Test
    void a_failure_of_who_reads_is_passed_on() {
        var failure = new IOException("the client has left");

        bodyOf(head).fail(failure);

        assertThat(body.failure).isSameAs(failure);
    }

    private Content.Source bodyOf(ResponseHead head) {
        return head.new Body(body, -1, silence, () -> {});
    }

    /** A response of which nothing was sent, and nothing is until the test completes a write. */
    private static final class Uncommitted extends Response.Wrapper {
        private final LinkedBlockingQueue<Callback> writes = new LinkedBlockingQueue<>();

        private Uncommitted() {
            super(null, null);
        }

        @Override
        public int getStatus() {
            return 200;
        }

        @Override
        public HttpFields.Mutable getHeaders() {
            return HttpFields.build();
        }

        @Override
        public boolean isCommitted() {
            return false;
        }

        @Override
        public void write(boolean last, ByteBuffer bytes, Callback callback) {
            writes.add(callback);
        }
    }

    /** A body that arrives when the test says so. */
    private static final class Unread implements Content.Source {
        private final Queue<Runnable> demands = new ArrayDeque<>();
        private Throwable failure;

        @Override
        public Content.Chunk read() {
            return null;
        }

        @Override
        public void demand(Runnable task) {
            demands.add(task);
        }

        @Override
        public void fail(Throwable failure) {
            this.failure = failure;
        }
    }
}
