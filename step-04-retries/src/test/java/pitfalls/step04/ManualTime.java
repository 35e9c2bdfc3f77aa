package pitfalls.step04;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.random.RandomGenerator;
import org.eclipse.jetty.util.component.AbstractLifeCycle;
import org.eclipse.jetty.util.thread.Scheduler;
import pitfalls.support.Loopback;

/** A clock, a scheduler and a randomness that do only what the test says: a pause ends when the test ends it. */
final class ManualTime extends AbstractLifeCycle implements Scheduler, InstantSource, RandomGenerator {
    private final BlockingQueue<Pause> pauses = new LinkedBlockingQueue<>();
    private volatile Instant now = Instant.parse("2026-01-01T00:00:00Z");

    /** A pause that has begun. */
    record Pause(Duration length, Runnable task) {
        void end() {
            task.run();
        }
    }

    RetryingProxy in(RetryingProxy proxy) {
        proxy.setTiming(this, this, this);
        return proxy;
    }

    /** The next pause; waits until it has begun. */
    Pause nextPause() throws InterruptedException {
        Pause pause = pauses.poll(Loopback.PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        if (pause == null) throw new AssertionError("there should be a pause before another attempt");
        return pause;
    }

    void pass(Duration time) {
        now = now.plus(time);
    }

    @Override
    public Task schedule(Runnable task, long delay, TimeUnit unit) {
        pauses.add(new Pause(Duration.of(delay, unit.toChronoUnit()), task));
        return () -> false;
    }

    @Override
    public Instant instant() {
        return now;
    }

    /** Always the largest. */
    @Override
    public long nextLong(long bound) {
        return bound - 1;
    }

    @Override
    public long nextLong() {
        throw new UnsupportedOperationException();
    }
}
