package pitfalls.step04;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.util.thread.Scheduler;

/** The pauses before another attempt. No thread waits in them, and they end early when the proxy stops. */
final class Pauses {
    private final Set<Runnable> stops = ConcurrentHashMap.newKeySet();

    /** Runs one of two tasks: after the pause, on a thread that may send requests; or when the proxy stops before. */
    void begin(Duration pause, Scheduler scheduler, Executor executor, Runnable afterwards, Runnable onStop) {
        stops.add(onStop);
        Runnable end = () -> {
            if (!stops.remove(onStop)) return;
            try {
                executor.execute(afterwards);
            } catch (RejectedExecutionException stopped) {
                onStop.run();
            }
        };
        scheduler.schedule(end, pause.toNanos(), TimeUnit.NANOSECONDS);
    }

    /** The proxy has stopped. */
    void stop() {
        for (Runnable onStop : stops) {
            if (stops.remove(onStop)) onStop.run();
        }
    }
}
