package pitfalls.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.lab.Lane.CLIENT_TO_PROXY;
import static pitfalls.lab.Lane.PROXY_TO_CLIENT;
import static pitfalls.lab.Lane.PROXY_TO_SERVER;
import static pitfalls.lab.Lane.SERVER_TO_PROXY;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import pitfalls.lab.Comparison.Row;

class ComparisonTest {
    private static final String OK = "HTTP/1.1 200 OK\r\nDate: Thu, 26 Nov 2026 02:53:31 GMT\r\n\r\n";

    /** A lane and bytes. */
    private record Said(Lane lane, String bytes) {}

    @Test
    void marks_that_are_equal_share_a_row_and_one_that_was_inserted_moves_none() {
        var comparison = compare(
                List.of(said(CLIENT_TO_PROXY, "a"), said(PROXY_TO_SERVER, "b"), said(PROXY_TO_CLIENT, "c")),
                List.of(
                        said(CLIENT_TO_PROXY, "a"),
                        said(PROXY_TO_SERVER, "new"),
                        said(PROXY_TO_SERVER, "b"),
                        said(PROXY_TO_CLIENT, "c")));

        assertThat(comparison.rows())
                .containsExactly(
                        new Row(0, 0, false), new Row(-1, 1, true), new Row(1, 2, false), new Row(2, 3, false));
        assertThat(comparison.first()).isEqualTo(1);
    }

    @Test
    void two_that_differ_in_one_lane_share_a_row() {
        var comparison = compare(
                List.of(said(CLIENT_TO_PROXY, "a"), said(PROXY_TO_CLIENT, "502")),
                List.of(said(CLIENT_TO_PROXY, "a"), said(PROXY_TO_SERVER, "again"), said(PROXY_TO_CLIENT, "200")));

        assertThat(comparison.rows()).containsExactly(new Row(0, 0, false), new Row(-1, 1, true), new Row(1, 2, true));
    }

    @Test
    void what_two_lanes_do_at_the_same_moment_is_no_difference_in_whatever_order() {
        var comparison = compare(
                List.of(said(SERVER_TO_PROXY, "a"), said(PROXY_TO_CLIENT, "b")),
                List.of(said(PROXY_TO_CLIENT, "b"), said(SERVER_TO_PROXY, "a")));

        assertThat(comparison.first()).isEqualTo(-1);
        assertThat(comparison.rows()).hasSize(3);
    }

    @Test
    void dates_and_ports_and_names_of_proxies_are_no_difference_and_everything_else_is() {
        String other = OK.replace("26", "27");
        assertThat(Comparison.normalized(other)).isEqualTo(Comparison.normalized(OK));
        assertThat(Comparison.normalized("Host: 127.0.0.1:8081\r\nVia: 1.1 vm\r\n"))
                .isEqualTo(Comparison.normalized("Host: 127.0.0.1:39000\r\nVia: 1.1 proxy-dd5ec2d5\r\n"));
        assertThat(Comparison.normalized("Host: 127.0.0.1:8081\r\n"))
                .isNotEqualTo(Comparison.normalized("Host: www.example.com\r\n"));
    }

    private static Said said(Lane lane, String bytes) {
        return new Said(lane, bytes);
    }

    private static Comparison compare(List<Said> left, List<Said> right) {
        return Comparison.of(recording(1, left), recording(2, right));
    }

    private static Recording recording(int step, List<Said> said) {
        List<Mark> marks = IntStream.range(0, said.size())
                .mapToObj(i -> new Mark(
                        i, said.get(i).lane(), 1, Mark.Kind.DATA, said.get(i).bytes(), 1, 0))
                .toList();
        return new Recording(step, marks, 0, 0, "");
    }
}
