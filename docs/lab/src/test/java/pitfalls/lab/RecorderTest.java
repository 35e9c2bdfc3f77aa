package pitfalls.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import pitfalls.lab.Mark.Kind;
import pitfalls.step01.MinimalProxy;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.Slow;

class RecorderTest implements LoopbackTest {

    @Test
    void it_sees_both_sides_of_a_proxy_in_the_order_of_time() {
        var recording = Stage.play(
                1,
                () -> {
                    var closed = new Gate("the upstream has closed its connection");
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                        connection.close();
                        closed.open();
                    });
                    loopback.connect(loopback.serve(new MinimalProxy(upstream.target())))
                            .sendRequest("GET /x", "Connection: close")
                            .receiveToEnd();
                    closed.await();
                },
                mark -> {});

        assertThat(recording.failure()).isEmpty();
        assertThat(recording.marks().stream().map(Mark::lane).distinct())
                .containsExactly(
                        Lane.CLIENT_TO_PROXY, Lane.PROXY_TO_SERVER, Lane.SERVER_TO_PROXY, Lane.PROXY_TO_CLIENT);
        assertThat(kinds(recording, Lane.CLIENT_TO_PROXY)).containsExactly(Kind.CONNECT, Kind.DATA);
        assertThat(kinds(recording, Lane.PROXY_TO_SERVER)).startsWith(Kind.CONNECT, Kind.DATA);
        assertThat(kinds(recording, Lane.SERVER_TO_PROXY)).containsExactly(Kind.DATA, Kind.FIN);
        assertThat(kinds(recording, Lane.PROXY_TO_CLIENT).stream().distinct()) // Jetty may write the head by itself
                .containsExactly(Kind.DATA, Kind.FIN);
        assertThat(recording.marks().get(0).time()).isZero();
        assertThat(recording.marks().get(1).bytes()).startsWith("GET /x HTTP/1.1\r\nHost: www.example.com\r\n");
    }

    @Test
    void a_refused_connection_is_a_mark() {
        var recording = Stage.play(
                1,
                () -> loopback.connect(loopback.serve(new MinimalProxy(loopback.refusing())))
                        .sendRequest("GET /x")
                        .receiveResponse(),
                mark -> {});

        assertThat(kinds(recording, Lane.SERVER_TO_PROXY)).containsExactly(Kind.REFUSED);
    }

    @Test
    void a_reset_is_a_mark() {
        var recording = Stage.play(
                1,
                () -> {
                    var ready = new Gate("the request has arrived");
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        ready.open();
                        connection.reset();
                    });
                    var client = loopback.connect(loopback.serve(new MinimalProxy(upstream.target())));
                    client.sendRequest("GET /x").receiveResponse();
                    client.reset();
                },
                mark -> {});

        assertThat(kinds(recording, Lane.SERVER_TO_PROXY)).containsExactly(Kind.RST);
        assertThat(kinds(recording, Lane.CLIENT_TO_PROXY)).containsExactly(Kind.CONNECT, Kind.DATA, Kind.RST);
    }

    @Test
    void a_response_that_begins_is_a_mark_of_its_own_and_its_body_is_not() {
        var recording = Stage.play(
                1,
                () -> {
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 103 Early Hints\r\n\r\n");
                        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
                        connection.send("ok");
                        connection.ended();
                    });
                    loopback.connect(loopback.serve(new MinimalProxy(upstream.target())))
                            .sendRequest("GET /x", "Connection: close")
                            .receiveToEnd();
                },
                mark -> {});

        assertThat(recording.marks())
                .filteredOn(mark -> mark.lane() == Lane.SERVER_TO_PROXY && mark.kind() == Kind.DATA)
                .extracting(Mark::bytes)
                .startsWith("HTTP/1.1 103 Early Hints\r\n\r\n")
                .element(1)
                .asString()
                .startsWith("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    }

    @Test
    void a_recording_is_bounded_and_says_what_was_left_out() {
        var recording = Stage.play(
                1,
                () -> {
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveRequest();
                        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + "x".repeat(50_000));
                        connection.ended();
                    });
                    loopback.connect(loopback.serve(new MinimalProxy(upstream.target())))
                            .sendRequest("GET /x")
                            .receiveResponse();
                },
                mark -> {});

        Mark answer = recording.marks().stream()
                .filter(mark -> mark.lane() == Lane.SERVER_TO_PROXY)
                .findFirst()
                .orElseThrow();
        assertThat(answer.bytes()).hasSize(Recorder.BYTES_OF_A_MARK);
        assertThat(answer.bytes().length() + answer.leftOut())
                .isEqualTo("HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n".length() + 50_000);
    }

    @Test
    void a_test_that_fails_is_told_by_its_own_sentence() {
        var recording = Stage.play(
                1,
                () -> {
                    throw new AssertionError("[the status of the response] expected: 200 but was: 502");
                },
                mark -> {});

        assertThat(recording.failure()).isEqualTo("[the status of the response] expected: 200 but was: 502");
        assertThat(recording.marks()).isEmpty();
    }

    @Slow
    @Test
    void what_does_not_come_to_its_end_is_stopped() {
        var recording = Stage.play(
                1,
                () -> loopback.connect(URI.create(
                                loopback.scripted(RawConnection::awaitEnd).target()))
                        .sendRequest("GET /x")
                        .awaitEnd(),
                mark -> {},
                Duration.ofMillis(50));

        assertThat(recording.failure())
                .isEqualTo("It has not come to its end within 50 ms, so the lab has stopped it.");
        assertThat(kinds(recording, Lane.CLIENT_TO_PROXY)).startsWith(Kind.CONNECT, Kind.DATA);
    }

    private static List<Kind> kinds(Recording recording, Lane lane) {
        return recording.marks().stream()
                .filter(mark -> mark.lane() == lane)
                .map(Mark::kind)
                .toList();
    }
}
