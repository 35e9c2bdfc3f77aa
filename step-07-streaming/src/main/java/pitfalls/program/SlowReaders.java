package pitfalls.program;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import pitfalls.step02.Exchange;

/**
 * The clients that read a response more slowly than it comes. Each holds a connection to the upstream, until it has taken the rest.
 * They are looked for once a second, so that a request that is answered at once costs nothing.
 *
 * <p>A kernel takes bytes for a client in lumps of some kilobytes, and a client of HTTP/2 opens its window in such lumps. So one that
 * has just begun to be slow has two seconds, and one that was seen to read is judged by the last ten.
 */
final class SlowReaders {
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
    private static final int WINDOW = 10;
    private static final int FEWEST = 2;

    private final int bytesPerSecond;
    private final Set<StreamReading> streams = ConcurrentHashMap.newKeySet();
    private final Map<Reading, Reader> readers = new HashMap<>();
    private final Set<Reader> ended = new HashSet<>(); // whose connections to the upstream are not free yet

    SlowReaders(int bytesPerSecond) {
        this.bytesPerSecond = bytesPerSecond;
    }

    /** The response as its handler has to write it, so that its reader is seen. Over HTTP/1.1 the end point tells enough. */
    Response watch(Request request, Response response) {
        boolean isHttp2 = request.getConnectionMetaData().getHttpVersion() == HttpVersion.HTTP_2;
        if (!isHttp2 || bytesPerSecond == 0) return response;
        var stream = new StreamReading(request, response);
        streams.add(stream);
        Request.addCompletionListener(request, failure -> {
            streams.remove(stream);
            stream.onCompletion();
        });
        return stream;
    }

    /** Looks at each response to clients of that server, whether its client has to read first. */
    synchronized void look(Server server, long now) {
        readers.keySet().removeIf(reading -> !reading.waitsForReader());
        ended.removeIf(reader -> reader.reading.isOver());
        ended.forEach(reader -> reader.reading.awaitEnd(bytesPerSecond));
        if (bytesPerSecond == 0) return;
        for (Connector connector : server.getConnectors()) {
            for (EndPoint endPoint : connector.getConnectedEndPoints()) {
                if (endPoint instanceof ClientEndPoint client) look(new ConnectionReading(client), now);
            }
        }
        streams.forEach(stream -> look(stream, now));
    }

    private void look(Reading reading, long now) {
        if (reading.waitsForReader())
            readers.computeIfAbsent(reading, Reader::new).look(now);
    }

    /** How many had to read first when that was looked at. */
    synchronized int size() {
        return readers.size();
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

    /** A response on its way to a client. */
    interface Reading {
        /** Whether there is more to send, and the client has to read first. */
        boolean waitsForReader();

        /** How many bytes were sent so far. */
        long sent();

        /** What the response belongs to; {@code null} if there is none. */
        Exchange exchange();

        /** Ends the response. */
        void end(TimeoutException reason);

        /** Called once a second after {@link #end}, until it is over. */
        void awaitEnd(int bytesPerSecond);

        /** Whether nothing of it is sent any more. */
        boolean isOver();
    }

    /** The response that a connection of HTTP/1.1 carries, in TLS or without. Its end is the end of the connection. */
    private record ConnectionReading(ClientEndPoint client) implements Reading {
        @Override
        public boolean waitsForReader() {
            return client.waitsForReader() && Drainable.of(client) instanceof ClientConnection;
        }

        @Override
        public long sent() {
            return client.sent();
        }

        @Override
        public Exchange exchange() {
            if (!(Drainable.of(client) instanceof ClientConnection connection)) return null;
            Request request = connection.getHttpChannel().getRequest();
            return request == null ? null : Exchange.of(request);
        }

        @Override
        public void end(TimeoutException reason) {
            client.failWrite(reason);
        }

        @Override
        public void awaitEnd(int bytesPerSecond) {
            // a socket is closed at once
        }

        @Override
        public boolean isOver() {
            return !client.isOpen();
        }
    }

    /** A response whose client was seen to keep the proxy waiting. */
    private final class Reader implements SlowClients.Slow {
        private final Reading reading;
        private final Deque<Look> looks = new ArrayDeque<>(WINDOW + 1);

        private Reader(Reading reading) {
            this.reading = reading;
        }

        private void look(long now) {
            looks.addLast(new Look(now, reading.sent()));
            while (now - looks.getFirst().at() > WINDOW * SECOND) looks.removeFirst();
        }

        private boolean isSlow(long now) {
            long seconds = (now - looks.getFirst().at()) / SECOND;
            return seconds >= FEWEST && recentBytes(now) < seconds * bytesPerSecond;
        }

        @Override
        public long recentBytes(long now) {
            return reading.sent() - looks.getFirst().sent();
        }

        private boolean goesTo(String upstream) {
            Exchange exchange = reading.exchange();
            return exchange != null && upstream.equals(exchange.upstream());
        }

        @Override
        public void end() {
            synchronized (SlowReaders.this) {
                readers.remove(reading);
                ended.add(this);
            }
            reading.end(new TimeoutException("less than " + bytesPerSecond
                    + " bytes a second were read, and others were waiting for a connection"));
        }
    }

    /**
     * What was seen of a response.
     *
     * @param at when, in ns
     * @param sent how many bytes its client had taken
     */
    private record Look(long at, long sent) {}
}
