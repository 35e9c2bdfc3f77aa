package pitfalls.embed;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.IntSupplier;
import javax.management.MBeanServerFactory;
import org.eclipse.jetty.client.AbstractConnectionPool;
import org.eclipse.jetty.client.transport.HttpDestination;
import org.eclipse.jetty.jmx.MBeanContainer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.ContextHandler;
import org.eclipse.jetty.server.handler.StatisticsHandler;
import org.junit.jupiter.api.Test;
import pitfalls.step04.RetryPolicy;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.Gate;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.ScriptedUpstream;

/** What somebody's server can count of the requests that go through the proxy. */
class MetricsTest implements LoopbackTest {
    private static final String OK = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc";

    @Test
    void StatisticsHandler_counts_what_the_clients_get_from_the_upstream_and_from_the_proxy() throws Exception {
        var asked = new Gate("the upstream has the request that it lets wait");
        var counted = new Gate("what is in flight was counted");
        ScriptedUpstream upstream = loopback.scripted(
                connection -> {
                    connection.receiveRequest();
                    connection.send(OK);
                },
                connection -> connection.receiveRequest(), // and dies
                connection -> {
                    connection.receiveRequest();
                    asked.open();
                    counted.await();
                    connection.send(OK);
                });
        var statistics = new StatisticsHandler(new ContextHandler(new StreamingProxy(upstream.target()), "/v1"));
        var client = loopback.connect(loopback.serve(statistics));

        client.sendRequest("GET /v1/x").receiveResponse();
        client.sendRequest("POST /v1/x", "Content-Length: 0").receiveResponse();
        client.sendRequest("GET /v1/x");
        asked.await();

        assertThat(statistics.getRequestTotal()).as("all requests").isEqualTo(3);
        assertBecomes(1, statistics::getRequestsActive, "requests in flight");
        assertBecomes(1, statistics::getResponses2xx, "responses of the upstream");
        assertBecomes(1, statistics::getResponses5xx, "errors of the proxy");
        counted.open();
        client.receiveResponse();
        assertBecomes(0, statistics::getRequestsActive, "requests in flight, when all are answered");
    }

    @Test
    void the_proxy_counts_what_goes_to_the_upstream() throws Exception {
        ScriptedUpstream upstream = loopback.scripted(
                connection -> connection.receiveRequest(), // and dies
                connection -> {
                    connection.receiveRequest();
                    connection.send(OK);
                });
        var proxy = new StreamingProxy(upstream.target());
        proxy.setRetryPolicy(RetryPolicy.idempotent());
        var client = loopback.connect(loopback.serve(proxy));

        client.sendRequest("GET /x").receiveResponse();

        assertThat(proxy.getAttempts()).as("attempts").isEqualTo(2);
        assertThat(proxy.getRetries()).as("retries").isEqualTo(1);
    }

    @Test
    void the_client_of_the_proxy_tells_its_connections_to_each_upstream() throws Exception {
        var asked = new Gate("the upstream has the request");
        var counted = new Gate("the connections were counted");
        ScriptedUpstream upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            asked.open();
            counted.await();
            connection.send(OK);
        });
        var proxy = new StreamingProxy(upstream.target());
        var client = loopback.connect(loopback.serve(proxy));

        client.sendRequest("GET /x");
        asked.await();
        var destination =
                (HttpDestination) proxy.getHttpClient().getDestinations().get(0);
        var pool = (AbstractConnectionPool) destination.getConnectionPool();

        assertThat(destination.getPort()).as("the port of the upstream").isEqualTo(upstream.port());
        assertThat(pool.getActiveConnectionCount()).as("connections in use").isEqualTo(1);
        assertThat(destination.getQueuedRequestCount())
                .as("requests that wait for a connection")
                .isZero();
        counted.open();
        client.receiveResponse();
    }

    @Test
    void all_of_it_is_there_by_JMX() throws Exception {
        ScriptedUpstream upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(OK);
        });
        var proxy = new StreamingProxy(upstream.target());
        var statistics = new StatisticsHandler(proxy);
        var server = new Server();
        var connector = new ServerConnector(server, 1, 1);
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        server.setHandler(statistics);
        var mbeans = new MBeanContainer(MBeanServerFactory.newMBeanServer());
        server.addBean(mbeans);
        loopback.started(server);
        var client = loopback.connect(server.getURI());

        client.sendRequest("GET /x").receiveResponse();

        assertThat(attribute(mbeans, statistics, "requestTotal")).isEqualTo(1);
        assertThat(attribute(mbeans, proxy, "attempts")).isEqualTo(1L);
        assertThat(attribute(mbeans, proxy.getHttpClient(), "maxConnectionsPerDestination"))
                .isEqualTo(1000);
    }

    private static Object attribute(MBeanContainer mbeans, Object bean, String name) throws Exception {
        return mbeans.getMBeanServer().getAttribute(mbeans.findMBean(bean), name);
    }

    /** A client may have its response a moment before it is counted. */
    private static void assertBecomes(int count, IntSupplier counter, String what) {
        long deadline = System.nanoTime() + Loopback.PATIENCE.toNanos();
        while (counter.getAsInt() != count && System.nanoTime() < deadline) Thread.onSpinWait();
        assertThat(counter.getAsInt()).as(what).isEqualTo(count);
    }
}
