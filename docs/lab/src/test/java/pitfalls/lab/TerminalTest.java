package pitfalls.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import pitfalls.lab.Mark.Kind;

class TerminalTest {

    @Test
    void it_is_what_the_first_client_sends_before_it_gets_a_response() {
        var recording = recorded(
                sent(1, "POST /it's HTTP/1.1\r\n\r\n"),
                sent(2, "another client's"),
                sent(1, "100% \\ \0é"),
                new Mark(3, Lane.PROXY_TO_CLIENT, 1, Kind.DATA, "HTTP/1.1 200 OK\r\n\r\n", 1, 0),
                sent(1, "GET /later HTTP/1.1\r\n\r\n"));

        assertThat(Terminal.command(recording))
                .isEqualTo(
                        "printf 'POST /it'\\''s HTTP/1.1\\r\\n\\r\\n100%% \\\\ \\000\\351' | nc -w 2 127.0.0.1 8080");
    }

    @Test
    void a_long_body_is_sent_from_elsewhere() {
        var recording = recorded(sent(1, "PUT /x HTTP/1.1\r\n\r\n" + "x".repeat(5000)));

        assertThat(Terminal.command(recording))
                .isEqualTo("(printf 'PUT /x HTTP/1.1\\r\\n\\r\\n'; head -c 5000 /dev/zero) | nc -w 2 127.0.0.1 8080");
    }

    @Test
    void where_nothing_was_sent_there_is_none() {
        assertThat(Terminal.command(recorded())).isEmpty();
    }

    private static Mark sent(int connection, String bytes) {
        return new Mark(0, Lane.CLIENT_TO_PROXY, connection, Kind.DATA, bytes, 1, 0);
    }

    private static Recording recorded(Mark... marks) {
        return new Recording(7, List.of(marks), 0, 0, "");
    }
}
