package pitfalls.step02;

import java.nio.ByteBuffer;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/**
 * The response to the client, as the handlers in front of the proxy want it, which knows whether anything was passed to them. They may
 * keep it: what Jetty's {@code BufferedResponseHandler} holds back is not committed, and still cannot be taken back. Where that would be
 * in the way of an error, {@link #bypassHandlers} leads past them.
 */
final class ClientResponse extends Response.Wrapper {
    private volatile boolean begun;
    private volatile Response direct;

    ClientResponse(Request clientToProxyRequest, Response proxyToClientResponse) {
        super(clientToProxyRequest, proxyToClientResponse);
    }

    /** Whether a part of an upstream's response was passed on, which the client need not have. */
    boolean isBegun() {
        return begun;
    }

    /** From now on, all goes to the response that Jetty itself made for the request. */
    void bypassHandlers() {
        Response response = getWrapped();
        while (response instanceof Response.Wrapper wrapper) response = wrapper.getWrapped();
        direct = response;
    }

    /** Whether the handlers in front do not get what is written. */
    boolean bypassesHandlers() {
        return direct != null;
    }

    @Override
    public Response getWrapped() {
        return direct != null ? direct : super.getWrapped();
    }

    @Override
    public void write(boolean last, ByteBuffer content, Callback callback) {
        begun = true;
        super.write(last, content, callback);
    }
}
