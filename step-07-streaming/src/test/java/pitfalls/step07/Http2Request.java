package pitfalls.step07;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.http2.api.Session;
import org.eclipse.jetty.http2.api.Stream;
import org.eclipse.jetty.http2.client.HTTP2Client;
import org.eclipse.jetty.http2.frames.DataFrame;
import org.eclipse.jetty.http2.frames.HeadersFrame;
import org.eclipse.jetty.http2.frames.ResetFrame;
import org.eclipse.jetty.util.Callback;
import pitfalls.support.LoopbackTest;

/** A POST over HTTP/2 whose body comes when the test sends it, and ends when the test says so. */
final class Http2Request {
    private final CompletableFuture<Integer> status = new CompletableFuture<>();
    private final Stream stream;

    /** Sends the head alone, on a connection of its own. */
    Http2Request(URI server, HttpFields fields) throws Exception {
        this(connect(server), server, "POST", fields);
    }

    /** The same with another method. */
    Http2Request(URI server, String method, HttpFields fields) throws Exception {
        this(connect(server), server, method, fields);
    }

    /** Sends the head alone, on a connection that may have other requests. */
    Http2Request(Session session, URI server, HttpFields fields) throws Exception {
        this(session, server, "POST", fields);
    }

    private Http2Request(Session session, URI server, String method, HttpFields fields) throws Exception {
        var request = new MetaData.Request(method, HttpURI.from(server + "/x"), HttpVersion.HTTP_2, fields);
        stream = session.newStream(new HeadersFrame(request, null, false), new Stream.Listener() {
                    @Override
                    public void onHeaders(Stream stream, HeadersFrame frame) {
                        if (frame.getMetaData() instanceof MetaData.Response response)
                            status.complete(response.getStatus());
                    }

                    @Override
                    public void onReset(Stream stream, ResetFrame frame, Callback callback) {
                        status.completeExceptionally(new IllegalStateException("reset: " + frame));
                        callback.succeeded();
                    }
                })
                .get(5, TimeUnit.SECONDS);
    }

    /** A connection to that server. */
    static Session connect(URI server) throws Exception {
        var client = LoopbackTest.loopback.started(new HTTP2Client());
        var address = new InetSocketAddress(server.getHost(), server.getPort());
        return client.connect(address, new Session.Listener() {}).get(5, TimeUnit.SECONDS);
    }

    /** Sends a piece of the body. */
    Http2Request send(String text, boolean last) throws Exception {
        stream.data(new DataFrame(stream.getId(), ByteBuffer.wrap(text.getBytes(UTF_8)), last))
                .get(5, TimeUnit.SECONDS);
        return this;
    }

    /** The status of the response, once it is there. */
    int status() throws Exception {
        return status.get(5, TimeUnit.SECONDS);
    }
}
