package pitfalls.support;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/**
 * The sockets of a test's clients and upstreams, and the connectors of its proxies. The lab replaces them by ones that record
 * what passes: {@link Loopback#use}.
 */
public interface Wire {
    /** The sockets as they come. */
    Wire PLAIN = new Wire() {};

    /** A client's connection to that server. */
    default Socket connect(String host, int port) throws IOException {
        return new Socket(host, port);
    }

    /** Where an upstream listens; it is not bound yet. */
    default ServerSocket listen() throws IOException {
        return new ServerSocket();
    }

    /** Where an upstream listens, on any free port of that address. */
    default ServerSocket listen(InetAddress address, int backlog) throws IOException {
        var socket = listen();
        socket.bind(new InetSocketAddress(address, 0), backlog);
        return socket;
    }

    /** Where a proxy is served. */
    default ServerConnector newConnector(Server server, ConnectionFactory... protocols) {
        return new ServerConnector(server, 1, 1, protocols);
    }
}
