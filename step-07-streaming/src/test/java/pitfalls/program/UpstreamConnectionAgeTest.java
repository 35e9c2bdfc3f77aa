package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.EOFException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.eclipse.jetty.client.AbstractConnectionPool;
import org.eclipse.jetty.client.transport.HttpDestination;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.Slow;

/** The proxy keeps its connections to upstreams, and with them the server that it has once met. */
class UpstreamConnectionAgeTest implements LoopbackTest {
    private static final int CLIENTS = 8;

    private StreamingProxy proxy;

    private URI serve(String... options) throws Exception {
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program).parseArgs(options);
        proxy = program.newProxy();
        return loopback.serve(proxy);
    }

    @Slow
    @TestFactory
    Stream<DynamicTest> requests_go_on_over_new_connections_and_none_fails() {
        return Stream.of("http", "h2c")
                .map(scheme -> DynamicTest.dynamicTest(scheme, () -> {
                    var connections = new AtomicInteger();
                    var http = new HttpConfiguration();
                    URI upstream = loopback.serve(
                            new Handler.Abstract.NonBlocking() {
                                @Override
                                public boolean handle(Request request, Response response, Callback callback) {
                                    var connection = request.getConnectionMetaData();
                                    if (connection.setAttribute("seen", true) == null) connections.incrementAndGet();
                                    callback.succeeded();
                                    return true;
                                }
                            },
                            new HttpConnectionFactory(http),
                            new HTTP2CServerConnectionFactory(http));
                    URI server = serve(
                            "--target=" + upstream.toString().replace("http:", scheme + ":"),
                            "--upstream-connection-age=0.02s");
                    List<RawConnection> clients = new ArrayList<>();
                    for (int i = 0; i < CLIENTS; i++) clients.add(loopback.connect(server));

                    long patience = System.nanoTime() + Loopback.PATIENCE.toNanos();
                    int failed = 0;
                    while (connections.get() < 5 * CLIENTS && System.nanoTime() < patience) {
                        for (RawConnection client : clients) client.sendRequest("GET /x");
                        for (RawConnection client : clients)
                            if (client.receiveResponse().status() != 200) failed++;
                    }

                    assertThat(failed).as("requests that failed").isZero();
                    assertThat(connections).as("connections to the upstream").hasValueGreaterThanOrEqualTo(5 * CLIENTS);
                }));
    }

    @TestFactory
    Stream<DynamicTest> unless_it_is_set_it_is_five_minutes() {
        return Stream.of(
                        "-> 270000 330000",
                        "--upstream-connection-age=0s -> 0 0",
                        "--upstream-connection-age=1s -> 900 1100")
                .map(row -> row.split("-> "))
                .map(row -> DynamicTest.dynamicTest(row[0] + "-> " + row[1], () -> {
                    var upstream = loopback.scripted(connection -> {
                        try {
                            connection.receiveHead();
                            connection.send("HTTP/1.1 204 No Content\r\n\r\n");
                            connection.awaitEnd();
                        } catch (EOFException ended) {
                            // This is how it should end.
                        }
                    });
                    String option = row[0].isBlank() ? "--retries=0" : row[0].strip();
                    URI server = serve("--target=" + upstream.target(), option);

                    loopback.connect(server).sendRequest("GET /x").receiveResponse();

                    var destination = (HttpDestination)
                            proxy.getHttpClient().getDestinations().get(0);
                    var pool = (AbstractConnectionPool) destination.getConnectionPool();
                    long least = Long.parseLong(row[1].split(" ")[0]);
                    long most = Long.parseLong(row[1].split(" ")[1]);
                    assertThat(pool.getMaxDuration()).as("in ms").isBetween(least, most);
                }));
    }
}
