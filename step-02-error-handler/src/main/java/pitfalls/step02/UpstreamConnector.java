package pitfalls.step02;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import javax.net.ssl.SSLEngine;
import org.eclipse.jetty.client.transport.internal.HttpConnectionOverHTTP;
import org.eclipse.jetty.io.ClientConnectionFactory;
import org.eclipse.jetty.io.ClientConnector;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.ssl.SslClientConnectionFactory;
import org.eclipse.jetty.io.ssl.SslConnection;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.util.thread.Scheduler;

/**
 * Connects to upstreams, and tells a connection that was closed from one that broke. It matters for a response without a
 * length, whose end is the end of its connection (RFC 9112, sections 6.3 and 9.8). Jetty takes a reset for that end too, and
 * also the end of a TLS connection without its {@code close_notify}, which anybody on the way could bring about.
 *
 * <p>Only a connection that serves a request fails like this. An idle one may end in any way, and the pool lets go of it.
 */
final class UpstreamConnector extends ClientConnector {

    @Override
    protected EndPoint newEndPoint(SelectableChannel channel, ManagedSelector selector, SelectionKey key) {
        return new UpstreamEndPoint((SocketChannel) channel, selector, key, getScheduler());
    }

    /** For {@link UpstreamTransport#readToEnd}. */
    static void readToEnd(EndPoint endPoint) {
        EndPoint socket = endPoint;
        while (socket instanceof EndPoint.Wrapper wrapper) socket = wrapper.unwrap(); // TLS
        ((UpstreamEndPoint) socket).isReadToEnd = true;
    }

    private static final class UpstreamEndPoint extends TimedEndPoint {
        private volatile boolean isReadToEnd;

        private UpstreamEndPoint(SocketChannel channel, ManagedSelector selector, SelectionKey key, Scheduler timer) {
            super(channel, selector, key, timer);
        }

        /** Where the connection broke, that is told when it is read again, behind what has arrived before. */
        @Override
        public boolean flush(ByteBuffer... buffers) throws IOException {
            try {
                return super.flush(buffers);
            } catch (EofException broken) {
                if (!isReadToEnd || !isOpen() || isOutputShutdown()) throw broken;
                for (ByteBuffer lost : buffers) BufferUtil.clear(lost);
                return true;
            }
        }

        /** Called for a FIN and for an RST alike. A channel that was reset says so again when it is read again. */
        @Override
        protected void doShutdownInput() {
            if (!isInUse()) return;
            try {
                getChannel().read(ByteBuffer.allocate(1));
            } catch (IOException reset) {
                throw new UncheckedIOException(reset);
            }
        }

        private boolean isInUse() {
            var connection = getConnection();
            if (connection instanceof SslConnection tls)
                connection = tls.getSslEndPoint().getConnection();
            return connection instanceof HttpConnectionOverHTTP http
                    && http.getHttpChannel().getHttpExchange() != null;
        }
    }

    @Override
    public ClientConnectionFactory newSslClientConnectionFactory(
            SslContextFactory.Client tls, ClientConnectionFactory http) {
        var context = tls == null ? getSslContextFactory() : tls;
        return new SslClientConnectionFactory(context, getByteBufferPool(), getExecutor(), http) {
            @Override
            protected SslConnection newSslConnection(EndPoint endPoint, SSLEngine engine) {
                return new SslConnection(getByteBufferPool(), getExecutor(), context, endPoint, engine, true, true) {
                    @Override
                    public boolean isRequireCloseMessage() {
                        return endPoint instanceof UpstreamEndPoint upstream && upstream.isInUse();
                    }
                };
            }
        };
    }
}
