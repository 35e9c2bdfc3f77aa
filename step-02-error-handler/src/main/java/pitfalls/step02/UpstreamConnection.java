package pitfalls.step02;

import java.nio.ByteBuffer;
import java.util.Map;
import org.eclipse.jetty.client.transport.HttpExchange;
import org.eclipse.jetty.client.transport.internal.HttpChannelOverHTTP;
import org.eclipse.jetty.client.transport.internal.HttpConnectionOverHTTP;
import org.eclipse.jetty.client.transport.internal.HttpReceiverOverHTTP;
import org.eclipse.jetty.client.transport.internal.HttpSenderOverHTTP;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.NanoTime;

/**
 * A connection to an upstream that serves the next request only if the upstream has sent nothing behind the last response: no
 * byte, which would be taken for a part of the next response, and no end. Jetty gives a connection back to the pool before it
 * has looked; then two threads may use it at once, and the buffer of one request comes into the hands of another.
 *
 * <p>If it ends while a request's body is being sent, it still passes on a response that the upstream has sent before.
 */
final class UpstreamConnection extends HttpConnectionOverHTTP implements KeptConnection {
    private final long opened = NanoTime.now();
    private final Object lock = new Object();
    private boolean mayBeReleased;
    private volatile boolean hasRemainder;
    private volatile boolean hasFailedToSend;
    private volatile long bytesOfResponses;

    UpstreamConnection(EndPoint endPoint, Map<String, Object> context) {
        super(endPoint, context);
    }

    @Override
    protected HttpChannelOverHTTP newHttpChannel() {
        return new HttpChannelOverHTTP(this) {
            @Override
            protected HttpSenderOverHTTP newHttpSender() {
                return new Sender(this);
            }

            @Override
            protected HttpReceiverOverHTTP newHttpReceiver() {
                return new Receiver(this);
            }

            /**
             * Called when a request has failed, to ask whether its response should be waited for. An upstream may answer without
             * reading the body, and close: what it has sent before is still there to be read, and then the end.
             */
            @Override
            public boolean isLastDataReceived() {
                return hasFailedToSend;
            }
        };
    }

    @Override
    public boolean isUnansweredSince(long nanoTime) {
        return NanoTime.isBefore(opened, nanoTime) && getBytesIn() == bytesOfResponses;
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

    private final class Sender extends HttpSenderOverHTTP {
        private Sender(HttpChannelOverHTTP channel) {
            super(channel);
        }

        /** Called for the parts of a body that do not go out with the head. */
        @Override
        protected void sendContent(HttpExchange exchange, ByteBuffer content, boolean last, Callback callback) {
            super.sendContent(exchange, content, last, new Callback.Nested(callback) {
                @Override
                public void failed(Throwable failure) {
                    hasFailedToSend = true;
                    super.failed(failure);
                }
            });
        }
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
            if (isFinal) bytesOfResponses = getBytesIn();
            return super.messageComplete();
        }
    }
}
