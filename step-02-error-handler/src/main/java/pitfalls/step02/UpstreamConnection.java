package pitfalls.step02;

import java.util.Map;
import org.eclipse.jetty.client.transport.HttpExchange;
import org.eclipse.jetty.client.transport.internal.HttpChannelOverHTTP;
import org.eclipse.jetty.client.transport.internal.HttpConnectionOverHTTP;
import org.eclipse.jetty.client.transport.internal.HttpReceiverOverHTTP;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.io.EndPoint;

/**
 * A connection to an upstream that serves the next request only if the upstream has sent nothing behind the last response: no
 * byte, which would be taken for a part of the next response, and no end. Jetty gives a connection back to the pool before it
 * has looked; then two threads may use it at once, and the buffer of one request comes into the hands of another.
 */
final class UpstreamConnection extends HttpConnectionOverHTTP {
    private final Object lock = new Object();
    private boolean mayBeReleased;
    private volatile boolean hasRemainder;

    UpstreamConnection(EndPoint endPoint, Map<String, Object> context) {
        super(endPoint, context);
    }

    @Override
    protected HttpChannelOverHTTP newHttpChannel() {
        return new HttpChannelOverHTTP(this) {
            @Override
            protected HttpReceiverOverHTTP newHttpReceiver() {
                return new Receiver(this);
            }
        };
    }

    /** Called when a request and its response are complete. */
    @Override
    public void release() {
        if (hasRemainder) {
            close();
            return;
        }
        boolean hasLooked;
        synchronized (lock) {
            hasLooked = isFillInterested();
            mayBeReleased = !hasLooked;
        }
        if (hasLooked) super.release();
    }

    /** Called when everything was read that the upstream has sent so far. Of anything more, Jetty is told, and closes. */
    @Override
    public void fillInterested() {
        super.fillInterested();
        boolean released;
        synchronized (lock) {
            released = mayBeReleased;
            mayBeReleased = false;
        }
        if (released) super.release();
    }

    private final class Receiver extends HttpReceiverOverHTTP {
        private Receiver(HttpChannelOverHTTP channel) {
            super(channel);
        }

        /**
         * Called at the end of a response. The end of the connection is not the end of a chunked body, even behind the last
         * chunk, for which Jetty takes it (RFC 9112, section 8).
         */
        @Override
        public boolean messageComplete() {
            HttpExchange exchange = getHttpExchange();
            boolean brokeOff = isShutdown()
                    && exchange != null
                    && exchange.getResponse()
                            .getHeaders()
                            .contains(HttpHeader.TRANSFER_ENCODING, HttpHeaderValue.CHUNKED.asString());
            if (brokeOff) {
                earlyEOF();
                return false;
            }
            boolean isFinal = exchange != null && exchange.getResponse().getStatus() >= 200;
            hasRemainder = isFinal && getResponseBuffer().hasRemaining();
            return super.messageComplete();
        }
    }
}
