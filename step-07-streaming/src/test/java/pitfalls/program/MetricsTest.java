package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.PATIENCE;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.targetOf;

import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.eclipse.jetty.server.Server;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step04.RetryPolicy;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;

/** The metrics of the program's server, in this process. A request is counted after its client has the response. */
class MetricsTest implements LoopbackTest {
    private static final String COUNT = "http_server_request_duration_seconds_count{error_type=\"%s\","
            + "http_request_method=\"%s\",http_response_status_code=\"%s\",url_scheme=\"http\"}";

    private Server server;
    private URI metrics;

    @Test
    void a_request_is_counted_and_its_time_is_taken() throws Exception {
        var upstream = loopback.upstream(ok(), ok(), ok().code(404));
        var client = loopback.connect(serve(targetOf(upstream)));

        client.sendRequest("GET /x").receiveResponse();
        client.sendRequest("GET /x").receiveResponse();
        client.sendRequest("DELETE /x").receiveResponse();

        await(COUNT.formatted("", "GET", "200"), 2);
        await(COUNT.formatted("", "DELETE", "404"), 1);
        String gets = COUNT.formatted("", "GET", "200");
        String labels = gets.substring(gets.indexOf('{'), gets.length() - 1);
        assertThat(value("http_server_request_duration_seconds_bucket" + labels + ",le=\"+Inf\"}"))
                .isEqualTo(2);
        assertThat(value("http_server_request_duration_seconds_sum" + labels + "}"))
                .isPositive();
        assertThat(value("http_server_active_requests{http_request_method=\"GET\",url_scheme=\"http\"}"))
                .isZero();
    }

    @Test
    void an_error_of_the_upstreams_can_be_told_from_one_of_the_proxys_own() throws Exception {
        var upstream = loopback.upstream(ok().code(503));

        loopback.connect(serve(targetOf(upstream))).sendRequest("GET /x").receiveResponse();
        await(COUNT.formatted("503", "GET", "503"), 1);

        loopback.connect(serve(loopback.refusing())).sendRequest("GET /x").receiveResponse();
        await(COUNT.formatted("connection_refused", "GET", "502"), 1);
    }

