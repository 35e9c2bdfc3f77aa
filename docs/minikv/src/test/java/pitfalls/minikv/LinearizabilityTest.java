package pitfalls.minikv;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import pitfalls.minikv.Operation.Kind;
import pitfalls.support.Slow;

class LinearizabilityTest {
    private static final long NEVER = Operation.NEVER;

    @Test
    void what_one_store_could_have_said_is_accepted() {
        assertThat(Linearizability.violation(List.of(
                        put("1", 0, 10), read("1", 20, 30), put("2", 40, 60), read("1", 45, 50), read("2", 55, 58))))
                .as("a read during a change may see the old value, and then the new one")
                .isEmpty();
        assertThat(Linearizability.violation(List.of(put("1", 0, 10), delete(20, 30), read(null, 40, 50))))
                .isEmpty();
        assertThat(Linearizability.violation(List.of(append("a", 0, 30), append("b", 10, 20), read("ba", 40, 50))))
                .isEmpty();
    }

    @Test
    void an_acknowledged_change_that_is_lost_is_found() {
        assertThat(Linearizability.violation(List.of(put("1", 0, 10), put("2", 20, 30), read("1", 40, 50))))
                .isPresent();
        assertThat(Linearizability.violation(List.of(append("a", 0, 10), append("b", 20, 30), read("b", 40, 50))))
                .isPresent();
    }

    @Test
    void a_read_that_goes_back_in_time_is_found() {
        assertThat(Linearizability.violation(
                        List.of(put("1", 0, 10), put("2", 20, NEVER), read("2", 40, 50), read("1", 60, 70))))
                .isPresent();
    }

    @Test
    void a_change_that_is_made_twice_is_found() {
        assertThat(Linearizability.violation(List.of(append("a", 0, 10), read("aa", 20, 30))))
                .isPresent();
        assertThat(Linearizability.violation(List.of(
                        put("1", 0, 100), put("2", 10, 20), read("1", 5, 8), read("2", 30, 40), read("1", 50, 60))))
                .as("a PUT that was sent again")
                .isPresent();
    }

    @Test
    void a_change_without_an_answer_may_be_made_late_or_never_but_not_before_it_was_asked_for() {
        assertThat(Linearizability.violation(List.of(put("1", 0, 10), put("2", 20, NEVER), read("1", 40, 50))))
                .isEmpty();
        assertThat(Linearizability.violation(
                        List.of(put("1", 0, 10), put("2", 20, NEVER), read("1", 40, 50), read("2", 60, 70))))
                .isEmpty();
        assertThat(Linearizability.violation(List.of(read("2", 0, 10), put("2", 20, NEVER))))
                .isPresent();
    }

    @Test
    void each_key_is_looked_at_alone() {
        var other = new Operation(Kind.READ, "other", "1", 40, 50);

        assertThat(Linearizability.violation(List.of(put("1", 0, 10), other)))
                .hasValueSatisfying(violation -> assertThat(violation).contains("read of other"));
    }

    @Slow
    @Test
    void a_long_history_of_many_clients_is_decided_and_so_is_the_same_with_one_wrong_read() {
        List<Operation> history = new ArrayList<>();
        var random = new Random(7);
        String value = null;
        for (int i = 0; i < 5000; i++) { // each takes effect at i * 10, and lasts for up to 80 around that
            long at = i * 10L;
            long begin = at - random.nextInt(40);
            long end = at + 1 + random.nextInt(40);
            boolean reads = random.nextBoolean();
            if (!reads) value = "v" + i;
            history.add(new Operation(reads ? Kind.READ : Kind.PUT, "key", value, begin, end));
        }
        assertThat(Linearizability.violation(history)).isEmpty();

        history.add(read("v" + 1, 60_000, 60_010));

        assertThat(Linearizability.violation(history)).isPresent();
    }

    private static Operation put(String value, long begin, long end) {
        return new Operation(Kind.PUT, "key", value, begin, end);
    }

    private static Operation append(String value, long begin, long end) {
        return new Operation(Kind.APPEND, "key", value, begin, end);
    }

    private static Operation delete(long begin, long end) {
        return new Operation(Kind.DELETE, "key", null, begin, end);
    }

    private static Operation read(String value, long begin, long end) {
        return new Operation(Kind.READ, "key", value, begin, end);
    }
}
