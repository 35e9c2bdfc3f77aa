package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.targetOf;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.step07.Timeouts;
import pitfalls.support.RawConnection;

/** The configurations of {@code docs/edge}, each in the real program, in front of the proxy of step 7. */
@EnabledOnOs(OS.LINUX) // where any address of 127.0.0.0/8 is loopback
class EdgeProof {
    /** How long the proxy's server waits for a client that is quiet. */
    private static final Duration CLIENT_IDLE = Duration.ofSeconds(75); // --idle-timeout

    private static final String PAGE_WITH_TRAILER =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npage\r\n0\r\nX-Sum: 4\r\n\r\n";

    @Nested
    class Nginx implements EdgeRequestsContract, EdgeStreamsContract, EdgeLimitsContract {
        @TempDir
        private Path folder;

        @Override
        public String configuration() throws IOException {
            return Files.readString(Edge.NGINX);
        }

        @Override
        public Edge edgeOf(URI proxy) throws Exception {
            return Edge.nginx(loopback, folder, proxy);
        }

        @Test
        void trailers_end_at_the_edge() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send(PAGE_WITH_TRAILER);
            });
            var client = clientOf(edgeOf(proxyOf(upstream.target())));

            String response = client.sendRequest("GET /", "Connection: close").receiveToEnd();

            assertThat(response).contains("page").doesNotContain("X-Sum: 4");
        }

        @Test
        void each_limit_is_on_the_right_side_of_the_proxys_own() throws Exception {
            assertThat(timeOf("proxy_read_timeout"))
                    .isGreaterThan(Timeouts.defaults().response())
                    .isGreaterThan(Timeouts.defaults().stream())
                    .isGreaterThan(Timeouts.defaults().upgraded());
            assertThat(timeOf("proxy_send_timeout")).isEqualTo(timeOf("proxy_read_timeout"));
            for (String limit : List.of("client_body_timeout", "send_timeout")) {
                assertThat(timeOf(limit)).isGreaterThan(Timeouts.defaults().client());
            }
            assertThat(timeOf("keepalive_timeout")).isLessThan(CLIENT_IDLE);
        }
    }

    @Nested
    class HAProxy implements EdgeRequestsContract, EdgeStreamsContract, EdgeLimitsContract {
        @TempDir
        private Path folder;

        @Override
        public String configuration() throws IOException {
            return Files.readString(Edge.HAPROXY);
        }

        @Override
        public Edge edgeOf(URI proxy) throws Exception {
            return Edge.haproxy(loopback, folder, proxy);
        }

        @Test
        void trailers_pass_the_edge() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send(PAGE_WITH_TRAILER);
            });
            var client = clientOf(edgeOf(proxyOf(upstream.target())));

            String response = client.sendRequest("GET /", "Connection: close").receiveToEnd();

            assertThat(response).contains("page").containsIgnoringCase("X-Sum: 4");
        }

        @Test
        void slow_heads_of_one_client_leave_connections_for_others() throws Exception {
            var upstream = loopback.upstream(ok().body("page"));
            var edge = edgeOf(proxyOf(targetOf(upstream)));
            List<RawConnection> heads = new ArrayList<>();

            for (int i = 0; i < Edge.CLIENT_LIMIT; i++) heads.add(clientOf(edge).send("GET / HTTP/1.1\r\n"));
            assertThatThrownBy(() -> clientOf(edge).send("GET / HTTP/1.1\r\n"))
                    .as("one more")
                    .isInstanceOf(IOException.class);

            var another = clientOf(edge, "127.0.0.2").sendRequest("GET /").receiveResponse();
            assertThat(another.body()).isEqualTo("page");
            for (RawConnection head : heads)
                assertThat(head.receivesNothingFor(Duration.ofMillis(1)))
                        .as("it may go on")
                        .isTrue();
        }

        @Test
        void interim_responses_pass_the_edge() throws Exception {
            var upstream = loopback.scripted(connection -> {
                connection.receiveRequest();
                connection.send("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
                        + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage");
            });
            var client = clientOf(edgeOf(proxyOf(upstream.target())));

            var hint = client.sendRequest("GET /").receiveResponse();
            var page = client.receiveResponse();

            assertThat(hint.status()).isEqualTo(103);
            assertThat(page.status()).isEqualTo(200);
            assertThat(page.body()).isEqualTo("page");
        }

        @Test
        void each_limit_is_on_the_right_side_of_the_proxys_own() throws Exception {
            assertThat(timeOf("timeout server"))
                    .isGreaterThan(Timeouts.defaults().response())
                    .isGreaterThan(Timeouts.defaults().stream());
            assertThat(timeOf("timeout tunnel"))
                    .isGreaterThan(Timeouts.defaults().upgraded());
            assertThat(timeOf("timeout client"))
                    .isGreaterThan(Timeouts.defaults().client());
        }
    }
}
