package pitfalls.step07.inplace;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.client.CompletableResponseListener;
import org.eclipse.jetty.client.ContentResponse;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.http2.HTTP2Connection;
import org.eclipse.jetty.http2.client.HTTP2Client;
import org.eclipse.jetty.http2.client.transport.HttpClientTransportOverHTTP2;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
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
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;

/**
 * Which thread handles a request. A response is sent by the test's own thread here, as in a proxy by one that reads from upstreams. One thread of
 * the server reads from all clients.
 */
class InPlaceTest implements LoopbackTest {
    private static final String GET = "GET %s HTTP/1.1\r\nHost: a\r\n\r\n";

    private final BlockingQueue<Callback> unanswered = new LinkedBlockingQueue<>();
    private final Map<String, Thread> threadOf = new ConcurrentHashMap<>();
    private final Set<String> read = ConcurrentHashMap.newKeySet(); // by the thread that has handled them, too
    private final BlockingQueue<String> waiting = new LinkedBlockingQueue<>();
    private final CountDownLatch otherIsServed = new CountDownLatch(1);
    private URI address;

    @Nested
    class Broken {
        @Test
        void the_next_request_is_read_by_another_thread_than_the_one_that_has_sent_the_response() throws Exception {
            serve(new QueuedThreadPool(), new InPlace(new Paths()));
            RawConnection client = client().send(get("/first") + get("/next"));

            answerFirst();

            assertThat(client.receiveResponse().status()).isEqualTo(200);
            assertThat(client.receiveResponse().status()).isEqualTo(200);
            assertThat(threadOf.get("/next")).isNotEqualTo(Thread.currentThread());
        }
    }

    @Nested
    class Fixed {
        @Test
        void the_thread_that_has_sent_a_response_reads_the_next_request() throws Exception {
            serveInPlace();
            RawConnection client = client().send(get("/first") + get("/next"));

            answerFirst();

            assertThat(threadOf.get("/next")).isEqualTo(Thread.currentThread());
            assertThat(client.receiveResponse().status()).isEqualTo(200);
            assertThat(client.receiveResponse().status()).isEqualTo(200);
        }

        @Test
        void a_connection_that_ends_meanwhile_is_read_by_another_thread_so_that_calls_do_not_pile_up()
                throws Exception {
            serveInPlace();
            RawConnection client = client().send(get("/first") + get("/answersOneMore"));
            Callback first = unanswered.take();
            RawConnection other = client().send(get("/second") + get("/next"));
            unanswered.add(unanswered.take());

            assertOtherIsServed();
            first.succeeded();

            assertThat(threadOf.get("/answersOneMore")).isEqualTo(Thread.currentThread());
            assertThat(client.receiveResponse().status()).isEqualTo(200);
            assertThat(other.receiveResponse().status()).isEqualTo(200);
            assertThat(other.receiveResponse().status()).isEqualTo(200);
            assertThat(threadOf.get("/next")).isNotEqualTo(Thread.currentThread());
        }

        @Test
        void an_upload_does_not_keep_others_from_being_served() throws Exception {
            serveInPlace();
            RawConnection upload = client().send("POST /waits HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1");

            RawConnection chunked =
                    client().send("POST /waits HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
            assertThat(List.of(waiting(), waiting())).containsOnly("/waits");

            assertOtherIsServed();
            assertThat(upload.receiveResponse().status()).isEqualTo(200);
            assertThat(chunked.receiveResponse().status()).isEqualTo(200);
        }

        @Test
        void requests_without_a_pause_do_not_keep_others_from_being_served() throws Exception {
            serveInPlace();
            int last = InPlace.SHARE;
            RawConnection client = client().send(get("/now").repeat(last - 1) + get("/waits"));
            assertThat(waiting()).isEqualTo("/waits");

            assertOtherIsServed();

            for (int i = 0; i < last; i++)
                assertThat(client.receiveResponse().status()).isEqualTo(200);
        }

        @Test
        void a_request_of_HTTP_2_stays_in_its_thread_if_another_one_reads_from_the_other_connections()
                throws Exception {
            serve(new ThreadsAllReady(), new InPlace(new Paths()));
            HttpClient client = http2Client();

            assertThat(client.GET(address + "/next").getStatus()).isEqualTo(200);

            assertThat(read).contains("/next");
        }

        @Test
        void a_request_of_HTTP_2_goes_to_another_thread_if_none_is_ready_to_read_from_the_other_connections()
                throws Exception {
            serve(new NoThreadReady(), new InPlace(new Paths()));
            HttpClient client = http2Client();

            CompletableFuture<ContentResponse> response =
                    new CompletableResponseListener(client.newRequest(address + "/waits")).send();
            assertThat(waiting()).isEqualTo("/waits");

            assertOtherIsServed();
            assertThat(response.get(Loopback.PATIENCE.toMillis(), TimeUnit.MILLISECONDS)
                            .getStatus())
                    .isEqualTo(200);
            assertThat(read).doesNotContain("/waits");
        }

        @Test
        void the_threads_of_a_server_know_themselves() throws Exception {
            var threads = loopback.started(new InPlaceThreads());
            var other = loopback.started(new InPlaceThreads());

            assertThat(CompletableFuture.supplyAsync(threads::isOneOfThem, threads)
                            .get(Loopback.PATIENCE.toMillis(), TimeUnit.MILLISECONDS))
                    .isTrue();
            assertThat(CompletableFuture.supplyAsync(threads::isOneOfThem, other)
                            .get(Loopback.PATIENCE.toMillis(), TimeUnit.MILLISECONDS))
                    .isFalse();
        }

        @Test
        void what_nobody_answers_is_answered_by_the_other_threads_too() throws Exception {
            serveInPlace();

            assertThat(client().sendRequest("POST /unknown", "Content-Length: 0")
                            .receiveResponse()
                            .status())
                    .isEqualTo(404);
            assertThat(client().send("POST /unknown HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1")
                            .receiveResponse()
                            .status())
                    .isEqualTo(404);
            assertThat(client().send("POST /fails HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1")
                            .receiveResponse()
                            .status())
                    .isEqualTo(500);
        }
    }

