package pitfalls.program;

import java.util.Comparator;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import org.eclipse.jetty.client.AbstractConnectionPool;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.Origin;
import org.eclipse.jetty.client.transport.HttpDestination;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.Scheduler;
import pitfalls.step02.Exchange;
import pitfalls.step07.StreamingProxy;

/**
 * Ends what slow clients have begun while an upstream's connections are short, so that they cannot keep all others from being
 * served. Each upload holds one of those connections, however slowly it comes, and each response, however slowly it is read.
 *
 * <p>As long as more than a tenth of the connections are free, a client may pause as it likes. Below that, uploads that have
 * brought less than the limit over the last ten seconds are ended with 408, and responses of which less was read are cut. The slowest
 * come first, until a tenth is free again.
 */
class SlowClients extends Handler.Wrapper {
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
    private static final int WINDOW = 10;

    private final StreamingProxy proxy;
    private final int minUploadRate;
    private final LongSupplier nanoTime;
    private final Set<Upload> uploads = ConcurrentHashMap.newKeySet();
    private final Set<Upload> ended = ConcurrentHashMap.newKeySet(); // whose connections are not free yet
    private final SlowReaders readers;
    private volatile Scheduler.Task next;

    /**
     * For the clients of this proxy. Both rates are for the time while connections are short; 0 ends none.
     *
     * @param proxy the handler of the requests
     * @param minUploadRate how many bytes a second an upload has to bring
     * @param minDownloadRate how many bytes of a response a client has to read a second
     * @param nanoTime the clock, as {@link System#nanoTime()}
     */
    SlowClients(StreamingProxy proxy, int minUploadRate, int minDownloadRate, LongSupplier nanoTime) {
        super(proxy);
        this.proxy = proxy;
        this.minUploadRate = minUploadRate;
        readers = new SlowReaders(minDownloadRate);
        this.nanoTime = nanoTime;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        boolean isHttp1 =
                request.getConnectionMetaData().getHttpVersion().getVersion() < HttpVersion.HTTP_2.getVersion();
        boolean hasUnknownLength =
                request.getLength() < 0 && (!isHttp1 || request.getHeaders().contains(HttpHeader.TRANSFER_ENCODING));
        boolean hasBody = request.getLength() > 0 || hasUnknownLength;
        Response watched = readers.watch(request, response);
        if (!hasBody || minUploadRate == 0) return super.handle(request, watched, callback);
        var upload = new Upload(request);
        uploads.add(upload);
        Request.addCompletionListener(request, failure -> {
            uploads.remove(upload);
            ended.remove(upload);
        });
        endSlowOnes();
        return super.handle(upload, watched, callback);
    }

    @Override
    protected void doStart() throws Exception {
        super.doStart();
        everySecond();
    }

    @Override
    protected void doStop() throws Exception {
        if (next != null) next.cancel();
        super.doStop();
    }

    /** Looks, ends, and does both again in a second. */
    void everySecond() {
        lookAtReaders();
        endSlowOnes();
        next = getServer().getScheduler().schedule(this::everySecond, 1, TimeUnit.SECONDS);
    }

    /** Called once a second, to see how much each client has read since. */
    void lookAtReaders() {
        readers.look(getServer(), nanoTime.getAsLong());
    }

    /** How many clients kept the proxy waiting when it looked. */
    int slowReaders() {
        return readers.size();
    }

    /** Ends as many as there have to be for a tenth of the connections to each upstream to be free. */
    synchronized void endSlowOnes() {
        HttpClient client = proxy.getHttpClient();
        if (client == null) return;
        for (Destination destination : client.getDestinations()) {
            boolean hasPool = destination instanceof HttpDestination http
                    && http.getConnectionPool() instanceof AbstractConnectionPool;
            if (hasPool) endSlowOnes((HttpDestination) destination);
        }
    }

