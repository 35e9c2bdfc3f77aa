package pitfalls.docs;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.eclipse.jetty.util.component.AbstractLifeCycle;

/** An upstream that does as a row of {@code docs/beside-others.md} wants. */
final class RowUpstream extends AbstractLifeCycle {
    /** What it does with a connection. */
    interface Script {
        void serve(Socket socket, InputStream in) throws Exception;
    }

    private final Script script;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private ServerSocket server;

    /** An upstream that is not started yet. */
    RowUpstream(Script script) {
        this.script = script;
    }

    /** Where it listens. */
    String authority() {
        return ServerProcess.authorityOf((InetSocketAddress) server.getLocalSocketAddress());
    }

    @Override
    protected void doStart() throws IOException {
        server = new ServerSocket(0, 4096, InetAddress.getByName("127.0.0.1"));
        threads.execute(this::accept);
    }

    private void accept() {
        try {
            while (true) {
                Socket socket = server.accept();
                sockets.add(socket);
                threads.execute(() -> serve(socket));
            }
        } catch (IOException x) {
            // it is stopped
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            socket.setTcpNoDelay(true);
            script.serve(socket, new BufferedInputStream(socket.getInputStream(), 1024));
        } catch (Exception left) {
            // by the proxy
        } finally {
            sockets.remove(socket);
        }
    }

    @Override
    protected void doStop() throws IOException {
        server.close();
        for (Socket socket : sockets) socket.close();
        threads.shutdownNow();
    }
}
