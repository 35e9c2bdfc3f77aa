package pitfalls.step04;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.step04.RetriesContract.IDEMPOTENT;
import static pitfalls.step04.Retrying.DIES;
import static pitfalls.step04.Retrying.newProxy;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import javax.management.ObjectName;
import org.eclipse.jetty.jmx.MBeanContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;

/** What the operator is told of the attempts, in the log and by JMX. */
class RetryReportsTest implements LoopbackTest {

    @Test
    void each_failed_attempt_is_one_line_in_the_log_with_its_number() throws Exception {
        var upstream = loopback.scripted(DIES);
        var proxy = newProxy(upstream.target(), IDEMPOTENT.withAttempts(2));
        var client = loopback.connect(loopback.serve(proxy));

        try (var log = LogLines.of("pitfalls")) {
            client.sendRequest("GET /x").receiveResponse();

            assertThat(log.lines().subList(0, 2))
                    .containsExactly(
                            "INFO attempt 1 of 2 failed, connection_terminated for GET /x to " + upstream.target()
                                    + ": the next one in 0 ms [request ID, attempt 1]",
                            "INFO attempt 2 of 2 failed, connection_terminated for GET /x to " + upstream.target()
                                    + ": it was the last one [request ID, attempt 2]");
            assertThat(log.lines()).hasSize(3);
        }
    }

    @TestFactory
    Stream<DynamicTest> all_lines_of_a_request_have_its_id() {
        String trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        return Stream.of(
                named("traceparent: 00-" + trace + "-00f067aa0ba902b7-01", trace),
                named("X-Request-Id: order-17", "order-17"),
                named("X-Request-Id: a b] WARN answered", "ID"),
                named("traceparent: ghost", "ID"));
    }

    private DynamicTest named(String field, String id) {
        return DynamicTest.dynamicTest(field, () -> {
            var upstream = loopback.scripted(DIES);
            var proxy = newProxy(upstream.target(), IDEMPOTENT.withAttempts(2));
            var client = loopback.connect(loopback.serve(proxy));

            try (var log = LogLines.of("pitfalls")) {
                client.sendRequest("GET /x", field).receiveResponse();

                assertThat(log.lines())
                        .hasSize(3)
                        .allSatisfy(line -> assertThat(line).contains(" [request " + id + ", attempt "));
            }
        });
    }

    @Test
    void why_there_is_no_other_attempt_stands_in_the_log() throws Exception {
        var upstream = loopback.scripted(DIES);
        var policy = IDEMPOTENT.withBackoff(Duration.ofSeconds(2), Duration.ofSeconds(2));
        var proxy = new ManualTime().in(newProxy(upstream.target(), policy.withDeadline(Duration.ZERO)));
        var client = loopback.connect(loopback.serve(proxy));

        try (var log = LogLines.of(RetryingProxy.class.getName())) {
            client.sendRequest("POST /x").receiveResponse();
            client.sendRequest("GET /x").receiveResponse();

            assertThat(log.lines())
                    .containsExactly(
                            "INFO attempt 1 of 3 failed, connection_terminated for POST /x to " + upstream.target()
                                    + ": POST is not idempotent, and has no Idempotency-Key [request ID, attempt 1]",
                            "INFO attempt 1 of 3 failed, connection_terminated for GET /x to " + upstream.target()
                                    + ": the next one would begin after the deadline [request ID, attempt 1]");
        }
    }

    @Test
    void the_figures_are_there_for_the_operator_by_JMX() throws Exception {
        var upstream = loopback.scripted(DIES);
        var proxy = newProxy(upstream.target(), IDEMPOTENT);
        var client = loopback.connect(loopback.serve(proxy));
        var mbeans = new MBeanContainer(ManagementFactory.getPlatformMBeanServer());
        mbeans.beanAdded(null, proxy);

        client.sendRequest("GET /x").receiveResponse();

        ObjectName name = mbeans.findMBean(proxy);
        var server = mbeans.getMBeanServer();
        assertThat(List.of(
                        server.getAttribute(name, "attempts"),
                        server.getAttribute(name, "retries"),
                        server.getAttribute(name, "budgetRefusals")))
                .containsExactly(3L, 2L, 0L);
        mbeans.destroy();
    }
}
