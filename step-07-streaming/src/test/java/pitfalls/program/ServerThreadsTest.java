package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.eclipse.jetty.util.thread.Invocable.InvocationType.NON_BLOCKING;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.Slow;

/** Clients that leave in the middle of something, many at once, and the threads that deal with them. */
class ServerThreadsTest implements LoopbackTest {
    private static final int CLIENTS = 40;

    @Slow
    @TestFactory
    Stream<DynamicTest> clients_that_leave_at_once_take_no_thread_beyond_the_limit() {
        return Stream.of("GET /x HTTP/1.1\r\nHost: a\r\nX-Half: ", "GET /x HTTP/1.1\r\nX Y: z\r\n\r\n")
                .map(head -> DynamicTest.dynamicTest(head.replace("\r\n", ", "), () -> {
                    Queue<String> threads = new ConcurrentLinkedQueue<>();
                    var allAtOnce = new CountDownLatch(CLIENTS);
                    var program = new ReverseProxy();
                    ReverseProxy.commandLine(program)
                            .parseArgs("--listen=127.0.0.1:0", "--stop-timeout=0s", "--target=" + loopback.refusing());
                    var server = program.newServer();
                    server.setRequestLog((request, response) -> {
                        threads.add(Thread.currentThread().getName());
                        allAtOnce.countDown();
                        await(allAtOnce);
                    });
                    var address = loopback.started(server).getURI();

                    List<RawConnection> clients = new ArrayList<>();
                    for (int i = 0; i < CLIENTS; i++)
                        clients.add(loopback.connect(address).send(head));
                    for (RawConnection client : clients) client.close();

                    assertThat(await(allAtOnce)).isTrue();
                    assertThat(threads).hasSize(CLIENTS).allMatch(name -> name.startsWith("server-"));
                }));
    }

    @Test
    void the_thread_that_has_read_a_request_may_handle_it() throws Exception {
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program)
                .parseArgs(
                        "--listen=127.0.0.1:0",
                        "--target=" + loopback.refusing(),
                        "--health=/",
                        "--metrics=127.0.0.1:0");

        assertThat(loopback.started(program.newServer()).getInvocationType()).isEqualTo(NON_BLOCKING);
        assertThat(loopback.started(program.newTwin(loopback.refusing())).getInvocationType())
                .isEqualTo(NON_BLOCKING);
    }

    @Slow
    @Test
    void threads_that_a_burst_has_started_end_together_when_they_have_nothing_to_do() throws Exception {
        var threads = new ServerThreads();
        threads.setIdleTimeout(200); // in which Jetty would end one of them
        loopback.started(threads);
        var allAtOnce = new CountDownLatch(CLIENTS);

        for (int i = 0; i < CLIENTS; i++) {
            threads.execute(() -> {
                allAtOnce.countDown();
                await(allAtOnce);
            });
        }

        assertThat(await(allAtOnce)).isTrue();
        long deadline = System.nanoTime() + Loopback.PATIENCE.toNanos();
        while (threads.getThreads() > threads.getMinThreads()) {
            assertThat(System.nanoTime()).as("time").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    @Test
    void those_of_the_client_towards_the_upstream_end_in_the_same_way() throws Exception {
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program).parseArgs("--listen=127.0.0.1:0", "--target=" + loopback.refusing());
        var proxy = program.newProxy();

        loopback.serve(proxy);

        var threads = (QueuedThreadPool) proxy.getHttpClient().getExecutor();
        assertThat(threads.getIdleTimeout()).isEqualTo(10_000);
        assertThat(threads.getMaxEvictCount()).isEqualTo(threads.getMaxThreads());
    }

    private static boolean await(CountDownLatch latch) {
        try {
            return latch.await(Loopback.PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException x) {
            return false;
        }
    }
}
