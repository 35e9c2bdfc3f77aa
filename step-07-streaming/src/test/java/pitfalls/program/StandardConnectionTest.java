package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import pitfalls.step07.inplace.InPlace;
import pitfalls.step07.inplace.InPlaceThreads;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;

/**
 * Which threads read from a client's connection. A request that cannot be read is answered in another thread than the one that has read it.
 * In these tests, that one goes on when the answer is sent, and all is done that follows from it.
 */
class StandardConnectionTest implements LoopbackTest {
    private final Threads threads = new Threads();

    @Nested
    class Broken {
        @Test
        void while_one_thread_reads_a_connection_of_Jetty_another_one_begins_to() throws Exception {
            sendUnreadableRequest(new HttpConnectionFactory());

            assertThat(threads.hasReadMeanwhile).isTrue();
        }
    }

    @Nested
    class Fixed {
        @Test
        void one_thread_at_a_time_reads_a_connection() throws Exception {
            sendUnreadableRequest(new ClientConnectionFactory(Duration.ZERO));

            assertThat(threads.hasReadMeanwhile).isFalse();
        }
    }

    /** The first bytes may be those of HTTP/2, which is read for as long as the client sends. */
    @Test
    void a_thread_that_reads_from_a_connection_for_the_first_time_does_not_keep_other_connections_waiting()
            throws Exception {
        var isReading = new CompletableFuture<Void>();
        var readsOther = new CompletableFuture<Boolean>();
        var server = new Server(new InPlaceThreads());
        server.setHandler(new InPlace(new Handler.Abstract.NonBlocking() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                callback.succeeded();
                return true;
            }
        }));
        URI address = start(server, new ClientConnectionFactory(Duration.ZERO), connection -> {
            if (connection > 0) readsOther.complete(true);
            isReading.complete(null);
            readsOther
                    .completeOnTimeout(false, Loopback.PATIENCE.toMillis(), TimeUnit.MILLISECONDS)
                    .join();
        });

        var first = loopback.connect(address).sendRequest("GET /first");
        assertThat(isReading).succeedsWithin(Loopback.PATIENCE);
        var other = loopback.connect(address).sendRequest("GET /other");

        assertThat(other.receiveResponse().status()).isEqualTo(200);
        assertThat(first.receiveResponse().status()).isEqualTo(200);
        assertThat(readsOther).isCompletedWithValue(true);
    }

    private void sendUnreadableRequest(HttpConnectionFactory connections) throws Exception {
        var client = loopback.connect(start(new Server(threads), connections, connection -> threads.onRead()));

        String answer =
                client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").receiveToEnd();

        assertThat(answer).startsWith("HTTP/1.1 400 ");
        assertThat(threads.answered).succeedsWithin(Duration.ofSeconds(5));
    }

    /** Starts that server, in which one thread waits for all connections. Before each read, it tells the number of the connection. */
    private static URI start(Server server, HttpConnectionFactory connections, IntConsumer onRead) throws Exception {
        var opened = new AtomicInteger();
        var connector = new ServerConnector(server, 1, 1, connections) {
            @Override
            protected SocketChannelEndPoint newEndPoint(
                    SocketChannel channel, ManagedSelector selector, SelectionKey key) {
                int number = opened.getAndIncrement();
                return new SocketChannelEndPoint(channel, selector, key, getScheduler()) {
                    @Override
                    public int fill(ByteBuffer buffer) throws IOException {
                        onRead.accept(number);
                        return super.fill(buffer);
                    }
                };
            }
        };
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        loopback.started(server);
        return URI.create("http://127.0.0.1:" + connector.getLocalPort());
    }

    /** The server's threads. They are those of Jetty until one of them, which reads, has another one answer. */
    private static final class Threads extends QueuedThreadPool {
        final CompletableFuture<Void> answered = new CompletableFuture<>();
        volatile boolean hasReadMeanwhile;
        private volatile Thread reader;
        private volatile boolean answering;

        void onRead() {
            if (answering) hasReadMeanwhile = true;
            else reader = Thread.currentThread();
        }

        @Override
        public boolean tryExecute(Runnable answer) {
            if (Thread.currentThread() != reader || answered.isDone()) return super.tryExecute(answer);
            answering = true;
            CompletableFuture.runAsync(answer, task -> new Thread(task).start()).join();
            answering = false;
            return answered.complete(null);
        }

        /** What follows from the answer is done at once. */
        @Override
        public void execute(Runnable task) {
            if (answering) task.run();
            else super.execute(task);
        }
    }
}
