package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;

/** Clients that leave in the middle of something, many at once, and the threads that deal with them. */
class ServerThreadsTest implements LoopbackTest {
    private static final int CLIENTS = 40;

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

    private static boolean await(CountDownLatch latch) {
        try {
            return latch.await(Loopback.PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException x) {
            return false;
        }
    }
}
