package pitfalls.program;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.ssl.SslConnection;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.thread.Scheduler;
import pitfalls.step02.TimedEndPoint;

/**
 * The socket of a client's connection. It remembers whose it is, also when it is closed, and counts what the client takes; Jetty counts a
 * buffer only when all of it is written.
 */
final class ClientEndPoint extends TimedEndPoint {
    private final InetAddress address;
    private volatile long sent; // written by one thread at a time

    ClientEndPoint(SocketChannel channel, ManagedSelector selector, SelectionKey key, Scheduler scheduler)
            throws IOException {
        super(channel, selector, key, scheduler);
        address = ((InetSocketAddress) channel.getRemoteAddress()).getAddress();
    }

    /** The end point that a connection has, below TLS if there is any. */
    static EndPoint innermost(Connection connection) {
        EndPoint endPoint = connection.getEndPoint();
        while (endPoint instanceof EndPoint.Wrapper wrapper) endPoint = wrapper.unwrap();
        return endPoint;
    }

    /** The client's. */
    InetAddress address() {
        return address;
    }

    @Override
    public boolean flush(ByteBuffer... buffers) throws IOException {
        long before = BufferUtil.remaining(buffers);
        boolean flushed = super.flush(buffers);
        sent += before - BufferUtil.remaining(buffers);
        return flushed;
    }

    /** How many bytes the kernel has taken for the client so far. */
    long sent() {
        return sent;
    }

    /** Whether there is more to send, and the client has to read first. */
    boolean waitsForReader() {
        return getWriteFlusher().isPending();
    }

    /** Has the write that waits fail, with that cause inside TLS too, which would tell another one. */
    void failWrite(Throwable cause) {
        if (getConnection() instanceof SslConnection tls)
            tls.getSslEndPoint().getWriteFlusher().onFail(cause);
        getWriteFlusher().onFail(cause);
    }
}
