package pitfalls.program;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Server;
import pitfalls.step02.Exchange;

/**
 * The clients that read a response more slowly than it comes. Each holds a connection to the upstream, until it has taken the rest.
 * They are looked for once a second, so that a request that is answered at once costs nothing.
 *
 * <p>A kernel takes bytes for a client in lumps of some kilobytes. So one that has just begun to be slow has two seconds, and one
 * that was seen to read is judged by the last ten.
 */
final class SlowReaders {
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
    private static final int WINDOW = 10;
    private static final int FEWEST = 2;

    private final int bytesPerSecond;
    private final Map<ClientEndPoint, Reader> readers = new HashMap<>();
    private final Set<Reader> ended = new HashSet<>(); // whose connections are not closed yet

    SlowReaders(int bytesPerSecond) {
        this.bytesPerSecond = bytesPerSecond;
    }

    /** Looks at each connection of that server, whether its client has to read first. */
    synchronized void look(Server server, long now) {
        readers.keySet().removeIf(client -> !client.waitsForReader());
        ended.removeIf(reader -> !reader.client.isOpen());
        if (bytesPerSecond == 0) return;
        for (Connector connector : server.getConnectors()) {
            for (EndPoint endPoint : connector.getConnectedEndPoints()) {
                boolean isReader = endPoint instanceof ClientEndPoint client && client.waitsForReader();
                if (isReader)
                    readers.computeIfAbsent((ClientEndPoint) endPoint, Reader::new)
                            .look(now);
            }
        }
    }

    /** Those of that upstream that are too slow. */
    synchronized Stream<SlowClients.Slow> slowOnes(String upstream, long now) {
        return readers.values().stream()
                .filter(reader -> reader.isSlow(now) && reader.goesTo(upstream))
                .map(SlowClients.Slow.class::cast)
                .toList()
                .stream();
    }

    /** How many of that upstream were ended, and have not given their connection back. */
    synchronized long onTheirWay(String upstream) {
        return ended.stream().filter(reader -> reader.goesTo(upstream)).count();
    }

    /** A connection whose client was seen to keep the proxy waiting. */
    private final class Reader implements SlowClients.Slow {
        private final ClientEndPoint client;
        private final Deque<Look> looks = new ArrayDeque<>(WINDOW + 1);

        private Reader(ClientEndPoint client) {
            this.client = client;
        }

        private void look(long now) {
            looks.addLast(new Look(now, client.sent()));
            if (now - looks.getFirst().at() > WINDOW * SECOND) looks.removeFirst();
        }

        private boolean isSlow(long now) {
            long seconds = (now - looks.getFirst().at()) / SECOND;
            return seconds >= FEWEST && recentBytes(now) < seconds * bytesPerSecond;
        }

        @Override
        public long recentBytes(long now) {
            return client.sent() - looks.getFirst().sent();
        }

        private boolean goesTo(String upstream) {
            if (!(client.getConnection() instanceof ClientConnection connection)) return false;
            Request request = connection.getHttpChannel().getRequest();
            Exchange exchange = request == null ? null : Exchange.of(request);
            return exchange != null && upstream.equals(exchange.upstream());
        }

        @Override
        public void end() {
            synchronized (SlowReaders.this) {
                readers.remove(client);
                ended.add(this);
            }
            client.failWrite(new TimeoutException("less than " + bytesPerSecond
                    + " bytes a second were read, and others were waiting for a connection"));
        }
    }

    /**
     * What was seen of a connection.
     *
     * @param at when, in ns
     * @param sent how many bytes its client had taken
     */
    private record Look(long at, long sent) {}
}
