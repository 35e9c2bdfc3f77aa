package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import pitfalls.support.Gate;
import pitfalls.support.RawMessage;

/** What flows through an edge as it comes: events, uploads, upgraded connections. */
interface EdgeStreamsContract extends EdgeContract {

    @Test
    default void the_first_event_arrives_before_the_second_exists() throws Exception {
        var headArrived = new Gate("the client has received the head");
        var firstArrived = new Gate("the client has received the first event");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + "Content-Type: text/event-stream\r\n\r\n");
            headArrived.await();
            connection.send("3\r\none\r\n");
            firstArrived.await();
            connection.send("3\r\ntwo\r\n0\r\n\r\n");
        });
        var client = clientOf(edgeOf(proxyOf(upstream.target())));

        var head = new RawMessage(client.sendRequest("GET /events").receiveHead(), "", true);
        headArrived.open();
        String first = client.receiveChunk();
        firstArrived.open();
        var rest = client.receiveBodyOf(head);

        assertThat(head.field("Content-Type")).containsExactly("text/event-stream");
        assertThat(first).isEqualTo("one");
        assertThat(rest.body()).isEqualTo("two");
        assertThat(rest.complete()).isTrue();
    }

    @Test
    default void a_client_that_leaves_a_quiet_stream_frees_the_upstream() throws Exception {
        var freed = new Gate("the upstream is free");
        var upstream = loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
            connection.awaitEnd();
            freed.open();
        });
        var client = clientOf(edgeOf(proxyOf(upstream.target())));

        client.sendRequest("GET /events").receiveHead();
        client.receiveChunk();
        client.close();

        freed.await();
    }

    @Test
    default void an_upgrade_passes_in_both_directions() throws Exception {
        var upstream = loopback.scripted(connection -> {
            assertThat(connection.receiveRequest().field("Upgrade")).containsExactly("chat/2");
            connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat/2\r\n\r\n");
            connection.send("welcome");
            assertThat(connection.receive(5)).isEqualTo("hello");
            connection.send("bye");
        });
        var client = clientOf(edgeOf(proxyOf(upstream.target())));

        var response = client.sendRequest("GET /chat", "Connection: Upgrade", "Upgrade: chat/2")
                .receiveResponse();
        String welcome = client.receive(7);
        client.send("hello");
        String bye = client.receive(3);

        assertThat(response.status()).isEqualTo(101);
        assertThat(List.of(welcome, bye)).containsExactly("welcome", "bye");
    }

    @Test
    default void the_beginning_of_an_upload_arrives_before_its_end_exists() throws Exception {
        var beginningArrived = new Gate("the upstream has received the beginning");
        var upstream = loopback.scripted(connection -> {
            connection.receiveHead();
            String beginning = connection.receiveChunk();
            beginningArrived.open();
            String end = connection.receiveChunk() + connection.receiveChunk();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" + beginning + end);
        });
        var client = clientOf(edgeOf(proxyOf(upstream.target())));

        client.sendRequest("POST /", "Transfer-Encoding: chunked").send("3\r\none\r\n");
        beginningArrived.await();
        var response = client.send("3\r\ntwo\r\n0\r\n\r\n").receiveResponse();

        assertThat(response.body()).isEqualTo("onetwo");
    }
}