    private static final class ThreadsAllReady extends InPlaceThreads {
        @Override
        public boolean tryExecute(Runnable task) {
            execute(task);
            return true;
        }
    }

    private static final class NoThreadReady extends InPlaceThreads {
        @Override
        public boolean tryExecute(Runnable task) {
            return false;
        }
    }

    /** Does what the path says, and notes the thread. */
    private final class Paths extends Handler.Abstract {
        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            String path = request.getHttpURI().getPath();
            threadOf.put(path, Thread.currentThread());
            if (isReading()) read.add(path);
            switch (path) {
                case "/first", "/second" -> unanswered.add(callback);
                case "/answersOneMore" -> {
                    unanswered.take().succeeded();
                    callback.succeeded();
                }
                case "/waits" -> {
                    waiting.add(path);
                    boolean served = otherIsServed.await(Loopback.PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
                    if (!served) response.setStatus(504);
                    callback.succeeded();
                }
                case "/other" -> {
                    otherIsServed.countDown();
                    callback.succeeded();
                }
                case "/next", "/now" -> callback.succeeded();
                case "/fails" -> throw new IllegalStateException("a fault");
                default -> {
                    return false;
                }
            }
            return true;
        }
    }

    /** Whether this thread reads from a connection of HTTP/2, and handles the request meanwhile. */
    private static boolean isReading() {
        return StackWalker.getInstance()
                .walk(calls -> calls.anyMatch(call -> call.getClassName().equals(HTTP2Connection.class.getName())));
    }

    /** With a connection whose beginning, which Jetty takes for HTTP/1.1, was read. */
    private HttpClient http2Client() throws Exception {
        var client = loopback.started(new HttpClient(new HttpClientTransportOverHTTP2(new HTTP2Client())));
        assertThat(client.GET(address + "/now").getStatus()).isEqualTo(200);
        assertThat(client().send(get("/now")).receiveResponse().status())
                .isEqualTo(200); // by the same thread, after that
        return client;
    }

    private static String get(String path) {
        return GET.formatted(path);
    }

    private RawConnection client() throws IOException {
        return loopback.connect(address);
    }

    private void serveInPlace() throws Exception {
        serve(new InPlaceThreads(), new InPlace(new Paths()));
    }

    private void serve(QueuedThreadPool threads, Handler handler) throws Exception {
        var server = new Server(threads);
        var http1 = new HttpConnectionFactory();
        var http2 = new HTTP2CServerConnectionFactory(http1.getHttpConfiguration());
        var connector = new ServerConnector(server, 1, 1, http1, http2);
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        server.setHandler(handler);
        loopback.started(server);
        address = URI.create("http://127.0.0.1:" + connector.getLocalPort());
    }

    /** The next request whose handler waits, or an empty string if there is none soon. */
    private String waiting() throws InterruptedException {
        String path = waiting.poll(Loopback.PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        return path == null ? "" : path;
    }

    private void answerFirst() throws Exception {
        Callback first = unanswered.take();
        assertOtherIsServed();
        first.succeeded();
    }

    /** Then the thread that reads is done with what it has read before. */
    private void assertOtherIsServed() throws IOException {
        assertThat(client().send(get("/other")).receiveResponse().status()).isEqualTo(200);
    }
}