    @Test
    void a_response_that_breaks_off_keeps_its_status_and_has_a_reason() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        });

        loopback.connect(serve(upstream.target())).sendRequest("GET /x").receiveToEnd();

        await(COUNT.formatted("http_response_incomplete", "GET", "200"), 1);
    }

    @Test
    void a_client_that_leaves_is_a_499() throws Exception {
        var arrived = new Gate("the upstream has the request");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            arrived.open();
            connection.awaitEnd();
        });

        var client = loopback.connect(serve(upstream.target())).sendRequest("GET /x");
        arrived.await();
        client.reset();

        await(COUNT.formatted("http_request_error", "GET", "499"), 1);
        await("http_server_active_requests{http_request_method=\"GET\",url_scheme=\"http\"}", 0);
    }

    @Test
    void what_cannot_be_read_is_counted_too() throws Exception {
        var client = loopback.connect(serve(loopback.refusing()));

        client.send("nonsense\r\n\r\n").receiveResponse();

        await(COUNT.formatted("http_request_error", "_OTHER", "400"), 1);
    }

    @Test
    void a_retry_is_counted() throws Exception {
        var upstream = loopback.scripted(RawConnection::receiveRequest, connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        });

        loopback.connect(serve(upstream.target(), "--retries=1"))
                .sendRequest("GET /x")
                .receiveResponse();

        await(COUNT.formatted("", "GET", "200"), 1);
        assertThat(value("reverse_proxy_retries_total")).isEqualTo(1);
        assertThat(value("reverse_proxy_retry_budget_refusals_total")).isZero();
    }

    @Test
    void a_retry_that_the_budget_refuses_is_counted() throws Exception {
        newServer(loopback.scripted(RawConnection::receiveRequest).target());
        server.getDescendant(StreamingProxy.class)
                .setRetryPolicy(RetryPolicy.idempotent().withBudget(0, 0));

        loopback.connect(start()).sendRequest("GET /x").receiveResponse();

        await(COUNT.formatted("connection_terminated", "GET", "502"), 1);
        assertThat(value("reverse_proxy_retry_budget_refusals_total")).isEqualTo(1);
        assertThat(value("reverse_proxy_retries_total")).isZero();
    }

    @Test
    void a_stream_is_open_from_its_head_to_its_end() throws Exception {
        var end = new Gate("the stream may end");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
            end.await();
            connection.send("0\r\n\r\n");
            connection.awaitEnd();
        });
        var client = loopback.connect(serve(upstream.target())).sendRequest("GET /x");

        client.receiveHead();

        await("reverse_proxy_open_streams", 1);
        assertThat(value("http_server_active_requests{http_request_method=\"GET\",url_scheme=\"http\"}"))
                .isEqualTo(1);
        assertThat(value(connections("active", upstream.port()))).isEqualTo(1);
        assertThat(value(connections("idle", upstream.port()))).isZero();

        end.open();

        await("reverse_proxy_open_streams", 0);
        await(connections("idle", upstream.port()), 1);
        assertThat(value(connections("active", upstream.port()))).isZero();
    }

    @Test
    void a_tunnel_is_open_until_both_its_ends_are_closed() throws Exception {
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat/2\r\n\r\n");
            connection.awaitEnd();
        });
        var client = loopback.connect(serve(upstream.target()));

        client.sendRequest("GET /chat", "Connection: Upgrade", "Upgrade: chat/2")
                .receiveHead();

        await("reverse_proxy_open_tunnels", 1);
        await(COUNT.formatted("", "GET", "101"), 1);
        assertThat(value("reverse_proxy_open_streams")).isZero();
        assertThat(value("http_server_active_requests{http_request_method=\"GET\",url_scheme=\"http\"}"))
                .isZero();

        client.close();

        await("reverse_proxy_open_tunnels", 0);
    }

    @Test
    void a_request_that_waits_for_a_connection_is_told() throws Exception {
        var end = new Gate("the upstream may answer");
        var upstream = loopback.scripted(connection -> {
            for (int i = 0; i < 2; i++) {
                connection.receiveRequest();
                end.await();
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        });
        URI proxy = serve(upstream.target(), "--max-upstream-connections=1");
        String waiting =
                "reverse_proxy_waiting_requests{server_address=\"127.0.0.1\",server_port=\"" + upstream.port() + "\"}";

        var first = loopback.connect(proxy).sendRequest("GET /x");
        upstream.awaitConnections(1);
        var second = loopback.connect(proxy).sendRequest("GET /x");

        await(waiting, 1);
        end.open();
        first.receiveResponse();
        second.receiveResponse();
        await(waiting, 0);
    }

    @TestFactory
    Stream<DynamicTest> no_client_can_make_up_the_value_of_a_label() {
        return Stream.of("FOO -> _OTHER 200", "get -> _OTHER 200", "GET 599 -> GET 5xx", "GET 299 -> GET 2xx")
                .map(row -> row.split(" -> "))
                .map(row -> DynamicTest.dynamicTest(row[0], () -> {
                    String[] request = row[0].split(" ");
                    String[] labels = row[1].split(" ");
                    int status = request.length > 1 ? Integer.parseInt(request[1]) : 200;
                    var upstream = loopback.upstream(ok().code(status));
                    var client = loopback.connect(serve(targetOf(upstream)));

                    client.sendRequest(request[0] + " /secret-path?q=secret", "X-Secret: secret", "User-Agent: secret")
                            .receiveResponse();

                    await(COUNT.formatted(status < 500 ? "" : labels[1], labels[0], labels[1]), 1);
                    assertThat(scrape()).doesNotContain("secret", "\"127.0.0.1\",client");
                }));
    }

    @Test
    void what_the_program_says_of_its_health_is_not_counted() throws Exception {
        var upstream = loopback.upstream(ok());
        var client = loopback.connect(serve(targetOf(upstream), "--health"));

        client.sendRequest("GET /ready").receiveResponse();
        client.sendRequest("GET /x").receiveResponse();

        await(COUNT.formatted("", "GET", "200"), 1);
    }

    @TestFactory
    Stream<DynamicTest> the_port_answers_nothing_but_the_question_for_metrics() {
        return Stream.of(
                        "GET /metrics -> 200",
                        "GET /metrics?name[]=up -> 200",
                        "POST /metrics -> 405",
                        "DELETE /metrics -> 405",
                        "GET / -> 404",
                        "GET /metrics/ -> 404",
                        "GET /x -> 404",
                        "POST / -> 404",
                        "nonsense -> 400")
                .map(row -> row.split(" -> "))
                .map(row -> DynamicTest.dynamicTest(row[0], () -> {
                    serve(loopback.refusing());
                    var client = loopback.connect(metrics);

                    var response = row[0].contains(" ")
                            ? client.sendRequest(row[0]).receiveResponse()
                            : client.send(row[0] + "\r\n\r\n").receiveResponse();

                    assertThat(response.status()).isEqualTo(Integer.parseInt(row[1]));
                    assertThat(response.head()).doesNotContain("Jetty");
                    assertThat(response.body()).doesNotContain("Jetty", "<html>");
                }));
    }

    @Test
    void HEAD_is_answered_without_a_body() throws Exception {
        serve(loopback.refusing());
        var client = loopback.connect(metrics);

        String head = client.sendRequest("HEAD /metrics").receiveHead();
        var next = client.sendRequest("GET /metrics").receiveResponse();

        assertThat(head).startsWith("HTTP/1.1 200 ");
        assertThat(next.field("Content-Type")).containsExactly("text/plain; version=0.0.4; charset=utf-8");
        assertThat(next.body()).contains("# TYPE reverse_proxy_retries_total counter");
    }

    @Test
    void the_port_is_open_until_the_last_request_is_over() throws Exception {
        var end = new Gate("the upstream may answer");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            end.await();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        });
        URI proxy = serve(upstream.target());
        var client = loopback.connect(proxy).sendRequest("GET /x");
        upstream.awaitConnections(1);

        var stop = new Thread(() -> new GracefulStop(server, Duration.ZERO).stop());
        stop.start();
        while (Program.accepts(proxy)) Thread.onSpinWait();

        await("http_server_active_requests{http_request_method=\"GET\",url_scheme=\"http\"}", 1);
        end.open();
        assertThat(client.receiveResponse().status()).isEqualTo(200);
        stop.join(PATIENCE.toMillis());
        assertThat(Program.accepts(metrics))
                .as("accepts, when the program has stopped")
                .isFalse();
    }

    @Test
    void unless_it_is_turned_on_there_is_no_such_port() {
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program).parseArgs("--listen=127.0.0.1:0", "--target=:1");

        assertThat(program.newServer().getBean(MetricsPort.class)).isNull();
    }

    private static String connections(String state, int port) {
        return "http_client_open_connections{http_connection_state=\"" + state
                + "\",server_address=\"127.0.0.1\",server_port=\"" + port + "\"}";
    }

    /** The program's server with these options, in front of that upstream. */
    private URI serve(String target, String... options) throws Exception {
        newServer(target, options);
        return start();
    }

    private void newServer(String target, String... options) {
        List<String> all = new ArrayList<>(List.of(options));
        all.addAll(List.of("--listen=127.0.0.1:0", "--metrics=127.0.0.1:0", "--target=" + target));
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program).parseArgs(all.toArray(String[]::new));
        server = program.newServer();
    }

    private URI start() throws Exception {
        URI uri = loopback.started(server).getURI();
        metrics = URI.create(server.getBean(MetricsPort.class).url());
        return uri;
    }

    private String scrape() throws IOException {
        try (var client = new RawConnection(new Socket(metrics.getHost(), metrics.getPort()))) {
            return client.sendRequest("GET /metrics").receiveResponse().body();
        }
    }

    /** The value of that series; NaN if there is none. */
    private double value(String series) throws IOException {
        return scrape().lines()
                .filter(line -> line.startsWith(series + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(series.length() + 1)))
                .findFirst()
                .orElse(Double.NaN);
    }

    /** Waits until that series has this value. */
    private void await(String series, double value) throws IOException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (value(series) != value) {
            assertThat(System.nanoTime())
                    .as("when " + series + " is " + value + " in:\n" + scrape())
                    .isLessThan(deadline);
        }
    }
}
