package pitfalls.step07;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;
import pitfalls.support.LoopbackTest;

class FramedRequestTest implements LoopbackTest {
    private final LinkedBlockingQueue<String> seen = new LinkedBlockingQueue<>();

    @Test
    void who_asks_before_reading_is_told_of_the_part_that_is_there() throws Exception {
        var server = serve(request -> request.demand(() -> {
            Request framed = FramedRequest.of(request);
            framed.demand(() -> seen.add(BufferUtil.toString(framed.read().getByteBuffer(), UTF_8)));
        }));

        new Http2Request(server, HttpFields.EMPTY).send("abc", false);

        assertThat(seen.poll(5, TimeUnit.SECONDS)).isEqualTo("abc");
    }

    @Test
    void a_body_whose_length_is_0_needs_no_chunks() throws Exception {
        var server = serve(
                request -> seen.add("" + FramedRequest.of(request).getHeaders().get(HttpHeader.TRANSFER_ENCODING)));

        new Http2Request(server, HttpFields.build().put(HttpHeader.CONTENT_LENGTH, 0L));

        assertThat(seen.poll(5, TimeUnit.SECONDS)).isEqualTo("null");
    }

    /** Looks at a request that is never answered. */
    interface Look {
        void at(Request request);
    }

    private static URI serve(Look look) throws Exception {
        var handler = new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                look.at(request);
                return true;
            }
        };
        return loopback.serve(handler, new HTTP2CServerConnectionFactory(new HttpConfiguration()));
    }
}
