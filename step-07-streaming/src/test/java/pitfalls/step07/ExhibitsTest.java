package pitfalls.step07;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.step07.StreamingContract.A_WHILE;
import static pitfalls.step07.StreamingContract.CHUNKED;

import java.util.List;
import java.util.zip.Inflater;
import org.eclipse.jetty.compression.gzip.GzipCompression;
import org.eclipse.jetty.compression.gzip.GzipEncoderConfig;
import org.eclipse.jetty.compression.server.CompressionHandler;
import org.eclipse.jetty.ee10.proxy.ProxyServlet;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.HttpConfiguration;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.ScriptedUpstream;

/** Two of the neighbours of the proxy, which hold back what it would let flow; and what makes them let go. */
class ExhibitsTest {

    /** The proxy of the servlet world, of jetty-ee10-proxy. */
    @Nested
    class ProxyServlet_of_ee10 implements LoopbackTest {

        @Test
        void an_event_stream_arrives_whole_when_it_ends() throws Exception {
            var wasSilent = new Gate("the client has received nothing for a while");
            var client = loopback.connect(loopback.serve(proxyServlet(events(wasSilent))));

            client.sendRequest("GET /events");
            boolean silent = client.receivesNothingFor(A_WHILE);
            wasSilent.open();
            var response = client.receiveResponse();

            assertThat(silent).isTrue();
            assertThat(response.field("Content-Length")).containsExactly("6");
            assertThat(response.body()).isEqualTo("onetwo");
        }

        @Test
        void without_output_aggregation_it_flows() throws Exception {
            var firstArrived = new Gate("the client has received the first event");
            var http = new HttpConfiguration();
            http.setOutputAggregationSize(0);
            var client = loopback.connect(loopback.serve(proxyServlet(events(firstArrived)), http));

            client.sendRequest("GET /events").receiveHead();
            String first = client.receiveChunk();
            firstArrived.open();

            assertThat(List.of(first, client.receiveChunk(), client.receiveChunk()))
                    .containsExactly("one", "two", "");
        }

        private ServletContextHandler proxyServlet(ScriptedUpstream upstream) {
            var holder = new ServletHolder(new ProxyServlet.Transparent());
            holder.setInitParameter("proxyTo", upstream.target());
            holder.setAsyncSupported(true);
            var context = new ServletContextHandler();
            context.addServlet(holder, "/*");
            return context;
        }
    }

    /** Jetty's compression in front of the proxy. */
    @Nested
    class A_compression_handler_in_front implements LoopbackTest {

        @Test
        void lines_of_JSON_are_held_back() throws Exception {
            var wasSilent = new Gate("the client has received no line for a while");
            var proxy = new StreamingProxy(lines(wasSilent).target());
            var client = loopback.connect(loopback.serve(compressing(proxy, false)));

            client.sendRequest("GET /lines", "Accept-Encoding: gzip").receiveHead();
            String first = inflated(client.receiveChunk());
            boolean silent = client.receivesNothingFor(A_WHILE);
            wasSilent.open();
            receiveToLastChunk(client);

            assertThat(first)
                    .as("the head of the gzip format, and nothing in it")
                    .isEmpty();
            assertThat(silent).isTrue();
        }

        @Test
        void with_sync_flush_they_flow() throws Exception {
            var firstArrived = new Gate("the client has received the first line");
            var proxy = new StreamingProxy(lines(firstArrived).target());
            var client = loopback.connect(loopback.serve(compressing(proxy, true)));

            client.sendRequest("GET /lines", "Accept-Encoding: gzip").receiveHead();
            String gzip = client.receiveChunk();
            while (inflated(gzip).isEmpty()) gzip += client.receiveChunk();
            firstArrived.open();
            receiveToLastChunk(client);

            assertThat(inflated(gzip)).isEqualTo("{}\n");
        }

        private CompressionHandler compressing(StreamingProxy proxy, boolean syncFlush) {
            var encoder = new GzipEncoderConfig();
            encoder.setSyncFlush(syncFlush);
            var gzip = new GzipCompression();
            gzip.setDefaultEncoderConfig(encoder);
            var handler = new CompressionHandler(proxy);
            handler.putCompression(gzip);
            return handler;
        }
    }

    private static ScriptedUpstream events(Gate beforeTheSecond) throws Exception {
        return stream("text/event-stream", "one", "two", beforeTheSecond);
    }

    private static ScriptedUpstream lines(Gate beforeTheSecond) throws Exception {
        return stream("application/x-ndjson", "{}\n", "[]\n", beforeTheSecond);
    }

    private static ScriptedUpstream stream(String type, String first, String second, Gate between) throws Exception {
        return LoopbackTest.loopback.scripted(connection -> {
            connection.receiveRequest();
            connection.send(CHUNKED + "Content-Type: " + type + "\r\n\r\n");
            sendChunk(connection, first);
            between.await();
            sendChunk(connection, second);
            connection.send("0\r\n\r\n");
        });
    }

    private static void sendChunk(RawConnection connection, String content) throws Exception {
        connection.send(Integer.toHexString(content.length()) + "\r\n" + content + "\r\n");
    }

    private static void receiveToLastChunk(RawConnection client) throws Exception {
        for (String chunk = "first"; !chunk.isEmpty(); ) chunk = client.receiveChunk();
    }

    /** What can be read of a gzip stream so far. */
    private static String inflated(String gzip) throws Exception {
        byte[] bytes = gzip.getBytes(ISO_8859_1);
        int head = 10;
        var inflater = new Inflater(true);
        inflater.setInput(bytes, head, bytes.length - head);
        byte[] text = new byte[100];
        return new String(text, 0, inflater.inflate(text), UTF_8);
    }
}
