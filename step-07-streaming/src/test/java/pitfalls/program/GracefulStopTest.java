package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static pitfalls.http2.Http2Peer.GOAWAY;
import static pitfalls.http2.Http2Peer.HEADERS;

import java.io.EOFException;
import java.net.ConnectException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.eclipse.jetty.server.Server;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import pitfalls.http2.Http2Peer;
import pitfalls.support.Gate;
import pitfalls.support.LogLines;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.Slow;

/** What clients see between SIGTERM and the end of the program, when {@code --stop-delay} is given. */
class GracefulStopTest implements LoopbackTest {
    private static final Duration LONG = Duration.ofHours(1);
    private static final Duration NONE = Duration.ZERO;

    private final Gate arrived = new Gate("a request has arrived");
    private final Gate mayAnswer = new Gate("the upstream may answer");
    private Server server;
    private DrainingConnector connector;
    private URI url;
    private Thread stop;

    private void serve(String... options) throws Exception {
        var upstream = loopback.scripted(this::answerAll);
        var all = new ArrayList<>(List.of("--listen=127.0.0.1:0", "--health", "--target=" + upstream.target()));
        all.addAll(List.of(options));
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program).parseArgs(all.toArray(String[]::new));
        server = loopback.started(program.newServer());
        server.getDescendant(Health.class).ready();
        connector = (DrainingConnector) server.getConnectors()[0];
        url = URI.create("http://127.0.0.1:" + connector.getLocalPort());
    }

    private void answerAll(RawConnection connection) throws Exception {
        try {
            while (true) {
                String head = connection.receiveHead();
                if (head.startsWith("GET /late")) {
                    arrived.open();
                    mayAnswer.await();
                }
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }
        } catch (EOFException ended) {
            // This is how it should end.
        }
    }

    private void beginToStop(Duration delay, Duration lastPart) {
        var graceful = new GracefulStop(server, delay, lastPart);
        stop = new Thread(graceful::stop, "stop");
        stop.start();
        await(connector::isLeaving);
    }

    private void endDelay() throws InterruptedException {
        stop.interrupt();
        stop.join(Loopback.PATIENCE.toMillis());
        assertThat(stop.isAlive()).as("whether the stop goes on").isFalse();
    }

    @AfterEach
    void endTheDelay() throws InterruptedException {
        if (stop != null) endDelay();
    }

    private static void await(BooleanSupplier condition) {
        long patience = System.nanoTime() + Loopback.PATIENCE.toNanos();
        while (!condition.getAsBoolean() && System.nanoTime() < patience) Thread.onSpinWait();
        assertThat(condition.getAsBoolean()).as("what was waited for").isTrue();
    }

    private int status(String path) throws Exception {
        try (var client = loopback.connect(url)) {
            return client.sendRequest("GET " + path).receiveResponse().status();
        }
    }

    @Test
    void for_the_time_of_the_delay_it_serves_and_is_not_ready() throws Exception {
        serve();
        int readyBefore = status("/ready");

        beginToStop(LONG, NONE);

        assertThat(readyBefore).isEqualTo(200);
        assertThat(status("/ready")).isEqualTo(503);
        assertThat(status("/live")).isEqualTo(200);
        assertThat(status("/x")).isEqualTo(200);
        endDelay();
        assertThatExceptionOfType(ConnectException.class).isThrownBy(() -> loopback.connect(url));
    }

    @Test
    void a_kept_connection_ends_with_its_next_answer() throws Exception {
        serve();
        var client = loopback.connect(url);
        var before = client.sendRequest("GET /x").receiveResponse();

        beginToStop(LONG, NONE);
        var after = client.sendRequest("GET /x").receiveResponse();

        assertThat(before.field("Connection")).isEmpty();
        assertThat(after.status()).isEqualTo(200);
        assertThat(after.field("Connection")).containsExactly("close");
        assertThat(client.ended()).isTrue();
    }

    @Test
    void an_answer_that_is_under_way_when_the_delay_begins_is_the_last_one() throws Exception {
        serve();
        var client = loopback.connect(url).sendRequest("GET /late");
        arrived.await();

        beginToStop(LONG, NONE);
        mayAnswer.open();
        var response = client.receiveResponse();

        assertThat(response.body()).isEqualTo("ok");
        assertThat(response.field("Connection")).containsExactly("close");
        assertThat(client.ended()).isTrue();
    }

    @Slow
    @Test
    void a_connection_of_HTTP_2_gets_its_answer_and_GOAWAY() throws Exception {
        serve();
        var connection = loopback.connect(url);
        var client = Http2Peer.client(connection).get(1, "/x");
        int before = client.receive(HEADERS).status();

        beginToStop(LONG, NONE);
        client.get(3, "/x");

        assertThat(before).isEqualTo(200);
        assertThat(client.receive(HEADERS).status()).isEqualTo(200);
        assertThat(client.receive(GOAWAY).error()).isZero();
        connection.awaitEnd();
    }

    @Slow
    @Test
    void an_idle_connection_stays_at_first_and_is_closed_in_the_last_part() throws Exception {
        serve();
        var client = loopback.connect(url);
        client.sendRequest("GET /x").receiveResponse();

        beginToStop(LONG, NONE);
        boolean stays = client.receivesNothingFor(Duration.ofMillis(300));
        endDelay();

        assertThat(stays).isTrue();
        assertThat(client.ended()).isTrue();
    }

    @Slow
    @Test
    void in_the_last_part_idle_connections_are_closed_and_new_ones_are_accepted() throws Exception {
        serve();
        var client = loopback.connect(url);
        client.sendRequest("GET /x").receiveResponse();
        var connection = loopback.connect(url);
        var http2 = Http2Peer.client(connection).get(1, "/x");
        http2.receive(HEADERS);

        beginToStop(LONG, LONG);

        assertThat(client.ended()).isTrue();
        assertThat(http2.receive(GOAWAY).error()).isZero();
        connection.awaitEnd();
        assertThat(status("/x")).isEqualTo(200);
    }

    @Test
    @Slow
    void without_a_delay_nothing_is_accepted_any_more() throws Exception {
        serve();

        new GracefulStop(server, NONE).stop();

        assertThatExceptionOfType(ConnectException.class).isThrownBy(() -> loopback.connect(url));
    }

    @Test
    @Slow
    void the_log_says_what_it_does_and_how_many_are_left() throws Exception {
        serve();
        var client = loopback.connect(url).sendRequest("GET /late");
        arrived.await();

        try (var log = LogLines.of(GracefulStop.class.getName())) {
            beginToStop(LONG, NONE);
            stop.interrupt();
            await(connector::isShutdown);
            mayAnswer.open();
            client.receiveResponse();
            stop.join(Loopback.PATIENCE.toMillis());

            assertThat(log.lines())
                    .containsExactly(
                            "INFO told to stop: not ready any more, accepting for another 3600000 ms; requests left: 1, connections left: 1",
                            "INFO the delay is cut short",
                            "INFO stopping: new connections are refused; requests left: 1, connections left: 1",
                            "INFO stopped: every request was answered");
        }
    }

    @Slow
    @Test
    @DisabledOnOs(OS.WINDOWS) // where a process cannot be asked to end
    void a_second_SIGTERM_ends_it_at_once() throws Exception {
        try (var program = new Program("--stop-delay=1h", "--health", "--target=" + loopback.refusing())) {
            program.linesTo("ready: warmed up");
            program.terminate();
            List<String> first = program.linesTo("told to stop");
            program.terminate();
            List<String> second = program.linesTo("told to stop again");

            assertThat(first).hasSize(1);
            assertThat(second).hasSize(1);
            assertThat(program.exitCode()).isZero();
        }
    }

    @Slow
    @Test
    @DisabledOnOs(OS.WINDOWS)
    void SIGTERM_begins_the_delay_and_its_end_ends_the_program() throws Exception {
        try (var program = new Program("--stop-delay=0.4s", "--health=/internal/", "--target=" + loopback.refusing())) {
            program.linesTo("ready: warmed up");
            int ready = loopback.connect(program.url())
                    .sendRequest("GET /internal/ready")
                    .receiveResponse()
                    .status();
            program.terminate();

            assertThat(ready).isEqualTo(200);
            assertThat(program.exitCode()).isZero();
            assertThat(program.linesTo("stopped:"))
                    .hasSize(3)
                    .last()
                    .asString()
                    .endsWith("stopped: every request was answered");
        }
    }
}
