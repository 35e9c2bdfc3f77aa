package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.EOFException;
import java.net.ConnectException;
import java.net.URI;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.component.Graceful;
import org.eclipse.jetty.util.component.LifeCycle;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import pitfalls.step07.Timeouts;
import pitfalls.support.Gate;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.Slow;

/** What clients see while the program stops. */
class DrainingTest implements LoopbackTest {
    private final Gate arrived = new Gate("a request has arrived");
    private final Gate stopping = new Gate("the program is stopping");
    private Server server;
    private ServerConnector connector;
    private URI url;

    /** Answers at once, or when the program is stopping, or has begun before that to answer or to read. */
    private void answer(RawConnection connection) throws Exception {
        String head = connection.receiveHead();
        if (head.startsWith("GET /begun")) connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
        if (!head.startsWith("GET /x")) arrived.open();
        if (head.startsWith("GET /upgrade")) {
            connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n");
            connection.send(connection.receive(5));
            connection.awaitEnd();
        }
        if (head.startsWith("POST")) connection.receive(6);
        if (head.startsWith("GET /late") || head.startsWith("GET /begun")) stopping.await();
        if (head.startsWith("GET /begun")) connection.send("begun");
        else connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }

    /** An upstream whose connections end when the program stops. */
    private void answerAll(RawConnection connection) throws Exception {
        try {
            while (true) answer(connection);
        } catch (EOFException ended) {
            // This is how it should end.
        }
    }

    @BeforeEach
    void serve() throws Exception {
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program)
                .parseArgs(
                        "--listen=127.0.0.1:0",
                        "--stop-timeout=0.5s",
                        "--target=" + loopback.scripted(this::answerAll).target());
        server = loopback.started(program.newServer());
        connector = (ServerConnector) server.getConnectors()[0];
        url = URI.create("http://127.0.0.1:" + connector.getLocalPort());
    }

    private RawConnection connect() throws Exception {
        return loopback.connect(url);
    }

    /** Waits until the program has done all that there was to do behind a response. */
    private void awaitIdle() {
        await(() -> connector.getConnectedEndPoints().stream().allMatch(EndPoint::isFillInterested));
    }

    private static void await(BooleanSupplier condition) {
        long patience = System.nanoTime() + Loopback.PATIENCE.toNanos();
        while (!condition.getAsBoolean() && System.nanoTime() < patience) Thread.onSpinWait();
    }

    @Test
    void an_idle_connection_is_closed_at_once_and_a_new_one_is_refused() throws Exception {
        var client = connect();
        client.sendRequest("GET /x").receiveResponse();

        CompletableFuture<Void> stopped = Graceful.shutdown(server);

        assertThatExceptionOfType(ConnectException.class).isThrownBy(this::connect);
        assertThat(client.receiveToEnd()).isEmpty();
        stopped.get(5, TimeUnit.SECONDS);
    }

    @Test
    void a_request_that_is_in_flight_is_answered_and_its_connection_closed() throws Exception {
        var client = connect();

        client.sendRequest("GET /late");
        arrived.await();
        CompletableFuture<Void> stopped = Graceful.shutdown(server);
        stopping.open();
        var response = client.receiveResponse();

        assertThat(response.body()).isEqualTo("ok");
        assertThat(response.field("Connection")).containsExactly("close");
        assertThat(client.ended()).isTrue();
        stopped.get(5, TimeUnit.SECONDS);
    }

    @Test
    void a_response_that_has_begun_is_completed_and_its_connection_closed() throws Exception {
        var client = connect();

        client.sendRequest("GET /begun").receiveHead();
        arrived.await();
        CompletableFuture<Void> stopped = Graceful.shutdown(server);
        stopping.open();

        assertThat(client.receive(5)).isEqualTo("begun");
        assertThat(client.ended()).isTrue();
        stopped.get(5, TimeUnit.SECONDS);
    }

    @Test
    @Slow
    void a_request_that_comes_on_a_kept_connection_is_served() throws Exception {
        var client = connect();
        client.sendRequest("GET /x").receiveResponse();
        awaitIdle();
        client.send("GET /x HTTP/1.1\r\nHost: x\r\n"); // and the rest of the head later

        CompletableFuture<Void> stopped = Graceful.shutdown(server);
        boolean isOpen = client.receivesNothingFor(Duration.ofMillis(300));
        var response = client.send("\r\n").receiveResponse();

        assertThat(isOpen).isTrue();
        assertThat(response.status()).isEqualTo(200);
        assertThat(response.field("Connection")).containsExactly("close");
        assertThat(client.ended()).isTrue();
        stopped.get(5, TimeUnit.SECONDS);
    }

    @Test
    void requests_that_were_sent_ahead_are_served_up_to_the_one_that_says_close() throws Exception {
        var client = connect();

        client.sendRequest("GET /late").sendRequest("GET /x");
        arrived.await();
        CompletableFuture<Void> stopped = Graceful.shutdown(server);
        stopping.open();
        var response = client.receiveResponse();

        assertThat(response.body()).isEqualTo("ok");
        assertThat(response.field("Connection")).containsExactly("close");
        client.awaitEnd();
        stopped.get(5, TimeUnit.SECONDS);
    }

    @Test
    void a_client_that_pauses_within_an_upload_may_go_on() throws Exception {
        var client = connect();

        client.sendRequest("POST /x", "Content-Length: 6").send("abc");
        arrived.await();
        CompletableFuture<Void> stopped = Graceful.shutdown(server);
        var limits = connector.getConnectedEndPoints().stream()
                .map(EndPoint::getIdleTimeout)
                .toList();
        var response = client.send("def").receiveResponse();

        assertThat(limits)
                .as("the limits of the clients' connections, in milliseconds")
                .containsExactly(Timeouts.defaults().client().toMillis());
        assertThat(response.status()).isEqualTo(200);
        stopped.get(5, TimeUnit.SECONDS);
    }

    @Slow
    @Test
    void an_upgraded_connection_goes_on_until_the_stop_timeout_is_over() throws Exception {
        var client = connect();

        client.sendRequest("GET /upgrade", "Connection: Upgrade", "Upgrade: chat")
                .receiveResponse();
        var stop = CompletableFuture.runAsync(() -> LifeCycle.stop(server));
        await(connector::isShutdown);
        String echo = client.send("hello").receive(5);
        boolean isOver = stop.isDone();

        assertThat(echo).isEqualTo("hello");
        assertThat(isOver).isFalse();
        client.awaitEnd();
        assertThat(stop).failsWithin(Loopback.PATIENCE).withThrowableOfType(ExecutionException.class);
    }

    @Test
    void a_client_that_does_not_end_its_connection_holds_nothing_up() throws Exception {
        var client = connect();

        client.sendRequest("GET /x", "Connection: close").receiveResponse();

        Graceful.shutdown(server).get(5, TimeUnit.SECONDS);
    }
}
