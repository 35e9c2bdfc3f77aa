package pitfalls.step07;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.step07.StreamingContract.A_WHILE;
import static pitfalls.step07.StreamingContract.CHUNKED;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.Inflater;
import org.eclipse.jetty.compression.gzip.GzipCompression;
import org.eclipse.jetty.compression.gzip.GzipEncoderConfig;
import org.eclipse.jetty.compression.server.CompressionHandler;
import org.eclipse.jetty.ee10.proxy.ProxyServlet;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.io.content.ByteBufferContentSource;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.Slow;

/** Neighbours of the proxy: two that hold back what it would let flow, and those that change or take a body on its way. */
@Slow
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

        @TestFactory
        Stream<DynamicTest> a_request_that_it_unpacks_arrives_whole() {
            String text = "a line of many\n".repeat(1000);
            byte[] packed = packed(text);
            return Stream.of("Content-Length: " + packed.length, "Transfer-Encoding: chunked")
                    .map(framing -> DynamicTest.dynamicTest(framing.split(":")[0], () -> {
                        var seen = new LinkedBlockingQueue<RawMessage>();
                        var upstream = loopback.scripted(connection -> {
                            seen.add(connection.receiveRequest());
                            connection.send("HTTP/1.1 204 No Content\r\n\r\n");
                        });
                        var client = loopback.connect(
                                loopback.serve(compressing(new StreamingProxy(upstream.target()), true)));
                        boolean chunked = framing.endsWith("chunked");

                        client.sendRequest("POST /x", "Content-Encoding: gzip", framing);
                        if (chunked) client.send(Integer.toHexString(packed.length) + "\r\n");
                        client.send(packed);
                        if (chunked) client.send("\r\n0\r\n\r\n");
                        client.receiveResponse();

                        RawMessage request = seen.remove();
                        assertThat(request.body()).isEqualTo(text);
                        assertThat(request.field("Transfer-Encoding")).containsExactly("chunked");
                        assertThat(request.fieldNames()).doesNotContain("Content-Encoding", "Content-Length");
                    }));
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

    /** A handler in front of the proxy that reads a body, to look for a password in it for instance. */
    @Nested
    class A_handler_in_front_that_reads_the_body implements LoopbackTest {
        private final LinkedBlockingQueue<String> read = new LinkedBlockingQueue<>();

        @Test
        void a_body_that_was_read_is_waited_for_by_the_upstream() throws Exception {
            var seen = new LinkedBlockingQueue<RawMessage>();
            var upstream = loopback.scripted(connection -> seen.add(connection.receiveRequest()));
            var proxy = new StreamingProxy(upstream.target());
            proxy.setTimeouts(Timeouts.defaults().withResponse(A_WHILE));
            var client = loopback.connect(loopback.serve(reading(proxy)));

            var response = client.sendRequest("POST /x", "Content-Length: 3")
                    .send("abc")
                    .receiveResponse();

            assertThat(response.status()).isEqualTo(504);
            RawMessage request = seen.poll(5, TimeUnit.SECONDS);
            assertThat(request.field("Content-Length")).containsExactly("3");
            assertThat(request.body()).isEmpty();
            assertThat(read).containsExactly("abc");
        }

        @Test
        void a_body_without_a_length_arrives_empty() throws Exception {
            var upstream = loopback.upstream(ok());
            var client = loopback.connect(loopback.serve(reading(new StreamingProxy(targetOf(upstream)))));

            client.sendRequest("POST /x", "Transfer-Encoding: chunked")
                    .send("3\r\nabc\r\n0\r\n\r\n")
                    .receiveResponse();

            assertThat(received(upstream).getBodySize()).isZero();
            assertThat(read).containsExactly("abc");
        }

        @Test
        void a_body_that_is_put_back_arrives() throws Exception {
            var upstream = loopback.upstream(ok());
            var proxy = new StreamingProxy(targetOf(upstream));
            var client = loopback.connect(loopback.serve(new Handler.Wrapper(proxy) {
                @Override
                public boolean handle(Request request, Response response, Callback callback) throws Exception {
                    var body = new ByteBufferContentSource(Content.Source.asByteBuffer(request));
                    return super.handle(
                            new Request.Wrapper(request) {
                                @Override
                                public Content.Chunk read() {
                                    return body.read();
                                }

                                @Override
                                public void demand(Runnable task) {
                                    body.demand(task);
                                }
                            },
                            response,
                            callback);
                }
            }));

            client.sendRequest("POST /x", "Content-Length: 3").send("abc").receiveResponse();

            assertThat(received(upstream).getBody().utf8()).isEqualTo("abc");
        }

        private Handler reading(StreamingProxy proxy) {
            return new Handler.Wrapper(proxy) {
                @Override
                public boolean handle(Request request, Response response, Callback callback) throws Exception {
                    read.add(Content.Source.asString(request));
                    return super.handle(request, response, callback);
                }
            };
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

    private static byte[] packed(String text) {
        var bytes = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(bytes)) {
            gzip.write(text.getBytes(ISO_8859_1));
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
        return bytes.toByteArray();
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
