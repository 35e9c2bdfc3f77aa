package pitfalls.bench;

import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpVersion;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A load by the client of Vert.x, for machines without wrk or h2load. All of it happens on one thread. */
final class JavaLoad {
    private static final long PATIENCE_SECONDS = 10;

    private final Load load;
    private final int port;
    private final boolean tls;
    private final Buffer body;
    private final List<Double> ms = new ArrayList<>();
    private final CountDownLatch ended;
    private HttpClient client;
    private Vertx vertx;
    private long failed;
    private long end;

    JavaLoad(Load load, int port, boolean tls) {
        this.load = load;
        this.port = port;
        this.tls = tls;
        body = load.upload() == 0 ? null : Buffer.buffer(Answers.body(load.upload()));
        ended = new CountDownLatch(load.connections() * load.streams());
    }

    /** Puts it on for that time. */
    Load.Outcome run(Duration time) throws IOException, InterruptedException {
        boolean isHttp2 = load.streams() > 1;
        vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1));
        client = vertx.createHttpClient(new HttpClientOptions()
                .setMaxPoolSize(load.connections())
                .setHttp2MaxPoolSize(load.connections())
                .setHttp2MultiplexingLimit(load.streams())
                .setProtocolVersion(isHttp2 ? HttpVersion.HTTP_2 : HttpVersion.HTTP_1_1)
                .setUseAlpn(isHttp2 && tls)
                .setSsl(tls)
                .setTrustAll(tls)
                .setVerifyHost(false));
        long begin = System.nanoTime();
        end = begin + time.toNanos();
        int clients = load.connections() * load.streams();
        double intervalNanos = load.rate() == 0 ? 0 : clients / load.rate() * 1e9;
        for (int i = 0; i < clients; i++) {
            long due = begin + (long) (intervalNanos * i / clients);
            vertx.getOrCreateContext().runOnContext(now -> sendAt(due, (long) intervalNanos));
        }
        boolean all = ended.await(time.toSeconds() + PATIENCE_SECONDS, TimeUnit.SECONDS);
        double seconds = (System.nanoTime() - begin) / 1e9;
        vertx.close().toCompletionStage().toCompletableFuture().join();
        if (!all || ms.isEmpty()) throw new IOException("no answer for " + PATIENCE_SECONDS + " s");
        return new Load.Outcome(ms.size(), failed, seconds, Load.percentile(ms));
    }

    /** The time counts from when it was due, so that a proxy that makes its clients late does not look the better for it. */
    private void sendAt(long due, long intervalNanos) {
        long now = System.nanoTime();
        if (Math.max(due, now) >= end) {
            ended.countDown();
            return;
        }
        long waitMs = TimeUnit.NANOSECONDS.toMillis(due - now);
        if (waitMs > 0) {
            vertx.setTimer(waitMs, timer -> sendAt(due, intervalNanos));
            return;
        }
        long begin = intervalNanos == 0 ? now : due;
        client.request(load.upload() == 0 ? HttpMethod.GET : HttpMethod.POST, port, "127.0.0.1", load.path())
                .compose(request -> body == null ? request.send() : request.send(body))
                .compose(response -> response.end().map(response.statusCode()))
                .onComplete(result -> {
                    if (result.succeeded() && result.result() / 100 == 2) ms.add((System.nanoTime() - begin) / 1e6);
                    else failed++;
                    sendAt(due + intervalNanos, intervalNanos);
                });
    }
}
