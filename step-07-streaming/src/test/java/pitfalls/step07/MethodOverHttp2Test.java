package pitfalls.step07;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.server.HttpConfiguration;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.LoopbackTest;

/** A method over HTTP/2 can have a space in it. Over HTTP/1.1, the upstream would take what follows it for the target. */
class MethodOverHttp2Test implements LoopbackTest {

    @TestFactory
    Stream<DynamicTest> a_method_that_would_break_the_request_line_is_a_400_and_reaches_nobody() {
        return Stream.of("GET /a HTTP/1.1", "G ET", "@GET", "G\tET")
                .map(method -> DynamicTest.dynamicTest(method, () -> {
                    var upstream = loopback.scripted(connection -> connection.ended());
                    var http2 = new HTTP2CServerConnectionFactory(new HttpConfiguration());
                    var server = loopback.serve(new StreamingProxy(upstream.target()), http2);

                    var request = new Http2Request(server, method, HttpFields.EMPTY);

                    assertThat(request.status()).isEqualTo(400);
                    assertThat(upstream.connections()).isZero();
                }));
    }
}
