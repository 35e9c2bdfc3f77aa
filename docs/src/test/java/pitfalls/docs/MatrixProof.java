package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiPredicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.workshop.Run;
import pitfalls.workshop.Run.Result;
import pitfalls.workshop.Run.Status;

/** Each step's contract holds for its own proxy and all later ones, and for no earlier one. */
class MatrixProof {
    private static final Map<Step, Map<Step, List<Result>>> RESULTS = new EnumMap<>(Step.class);

    @TestFactory
    @Order(1)
    Stream<DynamicTest> a_contract_is_red_before_its_step_for_its_own_reason_and_green_from_there_on() {
        return Stream.of(Step.values())
                .flatMap(contract -> Stream.of(Step.values())
                        .map(proxy -> DynamicTest.dynamicTest(
                                "the contract of step " + contract.number() + " on the proxy of step " + proxy.number(),
                                () -> {
                                    List<Result> results = results(contract, proxy);
                                    if (proxy.compareTo(contract) < 0) assertRed(results);
                                    else assertGreen(results);
                                })));
    }

    private static void assertGreen(List<Result> results) {
        assertThat(results).hasSizeGreaterThan(20);
        assertThat(results.stream()
                        .filter(result -> result.status() == Status.FAILED)
                        .map(Result::toString))
                .isEmpty();
    }

    private static void assertRed(List<Result> results) {
        var headlines = Run.byMethod(results, Result::isHeadline);
        assertThat(headlines)
                .isNotEmpty()
                .allSatisfy((method, rows) -> assertThat(rows)
                        .filteredOn(row -> row.status() != Status.PASSED)
                        .isNotEmpty()
                        .allSatisfy(row -> {
                            assertThat(row.failure())
                                    .isInstanceOf(AssertionError.class)
                                    .hasNoCause();
                            assertThat(row.message()).startsWith(Headlines.lookAt(method));
                        }));
    }

    @Test
    @Order(2)
    void the_table_in_the_README_is_what_was_found() throws Exception {
        String found = table((contract, proxy) -> isGreen(results(contract, proxy)));
        assertThat(found)
                .as("not to be written down")
                .isEqualTo(table((contract, proxy) -> proxy.compareTo(contract) >= 0));
        Generated.assertEqual("README.md", "matrix", found);
    }

    private static String table(BiPredicate<Step, Step> isGreen) {
        var steps = List.of(Step.values());
        var head = steps.stream().map(step -> " " + step.number() + " |").collect(Collectors.joining());
        var rows = steps.stream().map(contract -> {
            var cells = steps.stream()
                    .map(proxy -> isGreen.test(contract, proxy) ? " ✔ |" : " ✘ |")
                    .collect(Collectors.joining());
            return "| " + contract.number() + " " + contract.title() + " |" + cells + "\n";
        });
        return "| contract \\ proxy |" + head + "\n|---|" + "---|".repeat(steps.size()) + "\n"
                + rows.collect(Collectors.joining());
    }

    private static boolean isGreen(List<Result> results) {
        return results.stream().noneMatch(result -> result.status() == Status.FAILED);
    }

    private static List<Result> results(Step contract, Step proxy) {
        return RESULTS.computeIfAbsent(contract, row -> new EnumMap<>(Step.class))
                .computeIfAbsent(proxy, cell -> OnStep.run(contract, proxy));
    }
}
