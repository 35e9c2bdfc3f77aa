package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.RejectedExecutionException;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;

class TurnsTest implements LoopbackTest {
    private static final long UNKNOWN = -1;

    private final Queue<Runnable> executor = new ArrayDeque<>();
    private final List<String> read = new ArrayList<>();

    @Test
    void a_body_has_the_thread_for_one_turn_and_then_others_go_on() {
        var turns = new Turns(executor::add, 1);

        pass(turns.of(new Flowing(), UNKNOWN), "first");
        assertThat(read).hasSize(4).containsOnly("first");

        pass(turns.of(new Flowing(), UNKNOWN), "second");
        assertThat(read.subList(4, read.size())).hasSize(4).containsOnly("second");

        assertThat(executor).as("threads that serve the rest").hasSize(1);
        executor.remove().run();
        assertThat(read.subList(8, read.size())).hasSize(8);
        assertThat(read.subList(8, 12)).as("who came first").containsOnly("first");
    }

    @Test
    void the_end_of_a_body_does_not_wait_for_a_turn() {
        var turns = new Turns(executor::add, 1);

        Content.Source body = turns.of(new Flowing(), Turns.BYTES);
        for (int i = 0; i < 4; i++) body.read();
        body.demand(() -> read.add("end"));

        assertThat(read).containsExactly("end");
        assertThat(executor).isEmpty();
    }

    @Test
    void there_are_as_many_threads_as_are_permitted_and_none_when_nobody_waits() {
        var turns = new Turns(executor::add, 2);
        for (int i = 0; i < 3; i++) pass(turns.of(new Flowing(), UNKNOWN), "body");

        assertThat(executor).hasSize(2);
        executor.remove().run();
        executor.remove().run();
        assertThat(read).hasSize(3 * 8);

        pass(turns.of(new Flowing(), UNKNOWN), "another");
        assertThat(executor).hasSize(1);
    }

    @Test
    void a_turn_that_fails_is_a_line_in_the_log_and_the_others_go_on() {
        var turns = new Turns(executor::add, 1);
        var failing = turns.of(new Flowing(), UNKNOWN);
        for (int i = 0; i < 4; i++) failing.read();
        failing.demand(() -> {
            throw new IllegalStateException("a fault");
        });
        pass(turns.of(new Flowing(), UNKNOWN), "another");

        try (var log = LogLines.of("pitfalls")) {
            executor.remove().run();

            assertThat(log.lines()).containsExactly("WARN the turn of a body has failed");
        }
        assertThat(read).hasSize(8);
    }

    @Test
    void where_the_executor_has_stopped_nobody_waits_for_it() {
        var turns = new Turns(
                task -> {
                    throw new RejectedExecutionException();
                },
                1);

        pass(turns.of(new Flowing(), UNKNOWN), "body");

        assertThat(read).hasSize(8);
    }

    /** What the proxy writes behind the first turn comes from another thread than the one that reads from all upstreams. */
    @Test
    void a_body_that_flows_takes_turns_with_others() throws Exception {
        byte[] body = new byte[16 * Turns.BYTES];
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + body.length + "\r\n\r\n");
            connection.send(body);
        });
        var writes = new ArrayList<Boolean>(); // by one thread at a time
        var client = loopback.connect(loopback.serve(new Handler.Wrapper(new StreamingProxy(upstream.target())) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                return super.handle(
                        request,
                        new Response.Wrapper(request, response) {
                            @Override
                            public void write(boolean last, ByteBuffer bytes, Callback written) {
                                synchronized (writes) {
                                    writes.add(StackWalker.getInstance()
                                            .walk(frames -> frames.anyMatch(frame -> frame.getClassName()
                                                            .equals(Turns.class.getName())
                                                    && frame.getMethodName().equals("serve"))));
                                }
                                super.write(last, bytes, written);
                            }
                        },
                        callback);
            }
        }));

        var response = client.sendRequest("GET /large").receiveResponse();

        assertThat(response.body()).hasSize(body.length);
        synchronized (writes) {
            assertThat(writes).as("whether a write is a turn that waited").contains(true);
            assertThat(writes.get(0)).isFalse();
        }
    }

    /** Reads as Jetty does, to the end. */
    private void pass(Content.Source body, String name) {
        Content.Chunk chunk = body.read();
        read.add(name);
        if (!chunk.isLast()) body.demand(() -> pass(body, name));
    }

    /** Two turns of a body, all of which is there. */
    private static final class Flowing implements Content.Source {
        private int chunks = 2 * 4;

        @Override
        public Content.Chunk read() {
            return Content.Chunk.from(ByteBuffer.allocate(Turns.BYTES / 4), --chunks == 0);
        }

        @Override
        public void demand(Runnable task) {
            task.run();
        }

        @Override
        public void fail(Throwable failure) {}
    }
}
