package pitfalls.step07.http2;

import org.eclipse.jetty.client.Request;
import org.eclipse.jetty.http2.api.Stream;

/** The limit for the stream of a request, where a request over HTTP/1.1 has that of its connection. */
public final class StreamLimit {
    private static final String ATTRIBUTE = StreamLimit.class.getName();

    private StreamLimit() {}

    /** The request has got its stream. */
    static void ofRequest(Request proxyToServerRequest, Stream stream) {
        proxyToServerRequest.attribute(ATTRIBUTE, stream);
    }

    /**
     * Sets how long nothing may come on the stream of this request, from now on.
     *
     * @param proxyToServerRequest a request over HTTP/2; before it was sent, this has no effect
     * @param milliseconds zero is no limit
     */
    public static void set(Request proxyToServerRequest, long milliseconds) {
        if (proxyToServerRequest.getAttributes().get(ATTRIBUTE) instanceof Stream stream)
            stream.setIdleTimeout(milliseconds);
    }
}
