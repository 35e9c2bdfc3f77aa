package pitfalls.minikv;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.minikv.Command.Operation.APPEND;
import static pitfalls.minikv.Command.Operation.DELETE;
import static pitfalls.minikv.Command.Operation.PUT;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import org.junit.jupiter.api.Test;
import pitfalls.minikv.Command.Operation;
import pitfalls.minikv.Outcome.Verdict;

class StoreTest {
    private static final String LARGEST = "x".repeat(Store.MAX_VALUE_BYTES);

    private final Store store = new Store();
    private long index;

    @Test
    void a_change_is_made_once_however_often_it_comes() {
        Outcome first = apply(APPEND, "key", "a", "one");
        apply(PUT, "key", "b", "two");

        assertThat(apply(APPEND, "key", "a", "one"))
                .as("the answer to the same request")
                .isEqualTo(first);
        assertThat(store.read("key").value()).isEqualTo("b");
    }

    @Test
    void another_request_with_the_same_id_is_refused() {
        apply(APPEND, "key", "a", "one");

        assertThat(apply(APPEND, "key", "b", "one").verdict()).isEqualTo(Verdict.KEY_REUSED);
        assertThat(apply(APPEND, "other", "a", "one").verdict()).isEqualTo(Verdict.KEY_REUSED);
        assertThat(store.read("key").value()).isEqualTo("a");
    }

    @Test
    void the_oldest_id_is_forgotten_when_there_are_too_many() {
        for (int i = 0; i <= Store.REMEMBERED_IDS; i++) apply(PUT, "key", "value", "id " + i);

        assertThat(apply(APPEND, "key", "+", "id 1").verdict()).isEqualTo(Verdict.KEY_REUSED);
        assertThat(apply(APPEND, "key", "+", "id 0").verdict()).isEqualTo(Verdict.APPLIED);
    }

    @Test
    void a_value_ends_at_64_KiB_in_UTF_8() {
        assertThat(apply(PUT, "key", LARGEST, "1").verdict()).isEqualTo(Verdict.APPLIED);
        assertThat(apply(APPEND, "key", "x", "2").verdict()).isEqualTo(Verdict.VALUE_TOO_LARGE);
        assertThat(apply(PUT, "other", "é".repeat(Store.MAX_VALUE_BYTES / 2) + "x", "3")
                        .verdict())
                .isEqualTo(Verdict.VALUE_TOO_LARGE);
    }

    @Test
    void all_values_together_end_where_the_heap_has_room_for_them() {
        int fit = Store.MAX_BYTES / (Store.MAX_VALUE_BYTES + 4);
        for (int i = 0; i < fit; i++)
            assertThat(apply(PUT, "k" + (100 + i), LARGEST, "fill " + i).verdict())
                    .isEqualTo(Verdict.APPLIED);

        assertThat(apply(PUT, "k999", LARGEST, "one more").verdict()).isEqualTo(Verdict.STORE_FULL);
        assertThat(apply(DELETE, "k100", "", "delete").verdict()).isEqualTo(Verdict.APPLIED);
        assertThat(apply(PUT, "k999", LARGEST, "again").verdict()).isEqualTo(Verdict.APPLIED);
        assertThat(store.size()).isEqualTo(fit);
    }

    @Test
    void changes_are_told_from_an_index_on_and_forgotten_when_they_take_too_much() {
        apply(PUT, "a", "1", "one");
        apply(PUT, "a", "2", "two");
        apply(PUT, "a", "1", "one"); // the same once more is no change

        assertThat(store.changesFrom(2)).containsExactly(new Change(2, new Command(PUT, "a", "2", "two")));
        assertThat(store.changesFrom(3)).isEmpty();

        for (int i = 0; i <= Store.REMEMBERED_CHANGES_BYTES / Store.MAX_VALUE_BYTES; i++)
            apply(PUT, "b", LARGEST, "large " + i);

        assertThat(store.forgotten()).isGreaterThanOrEqualTo(2);
        assertThat(store.changesFrom(1).get(0).index())
                .isEqualTo(store.forgotten() + 1 + (store.forgotten() == 2 ? 1 : 0));
    }

    @Test
    void a_change_is_one_line_of_JSON() {
        assertThat(new Change(7, new Command(PUT, "a", "one\n\"two\"", "id")).toLine())
                .isEqualTo("{\"index\":7,\"op\":\"put\",\"key\":\"a\",\"value\":\"one\\n\\\"two\\\"\"}\n");
        assertThat(new Change(8, new Command(DELETE, "a", "", "id")).toLine())
                .isEqualTo("{\"index\":8,\"op\":\"delete\",\"key\":\"a\"}\n");
    }

    @Test
    void a_snapshot_has_the_values_and_what_was_answered() throws Exception {
        apply(PUT, "a", LARGEST, "one");
        Outcome second = apply(PUT, "b", "2 \u00e9 \u4e2d", "two");
        var bytes = new ByteArrayOutputStream();
        store.writeTo(new DataOutputStream(bytes));

        var copy = new Store();
        copy.apply(1, new Command(PUT, "gone", "x", "three"));
        copy.readFrom(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));

        assertThat(copy.read("a")).isEqualTo(new Store.Reading(LARGEST, 2));
        assertThat(copy.read("b").value()).isEqualTo("2 \u00e9 \u4e2d");
        assertThat(copy.read("gone").value()).isNull();
        assertThat(copy.apply(3, new Command(PUT, "b", "2 \u00e9 \u4e2d", "two")))
                .isEqualTo(second);
        assertThat(copy.forgotten())
                .as("the changes that a snapshot does not tell")
                .isEqualTo(2);
    }

    @Test
    void a_command_comes_out_of_the_log_as_it_went_in() {
        var command = new Command(APPEND, "key", LARGEST, "an id");

        assertThat(Command.decode(command.encode())).isEqualTo(command);
    }

    private Outcome apply(Operation operation, String key, String value, String id) {
        return store.apply(++index, new Command(operation, key, value, id));
    }
}
