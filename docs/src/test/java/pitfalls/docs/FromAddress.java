package pitfalls.docs;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import javax.net.SocketFactory;

/** Sockets that connect from an address of loopback other than the first. */
final class FromAddress extends SocketFactory {
    private final String address;
    private final SocketFactory sockets;

    FromAddress(String address, SocketFactory sockets) {
        this.address = address;
        this.sockets = sockets;
    }

    @Override
    public Socket createSocket(String host, int port) throws IOException {
        return createSocket(host, port, InetAddress.getByName(address), 0);
    }

    @Override
    public Socket createSocket(String host, int port, InetAddress local, int localPort) throws IOException {
        return sockets.createSocket(host, port, local, localPort);
    }

    @Override
    public Socket createSocket(InetAddress host, int port) throws IOException {
        return createSocket(host, port, InetAddress.getByName(address), 0);
    }

    @Override
    public Socket createSocket(InetAddress host, int port, InetAddress local, int localPort) throws IOException {
        return sockets.createSocket(host, port, local, localPort);
    }
}
