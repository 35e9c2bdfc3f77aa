package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetSocketAddress;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.http2.api.Session;
import org.eclipse.jetty.http2.api.Stream;
import org.eclipse.jetty.http2.client.HTTP2Client;
import org.eclipse.jetty.http2.frames.HeadersFrame;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.server.HttpConfiguration;
import org.junit.jupiter.api.Test;
import pitfalls.step02.ServerErrorHandler;
import pitfalls.support.LogLines;
import pitfalls.support.LoopbackTest;

/** Step 2's {@link ServerErrorHandler} on a server that speaks HTTP/2. */
class ServerErrorsTest implements LoopbackTest {

    @Test
    void a_refusal_of_Jetty_over_HTTP_2_is_answered_by_the_responder_too() throws Exception {
        var proxy = new StreamingProxy(loopback.refusing());
        var server = loopback.serve(proxy, new HTTP2CServerConnectionFactory(new HttpConfiguration()));
        proxy.getServer().setErrorHandler(new ServerErrorHandler(proxy));
        var client = loopback.started(new HTTP2Client());
        var session = client.connect(
                        new InetSocketAddress(server.getHost(), server.getPort()), new Session.Listener() {})
                .get(5, TimeUnit.SECONDS);
        var answer = new CompletableFuture<MetaData.Response>();
        var ambiguous =
                new MetaData.Request("GET", HttpURI.from(server + "/a%2Fb"), HttpVersion.HTTP_2, HttpFields.EMPTY);

        try (var log = LogLines.of("pitfalls")) {
            session.newStream(new HeadersFrame(ambiguous, null, true), new Stream.Listener() {
                @Override
                public void onHeaders(Stream stream, HeadersFrame frame) {
                    if (frame.getMetaData() instanceof MetaData.Response response) answer.complete(response);
                }
            });

            var response = answer.get(5, TimeUnit.SECONDS);

            assertThat(response.getStatus()).isEqualTo(400);
            assertThat(response.getHttpFields().get("Proxy-Status"))
                    .isEqualTo("reverse-proxy; error=http_request_error");
            assertThat(log.lines())
                    .singleElement()
                    .asString()
                    .startsWith("INFO answered 400 http_request_error for GET /a%2Fb to no upstream from 127.0.0.1:"
                            + " refused: ");
        }
    }
}
