package pitfalls.minikv;

import java.io.File;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Ports of loopback that nobody else is given until they are closed. A server that sets {@code SO_REUSEADDR}, as Jetty and gRPC do, can
 * listen on them. Windows shares no port, so there they are free when the test begins, and that is all.
 */
final class Ports implements AutoCloseable {
    private final List<Socket> bound = new ArrayList<>();

    /** The members of a cluster of that many nodes, named from 1, as {@code --members} takes them. */
    String members(int count) throws IOException {
        List<Integer> ports = new ArrayList<>();
        for (int i = 0; i < 2 * count; i++) ports.add(reserve());
        if (File.separatorChar == '\\') close();
        return IntStream.range(0, count)
                .mapToObj(i -> (i + 1) + "=127.0.0.1:" + ports.get(2 * i) + "/127.0.0.1:" + ports.get(2 * i + 1))
                .collect(Collectors.joining(","));
    }

    private int reserve() throws IOException {
        var socket = new Socket();
        bound.add(socket);
        socket.setReuseAddress(true);
        socket.bind(new InetSocketAddress("127.0.0.1", 0));
        return socket.getLocalPort();
    }

    @Override
    public void close() throws IOException {
        for (Socket socket : bound) socket.close();
    }
}
