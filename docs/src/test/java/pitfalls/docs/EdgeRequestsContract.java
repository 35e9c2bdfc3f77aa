package pitfalls.docs;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;
import pitfalls.step04.RetryPolicy;
import pitfalls.support.RawConnection;

/** What an edge does with a request and its response: protocols, who the client is, heads, failures. */
interface EdgeRequestsContract extends EdgeContract {

    @Test
    default void a_page_is_served_over_TLS() throws Exception {
        var upstream = loopback.upstream(ok().body("page"));
        var client = clientOf(edgeOf(proxyOf(targetOf(upstream))));

        var response = client.sendRequest("GET /a/./b;c=1/caf%C3%A9?d=%2F&e").receiveResponse();

        assertThat(response.status()).isEqualTo(200);
        assertThat(response.body()).isEqualTo("page");
        assertThat(received(upstream).getTarget()).isEqualTo("/a/./b;c=1/caf%C3%A9?d=%2F&e");
    }

    @Test
    default void a_page_is_served_over_HTTP_2() throws Exception {
        var upstream = loopback.upstream(ok().body("page"));
        URI url = edgeOf(proxyOf(targetOf(upstream))).url();
        var client =
                HttpClient.newBuilder().sslContext(Edge.CLIENT.sslContext()).build();

        var response = client.send(HttpRequest.newBuilder(url).build(), BodyHandlers.ofString());

        assertThat(response.version()).isEqualTo(HttpClient.Version.HTTP_2);
        assertThat(response.body()).isEqualTo("page");
        assertThat(received(upstream).getHeaders().get("X-Forwarded-Host")).isEqualTo(url.getAuthority());
    }

    @Test
    default void the_upstream_sees_the_client_and_then_the_edge() throws Exception {
        var upstream = loopback.upstream(ok().body("page"));
        int port = edgeOf(proxyOf(targetOf(upstream))).url().getPort();

        try (var client =
                Edge.CLIENT.sslSocketFactory().createSocket("127.0.0.1", port, InetAddress.getByName("127.0.0.2"), 0)) {
            client.getOutputStream()
                    .write("GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n".getBytes(UTF_8));
            assertThat(new String(client.getInputStream().readAllBytes(), UTF_8))
                    .endsWith("page");
        }

        var fields = received(upstream).getHeaders();
        assertThat(fields.values("X-Forwarded-For")).containsExactly("127.0.0.2, 127.0.0.1");
        assertThat(fields.values("X-Forwarded-Host")).containsExactly("shop.example");
        assertThat(fields.values("X-Forwarded-Proto")).containsExactly("https");
        assertThat(fields.values("Forwarded"))
                .containsExactly("for=127.0.0.2;proto=https, for=127.0.0.1;host=\"shop.example\";proto=http");
    }

    @Test
    default void what_a_client_says_of_itself_ends_at_the_edge() throws Exception {
        var upstream = loopback.upstream(ok().body("page"));
        var client = clientOf(edgeOf(proxyOf(targetOf(upstream))));

        client.sendRequest(
                        "GET /",
                        "X-Forwarded-For: 10.6.6.6",
                        "X-Forwarded-For: 10.6.6.7",
                        "X_Forwarded_For: 10.6.6.6",
                        "X-Forwarded-Host: 10.6.6.6",
                        "X-Forwarded-Proto: 10.6.6.6",
                        "X-Forwarded-Port: 10.6.6.6",
                        "X-Forwarded-Prefix: 10.6.6.6",
                        "X-Forwarded-Server: 10.6.6.6",
                        "X-Forwarded-Ssl: 10.6.6.6",
                        "Forwarded: for=10.6.6.6")
                .receiveResponse();

        var fields = received(upstream).getHeaders();
        assertThat(fields.get("X-Forwarded-For")).isEqualTo("127.0.0.1, 127.0.0.1");
        assertThat(fields.toString()).doesNotContain("10.6.6.");
    }

    @Test
    default void the_body_of_a_POST_arrives() throws Exception {
        var upstream = loopback.upstream(ok().body("stored"));
        var client = clientOf(edgeOf(proxyOf(targetOf(upstream))));
        String body = "x".repeat(2 << 20);

        var response = client.sendRequest("POST /", "Content-Length: " + body.length())
                .send(body)
                .receiveResponse();

        assertThat(response.body()).isEqualTo("stored");
        var request = received(upstream);
        assertThat(request.getMethod()).isEqualTo("POST");
        assertThat(request.getBody().string(UTF_8)).isEqualTo(body);
    }

    @Test
    default void a_response_head_of_12_KiB_passes() throws Exception {
        String cookie = "x".repeat(12 << 10);
        var upstream = loopback.upstream(ok().addHeader("Set-Cookie", cookie).body("page"));
        var client = clientOf(edgeOf(proxyOf(targetOf(upstream))));

        var response = client.sendRequest("GET /").receiveResponse();

        assertThat(response.field("Set-Cookie")).containsExactly(cookie);
        assertThat(response.body()).isEqualTo("page");
    }

    @Test
    default void a_request_head_of_12_KiB_passes() throws Exception {
        var upstream = loopback.upstream(ok().body("page"));
        var client = clientOf(edgeOf(proxyOf(targetOf(upstream))));
        String half = "x".repeat(6 << 10);

        var response =
                client.sendRequest("GET /", "X-One: " + half, "X-Two: " + half).receiveResponse();

        assertThat(response.body()).isEqualTo("page");
        assertThat(received(upstream).getHeaders().get("X-Two")).isEqualTo(half);
    }

    @Test
    default void the_edge_passes_on_how_the_proxy_tells_a_failure() throws Exception {
        var upstream = loopback.scripted(RawConnection::receiveRequest);
        var twice = RetryPolicy.idempotent().withAttempts(2);
        var client = clientOf(edgeOf(proxyOf(upstream.target(), twice)));

        var response = client.sendRequest("GET /").receiveResponse();

        assertThat(response.status()).isEqualTo(502);
        assertThat(response.field("Content-Type")).containsExactly("application/problem+json");
        assertThat(response.field("Proxy-Status")).hasSize(1);
        assertThat(upstream.connections()).isEqualTo(2);
    }

    @Test
    default void the_edge_keeps_its_connections_and_sends_nothing_twice() throws Exception {
        var requests = new ConcurrentLinkedQueue<String>();
        var proxy = loopback.scripted(connection -> {
            requests.add(connection.receiveRequest().target());
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage");
            requests.add(connection.receiveRequest().target());
        });
        var client = clientOf(edgeOf(URI.create(proxy.target())));

        client.sendRequest("GET /served").receiveResponse();
        String answer = client.sendRequest("GET /dropped", "Connection: close").receiveToEnd();

        assertThat(answer).matches("|(?s)HTTP/1.1 502 .*");
        assertThat(requests).containsExactly("/served", "/dropped");
        assertThat(proxy.connections()).isEqualTo(1);
    }
}
