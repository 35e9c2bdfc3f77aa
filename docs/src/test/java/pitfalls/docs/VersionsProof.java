package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import pitfalls.workshop.Run.Result;
import pitfalls.workshop.Run.Status;

/**
 * The contracts of all steps on the finished proxy, in the three combinations of HTTP/1.1 and HTTP/2 that the matrix does not have. The
 * contracts speak HTTP/1.1, and a translation stands beside the proxy. Where it finds no words, nothing is said of the proxy.
 *
 * <p>It runs with {@code -Dversions} only, without {@code -Pproof}, and at night: the translation keeps what it has passed on, and the bodies of
 * the other proofs are too large for that.
 */
@EnabledIfSystemProperty(named = "versions", matches = ".*", disabledReason = "it runs with -Dversions only")
class VersionsProof {
    private static final String NO_WORDS = "HTTP/2 has no ";

    /** It passes 128 MiB, which the translation may not do in the time that a test has. */
    private static final String TOO_MUCH = "a_client_that_does_not_read_stops_the_upstream";

    private static final String TO_CLIENT = "HTTP/2 to HTTP/1.1";
    private static final String TO_UPSTREAM = "HTTP/1.1 to HTTP/2";
    private static final String BOTH = "HTTP/2 to HTTP/2";

    private static final List<Difference> DIFFERENCES = List.of(
            new Difference(
                    "An HTTP/2 client resets its stream where an HTTP/1.1 client ends its output, and then gets nothing more",
                    true,
                    false,
                    "a_broken_upload_is_the_fault_of_the_client",
                    "a_client_that_leaves_during_the_pause_stops_the_attempts",
                    "a_client_that_only_ends_its_output_has_left"),
            new Difference(
                    "HTTP/2 counts 32 bytes more for each field, so a header that just fits in HTTP/1.1 is too long",
                    true,
                    false,
                    "a_request_as_large_as_the_server_accepts_is_passed_on",
                    "a_request_head_of_64_KiB_is_passed_on_by_a_server_that_accepts_it"),
            new Difference(
                    "The version is named, in `Via` or in the answer to TRACE",
                    true,
                    false,
                    "TRACE_with_no_forwards_left_is_answered_here_without_its_secrets",
                    "Via_names_the_protocol_that_was_received",
                    "a_chain_of_three_proxies_is_no_loop_for_Via",
                    "a_loop_can_be_traced_to_its_end"),
            new Difference(
                    "After an error the stream ends, and the connection stays open",
                    true,
                    false,
                    "after_an_error_in_the_middle_of_an_upload_the_connection_is_closed",
                    "a_failure_is_answered_also_if_a_handler_in_front_holds_back_a_part_of_the_response"),
            new Difference(
                    "The limit for silence is that of a stream, and not of its connection",
                    true,
                    false,
                    "an_upload_that_stops_is_the_fault_of_the_client"),
            new Difference(
                    "The test simulates TLS in the configuration of its server, but over HTTP/2 the proxy checks the connection",
                    true,
                    false,
                    "a_request_that_came_over_TLS_is_told_as_https"),
            new Difference(
                    "An empty body in chunks is no body",
                    true,
                    false,
                    "what_may_have_been_applied_or_has_a_body_is_not_sent_again"),
            new Difference(
                    "The names of fields are in lower case",
                    true,
                    true,
                    "trailers_of_a_request_arrive",
                    "trailers_of_a_response_arrive"),
            new Difference(
                    "`Connection`, `Upgrade` and what they name do not exist",
                    true,
                    true,
                    "a_second_attempt_offers_the_same",
                    "h2c_is_never_offered_to_the_upstream",
                    "the_upstream_is_told_that_trailers_pass_if_the_client_asks_for_them",
                    "what_a_status_has_to_carry_reaches_the_client"),
            new Difference(
                    "HTTP/2 has no lines that could break off, and the length of a body is the length of its frames",
                    false,
                    true,
                    "a_response_is_framed_as_it_was_meant",
                    "an_upstream_that_does_not_answer_is_told_apart",
                    "once_a_byte_of_a_response_has_come_it_is_not_sent_again"),
            new Difference(
                    "No connection belongs to one client, so NTLM is impossible",
                    false,
                    true,
                    "the_connection_of_such_a_user_ends_with_that_of_the_client"));

    private static final Set<String> SEEN = new TreeSet<>();

    /** Why some tests are about HTTP/1.1 alone, on one side or on both. */
    private record Difference(String why, boolean toClient, boolean toUpstream, String... tests) {
        private boolean explains(Result result, String versions) {
            boolean isMeant = toClient && !versions.equals(TO_UPSTREAM) || toUpstream && !versions.equals(TO_CLIENT);
            return isMeant && List.of(tests).contains(result.method().getName());
        }

        private String row() {
            String sides = toClient && toUpstream ? "both" : toClient ? "client" : "upstream";
            return "| " + why + " | " + sides + " | "
                    + Stream.of(tests).map(test -> test.replace('_', ' ')).collect(Collectors.joining("; ")) + " |\n";
        }
    }

    @TestFactory
    @Order(1)
    Stream<DynamicTest> a_contract_holds_in_each_combination_of_versions_where_it_is_not_about_HTTP_1_1() {
        return Stream.of(TO_CLIENT, TO_UPSTREAM, BOTH)
                .flatMap(versions -> contracts()
                        .map(contract -> DynamicTest.dynamicTest(
                                contract.getSimpleName() + ", " + versions, () -> assertHolds(contract, versions))));
    }

    private static Stream<Class<?>> contracts() {
        return Stream.concat(
                Stream.of(Step.values()).flatMap(step -> step.contracts().stream()),
                Stream.of(OnStep.StaleConnections.class, OnStep.HandlersInFront.class, OnStep.LostResponses.class));
    }

    private static void assertHolds(Class<?> contract, String versions) {
        List<Result> results = OnStep.run(contract, !versions.equals(TO_UPSTREAM), !versions.equals(TO_CLIENT));
        List<String> unexplained = new ArrayList<>();
        boolean hasPassed = false;
        for (Result result : results) {
            hasPassed |= result.status() == Status.PASSED && !isUntranslatable(result);
            if (result.status() != Status.FAILED) continue;
            boolean isExplained = DIFFERENCES.stream().anyMatch(difference -> difference.explains(result, versions));
            if (isExplained) SEEN.add(result.method().getName());
            boolean saysNothing =
                    isUntranslatable(result) || result.method().getName().equals(TOO_MUCH);
            if (!isExplained && !saysNothing) unexplained.add(result.toString());
        }
        assertThat(unexplained)
                .as("what does not hold, and nobody has said why")
                .isEmpty();
        if (contract != OnStep.Upgrades.class)
            assertThat(hasPassed).as("whether anything holds").isTrue();
    }

    private static boolean isUntranslatable(Result result) {
        return result.log().warnings().stream().anyMatch(line -> line.contains(NO_WORDS));
    }

    @Test
    @Order(2)
    void the_table_of_the_differences_has_no_test_that_holds_everywhere() {
        assertThat(SEEN)
                .containsExactlyInAnyOrderElementsOf(DIFFERENCES.stream()
                        .flatMap(difference -> Stream.of(difference.tests()))
                        .toList());
    }

    @Test
    @Order(3)
    void the_table_on_the_page_is_that_of_the_differences() throws IOException {
        String rows = DIFFERENCES.stream().map(Difference::row).collect(Collectors.joining());
        Generated.assertEqual(
                "docs/grpc.md", "differences", "| what is different | side | tests |\n|---|---|---|\n" + rows);
    }
}
