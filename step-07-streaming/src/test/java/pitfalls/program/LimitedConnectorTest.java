package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.targetOf;

import java.io.IOException;
import java.net.URI;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.eclipse.jetty.server.Server;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Gate;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.Slow;

/** More clients than there may be connections. */
@Slow
class LimitedConnectorTest implements LoopbackTest {
    private LimitedConnector connector;

    @TestFactory
    Stream<DynamicTest> the_client_that_was_idle_for_longest_makes_room_for_another() {
        return Stream.of("it was served before", "it never sent a byte")
                .map(what -> DynamicTest.dynamicTest(what, () -> {
                    var upstream = loopback.upstream(ok(), ok(), ok(), ok(), ok(), ok());
                    var address = serve(targetOf(upstream), 4);
                    var longest = loopback.connect(address);
                    if (what.contains("served")) longest.sendRequest("GET /").receiveResponse();
                    IdleConnections.await(connector);
                    var second = loopback.connect(address);
                    second.sendRequest("GET /").receiveResponse();
                    loopback.connect(address).sendRequest("GET /").receiveResponse();
                    loopback.connect(address).sendRequest("GET /").receiveResponse();

                    var another = loopback.connect(address).sendRequest("GET /").receiveResponse();

                    assertThat(another.status()).isEqualTo(200);
                    assertThat(longest.ended()).isTrue();
                    assertThat(second.sendRequest("GET /").receiveResponse().status())
                            .as("of the one that was idle for less long")
                            .isEqualTo(200);
                }));
    }

    @Test
    void requests_that_are_served_are_not_cut_and_others_wait_for_their_end() throws Exception {
        var arrived = new CountDownLatch(2);
        var goOn = new Gate("the upstream may answer");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            arrived.countDown();
            goOn.await();
            connection.send("HTTP/1.1 204 Done\r\nConnection: close\r\n\r\n");
        });
        var address = serve(upstream.target(), 1);

        try (var log = LogLines.of(LimitedConnector.class.getName())) {
            var first = loopback.connect(address).sendRequest("GET /first");
            var second =
                    loopback.connect(address).sendRequest("GET /second"); // one more, with which the limit is noticed
            arrived.await();
            var waiting = loopback.connect(address).sendRequest("GET /waiting");

            assertThat(log.first())
                    .startsWith("WARN all 1 connections of clients are in use: idle ones are closed, and other");
            assertThat(upstream.connections()).isEqualTo(2);
            goOn.open();

            assertThat(first.receiveResponse().status()).isEqualTo(204);
            assertThat(second.receiveResponse().status()).isEqualTo(204);
            assertThat(waiting.receiveResponse().status()).isEqualTo(204);
        }
    }

    @Test
    void clients_that_leave_make_room() throws Exception {
        var upstream = loopback.upstream(ok(), ok(), ok());
        var address = serve(targetOf(upstream), 1);

        for (int i = 0; i < 3; i++) {
            RawConnection client = loopback.connect(address);
            assertThat(client.sendRequest("GET /").receiveResponse().status()).isEqualTo(200);
            client.close();
        }
    }

    @Test
    void a_connection_that_cannot_be_accepted_is_one_line_in_the_log_and_no_pause_of_a_second() throws Exception {
        serve(loopback.refusing(), 100);

        try (var log = LogLines.of("pitfalls");
                var jetty = LogLines.of("org.eclipse.jetty")) {
            boolean goesOn = connector.handleAcceptFailure(new IOException("Too many open files"));
            boolean stillGoesOn = connector.handleAcceptFailure(new IOException("Too many open files"));

            assertThat(goesOn && stillGoesOn).isTrue();
            assertThat(log.lines().stream().distinct()) // on a machine that stalls, a second may have gone by
                    .containsExactly(
                            "WARN a connection cannot be accepted (Too many open files): idle ones are closed, and"
                                    + " other clients wait; raise the limit of open files if that is too few");
            assertThat(jetty.lines()).isEmpty();
        }
    }

    @Test
    void clients_leave_enough_descriptors_for_the_upstream() {
        assertThat(Descriptors.of(256)).isEqualTo(new Descriptors(135, 89));
        assertThat(Descriptors.of(1024)).isEqualTo(new Descriptors(596, 396));
        assertThat(Descriptors.of(1)).as("fewer than are needed").isEqualTo(new Descriptors(6, 4));
        assertThat(Descriptors.of(Long.MAX_VALUE).clients()).isGreaterThan(1_000_000_000);
        assertThat(Descriptors.ofProcess().clients()).isPositive();
    }

    private URI serve(String target, int maxConnections) throws Exception {
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program).parseArgs("--listen=127.0.0.1:0", "--stop-timeout=0s", "--target=" + target);
        Server server = program.newServer();
        connector = (LimitedConnector) server.getConnectors()[0];
        connector.setMaxConnections(maxConnections);
        return loopback.started(server).getURI();
    }
}
