package pitfalls.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetSocketAddress;
import java.net.URI;
import java.util.List;
import java.util.stream.LongStream;
import org.eclipse.jetty.server.HttpConfiguration;
import org.junit.jupiter.api.Test;
import pitfalls.fuzz.Finding.Kind;
import pitfalls.step01.MinimalProxy;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.LoopbackTest;

/** The fuzzers find what is there, and nothing else. */
class FuzzerProof implements LoopbackTest {
    private static final long SEED = 1;
    private static final int INPUTS = 200;

    @Test
    void the_same_seed_makes_the_same_inputs_and_another_one_others() {
        assertThat(requests(SEED)).isEqualTo(requests(SEED)).doesNotContainAnyElementsOf(requests(SEED + 1));
        assertThat(responses(SEED)).isEqualTo(responses(SEED)).doesNotContainAnyElementsOf(responses(SEED + 1));
    }

    private static List<String> requests(long seed) {
        return LongStream.range(0, INPUTS)
                .mapToObj(number -> RequestInput.of(seed, number).text())
                .toList();
    }

    private static List<String> responses(long seed) {
        return LongStream.range(0, INPUTS)
                .mapToObj(number -> ResponseInput.of(seed, number).text())
                .filter(text -> text.contains("\r\n\r\n"))
                .toList();
    }

    @Test
    void a_proxy_that_passes_bytes_on_sends_an_upstream_what_is_not_a_request() throws Exception {
        try (var upstream = new FuzzUpstream();
                var proxy = new BrokenProxy(upstream, BrokenProxy::relay)) {
            Report report = Fuzzer.ofRequests(proxy.address(), upstream, SEED).run(INPUTS);

            assertThat(report.count(Kind.INVALID_REQUEST)).isPositive();
        }
    }

    @Test
    void a_proxy_that_passes_bytes_on_sends_a_client_what_is_not_a_response() throws Exception {
        try (var upstream = new FuzzUpstream();
                var proxy = new BrokenProxy(upstream, BrokenProxy::relay)) {
            Report report = Fuzzer.ofResponses(proxy.address(), upstream, SEED).run(INPUTS);

            assertThat(report.count(Kind.INVALID_ANSWER)).isPositive();
            assertThat(report.count(Kind.ANSWER_FOR_SOMEBODY_ELSE)).isPositive();
        }
    }

    @Test
    void a_proxy_that_forgets_bodies_sends_an_upstream_requests_that_nobody_has_sent() throws Exception {
        try (var upstream = new FuzzUpstream();
                var proxy = new BrokenProxy(upstream, BrokenProxy::forgetBodies)) {
            Report report = Fuzzer.ofRequests(proxy.address(), upstream, SEED).run(INPUTS);

            assertThat(report.findings())
                    .filteredOn(finding -> finding.kind() == Kind.REQUEST_OF_NOBODY)
                    .anySatisfy(finding -> assertThat(finding.sentence()).contains("GET /smuggled-"));
        }
    }

    @Test
    void a_proxy_that_completes_everything_shows_a_client_half_a_response_as_whole() throws Exception {
        try (var upstream = new FuzzUpstream();
                var proxy = new BrokenProxy(upstream, BrokenProxy::completeEverything)) {
            Report report = Fuzzer.ofResponses(proxy.address(), upstream, SEED).run(INPUTS);

            assertThat(report.count(Kind.BROKEN_ANSWER_WHOLE)).isPositive();
        }
    }

    @Test
    void the_first_step_tells_a_client_that_Jetty_is_inside() throws Exception {
        try (var upstream = new FuzzUpstream()) {
            URI proxy = loopback.serve(
                    new MinimalProxy("http://127.0.0.1:" + upstream.address().getPort()));

            Report report = Fuzzer.ofRequests(addressOf(proxy), upstream, SEED).run(INPUTS);

            assertThat(report.count(Kind.INSIDE_TOLD)).isPositive();
            assertThat(report.findings().get(0)).asString().contains("-Dinput=", "printf '");
        }
    }

    @Test
    void an_input_that_was_found_is_found_again_by_its_number() throws Exception {
        try (var upstream = new FuzzUpstream();
                var proxy = new BrokenProxy(upstream, BrokenProxy::completeEverything)) {
            Finding found = Fuzzer.ofResponses(proxy.address(), upstream, SEED)
                    .run(INPUTS)
                    .findings()
                    .get(0);

            Report again = Fuzzer.ofResponses(proxy.address(), upstream, SEED).only(found.number());

            assertThat(again.findings()).contains(found);
        }
    }

    @Test
    void the_last_step_does_nothing_that_would_be_found_in_the_responses() throws Exception {
        try (var upstream = new FuzzUpstream()) {
            var http = new HttpConfiguration();
            http.setSendServerVersion(false);
            var streaming = new StreamingProxy("127.0.0.1:" + upstream.address().getPort());
            URI proxy = loopback.serve(streaming, http);

            Report report = Fuzzer.ofResponses(addressOf(proxy), upstream, SEED).run(INPUTS);

            assertThat(report.findings()).isEmpty();
            assertThat(report.inputs()).isEqualTo(INPUTS);
            assertThat(report.answers()).containsKeys("200", "404", "502", "cut");
        }
    }

    private static InetSocketAddress addressOf(URI url) {
        return new InetSocketAddress(url.getHost(), url.getPort());
    }
}
