package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import pitfalls.support.LoopbackTest;

/** These tests run, as all do, in 64 MiB of heap. */
class LargeBodyTest implements LoopbackTest {
    private static final long LENGTH = Long.getLong("large.body", 1 << 28);
    private static final byte[] BLOCK = new byte[1 << 18];

    @Test
    void a_body_larger_than_the_heap_passes_from_the_upstream() throws Exception {
        assertThat(Runtime.getRuntime().maxMemory()).isLessThan(LENGTH);
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + LENGTH + "\r\n\r\n");
            for (long sent = 0; sent < LENGTH; sent += BLOCK.length) connection.send(BLOCK);
            connection.receiveRequest();
            connection.send("HTTP/1.1 204 No Content\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(new StreamingProxy(upstream.target())));

        client.sendRequest("GET /large").receiveHead();
        client.skip(LENGTH);

        assertThat(client.sendRequest("GET /x").receiveResponse().status()).isEqualTo(204);
    }

    @Test
    void a_body_larger_than_the_heap_passes_to_the_upstream() throws Exception {
        assertThat(Runtime.getRuntime().maxMemory()).isLessThan(LENGTH);
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            connection.skip(LENGTH);
            connection.send("HTTP/1.1 204 No Content\r\n\r\n");
        });
        var client = loopback.connect(loopback.serve(new StreamingProxy(upstream.target())));

        client.sendRequest("PUT /large", "Content-Length: " + LENGTH);
        for (long sent = 0; sent < LENGTH; sent += BLOCK.length) client.send(BLOCK);

        assertThat(client.receiveResponse().status()).isEqualTo(204);
    }
}
