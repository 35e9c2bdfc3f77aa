package pitfalls.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class BenchTest {

    @Test
    void it_is_played_on_the_step_before_and_on_the_step_that_was_chosen() {
        var played = play("{'step': 4, 'retries': 1, 'upstream': ['take', 'close', 'next', 'take', 'answer hello'],"
                + " 'client': ['request GET /x', 'field Host: a', 'response']}");

        assertThat(outcomes(played))
                .containsExactly(
                        "The client gets 502 Bad Gateway, the whole response. The upstream gets one request.",
                        "The client gets 200 OK, the whole response. The upstream gets 2 connections with a request.");
        assertThat((Integer) played.get("first")).isNotNegative();
    }

    @Test
    void step_1_has_no_step_before() {
        var played = play("{'step': 1, 'upstream': ['take', 'answer a\\\\r\\\\n'], 'client': ['request GET /x',"
                + " 'field Host: a', 'response']}");

        assertThat(outcomes(played))
                .containsExactly("", "The client gets 200 OK, the whole response. The upstream gets one request.");
        assertThat((List<?>) ((Map<?, ?>) played.get("left")).get("marks")).isEmpty();
    }

    @TestFactory
    Stream<DynamicTest> what_is_wrong_is_told_in_one_sentence() {
        String client = "'client': ['request GET /x', 'response']";
        return Map.ofEntries(
                        Map.entry("[", "The bench reads JSON, and this is none."),
                        Map.entry("[".repeat(5000), "The bench reads JSON, and this is none."),
                        Map.entry(
                                "", "The bench reads an object with client, mark, retries, step, timeouts, upstream."),
                        Map.entry(
                                "{'shell': 'x'}",
                                "The bench reads an object with client, mark, retries, step, timeouts, upstream."),
                        Map.entry(
                                "{'step': 8, 'upstream': [], " + client + "}",
                                "The step must be a number from 1 to 7, not 8."),
                        Map.entry(
                                "{'step': 1.5, 'upstream': [], " + client + "}",
                                "The step must be a number from 1 to 7, not 1.5."),
                        Map.entry(
                                "{'step': 1, 'retries': -1, 'upstream': [], " + client + "}",
                                "The number of retries must be a number from 0 to 3, not -1."),
                        Map.entry(
                                "{'step': 1, 'timeouts': {'head': 0}, 'upstream': [], " + client + "}",
                                "The timeout 'head' must be a number from 1 to 5000, not 0."),
                        Map.entry(
                                "{'step': 1, 'timeouts': {'x': 1}, 'upstream': [], " + client + "}",
                                "The timeouts are an object with response, head, stream, client."),
                        Map.entry(
                                "{'step': 1, 'mark': 'Host', 'upstream': [], " + client + "}",
                                "'Host' is not a name for a mark. Write a header name that HTTP does not use for anything else, such as X-MiniKV-Forwarded"),
                        Map.entry(
                                "{'step': 1, 'upstream': [1], " + client + "}",
                                "The upstream is a list of moves, such as \"wait 300\"."),
                        Map.entry(
                                "{'step': 1, 'upstream': ['rm -rf'], " + client + "}",
                                "'rm' is not a move of the upstream. Write one of: take, answer, head, field, body, half, chunk, trailer, 103, 101, redirect, read, wait, close, reset, next."),
                        Map.entry(
                                "{'step': 1, 'upstream': ['wait 901'], " + client + "}",
                                "'wait 901' does not work. Write for instance: wait 300"),
                        Map.entry(
                                "{'step': 1, 'upstream': ['take 1'], " + client + "}",
                                "'take 1' does not work. Write take, without a value."),
                        Map.entry(
                                "{'step': 1, 'upstream': ['body \\\\q'], " + client + "}",
                                "'\\q' has an escape that Java does not know. Write \\\\ for a backslash, \\r and \\n for the ends of lines, \\0 to \\377 for any byte."),
                        Map.entry(
                                "{'step': 1, 'upstream': ['body €'], " + client + "}",
                                "'body €' has a character that is more than a byte."),
                        Map.entry(
                                "{'step': 1, 'upstream': ['take', 'field A: b'], " + client + "}",
                                "The header 'A: b' has to follow a request line, a status line, or another header."),
                        Map.entry(
                                "{'step': 1, 'upstream': [" + "'take',".repeat(24) + "'take'], " + client + "}",
                                "The upstream has 25 moves. It may have 24."),
                        Map.entry(
                                "{'step': 1, 'upstream': ['body " + "x".repeat(8200) + "'], " + client + "}",
                                "The upstream has moves of 8205 bytes. It may have 8192."),
                        Map.entry(
                                "{'step': 1, 'upstream': ['wait 900', 'wait 900', 'wait 900', 'wait 900'], " + client
                                        + "}",
                                "The upstream waits for 3600 ms. It may wait for 3000 in all."))
                .entrySet()
                .stream()
                .map(row -> DynamicTest.dynamicTest(
                        row.getValue(),
                        () -> assertThatThrownBy(() -> parse(row.getKey()))
                                .isInstanceOf(IllegalArgumentException.class)
                                .hasMessage(row.getValue())));
    }

    @Test
    void a_class_that_is_named_is_not_made() {
        assertThat(Json.parse("{\"class\": \"java.io.File\", \"path\": \"x\"}")).isInstanceOf(Map.class);
    }

    static Bench parse(String json) {
        return Bench.parse(json.replace('\'', '"'));
    }

    private static Map<String, Object> play(String json) {
        return parse(json).play(mark -> {});
    }

    @SuppressWarnings("unchecked")
    private static List<String> outcomes(Map<String, Object> played) {
        return (List<String>) played.get("outcomes");
    }
}