    private void endSlowOnes(HttpDestination destination) {
        var pool = (AbstractConnectionPool) destination.getConnectionPool();
        int most = pool.getMaxConnectionCount();
        int free = most - pool.getActiveConnectionCount() - destination.getQueuedRequestCount();
        int missing = Math.max(1, most / 10) - free;
        if (missing <= 0) return;
        Origin origin = destination.getOrigin();
        String upstream = origin.getScheme() + "://" + origin.getAddress().asString();
        long onTheirWay = readers.onTheirWay(upstream)
                + ended.stream().filter(upload -> upload.goesTo(upstream)).count();
        long now = nanoTime.getAsLong();
        Stream<Slow> slowUploads = uploads.stream()
                .filter(upload -> upload.isSlow(now) && upload.goesTo(upstream))
                .map(Slow.class::cast);
        Stream.concat(slowUploads, readers.slowOnes(upstream, now))
                .map(slow -> new Rated(slow, slow.recentBytes(now))) // which may go on, and cannot be sorted by
                .sorted(Comparator.comparingLong(Rated::recentBytes))
                .limit(Math.max(0, missing - onTheirWay))
                .toList()
                .forEach(rated -> rated.slow().end());
    }

    /** A client that is slow, whose exchange can be ended. */
    interface Slow {
        /** How many bytes it has sent or read over the last seconds. */
        long recentBytes(long now);

        void end();
    }

    /**
     * A slow client.
     *
     * @param recentBytes what it had sent or read
     */
    private record Rated(Slow slow, long recentBytes) {}

    /** A request whose body is counted, and can be ended. */
    private final class Upload extends Request.Wrapper implements Slow {
        private final long begin = nanoTime.getAsLong();
        private final long[] bytesOfSecond = new long[WINDOW];
        private long lastSecond;
        private Runnable waiting;
        private Content.Chunk end;

        private Upload(Request request) {
            super(request);
        }

        @Override
        public Content.Chunk read() {
            synchronized (this) {
                if (end != null) return end;
            }
            Content.Chunk chunk = super.read();
            if (chunk == null) return null;
            synchronized (this) {
                long second = secondAt(nanoTime.getAsLong());
                bytesOfSecond[(int) (second % WINDOW)] += chunk.remaining();
            }
            if (chunk.isLast()) uploads.remove(this);
            return chunk;
        }

        @Override
        public void demand(Runnable task) {
            synchronized (this) {
                waiting = task;
            }
            if (isEnded()) onAvailable();
            else super.demand(this::onAvailable);
        }

        private synchronized boolean isEnded() {
            return end != null;
        }

        private void onAvailable() {
            Runnable task;
            synchronized (this) {
                task = waiting;
                waiting = null;
            }
            if (task != null) task.run();
        }

        @Override
        public void end() {
            uploads.remove(this);
            ended.add(this);
            synchronized (this) {
                end = Content.Chunk.from(
                        new TimeoutException("less than " + minUploadRate
                                + " bytes a second arrived, and others were waiting for a connection"),
                        true);
            }
            onAvailable();
        }

        private boolean goesTo(String upstream) {
            Exchange exchange = Exchange.of(getWrapped());
            return exchange != null && upstream.equals(exchange.upstream());
        }

        /** An upload has a second to begin. */
        private synchronized boolean isSlow(long now) {
            long seconds = Math.min(WINDOW, (now - begin) / SECOND);
            return waiting != null && seconds > 0 && recentBytes(now) < seconds * minUploadRate;
        }

        @Override
        public synchronized long recentBytes(long now) {
            secondAt(now);
            long sum = 0;
            for (long bytes : bytesOfSecond) sum += bytes;
            return sum;
        }

        /** The number of the second, of which those that are longer ago than the window are forgotten. */
        private long secondAt(long now) {
            long second = (now - begin) / SECOND;
            for (long i = Math.max(lastSecond, second - WINDOW) + 1; i <= second; i++) {
                bytesOfSecond[(int) (i % WINDOW)] = 0;
            }
            lastSecond = second;
            return second;
        }
    }
}
