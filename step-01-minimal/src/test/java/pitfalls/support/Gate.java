package pitfalls.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A point that one thread must reach before another may go on. It stands where a lesser test would sleep.
 */
public final class Gate {
    private final String event;
    private final CountDownLatch latch = new CountDownLatch(1);

    /**
     * @param event what opens the gate, for the message when it stays closed: "the client has left"
     */
    public Gate(String event) {
        this.event = event;
    }

    public void open() {
        latch.countDown();
    }

    /**
     * Waits until the gate is open; fails after {@link Loopback#PATIENCE}, which a working test never needs.
     */
    public void await() throws InterruptedException {
        awaitWithin(Loopback.PATIENCE);
    }

    /** The same with another patience, where the time is what the test is about. */
    public void awaitWithin(Duration patience) throws InterruptedException {
        assertThat(opensWithin(patience))
                .as("this should have happened by now: " + event)
                .isTrue();
    }

    /** Whether the gate is open within that time. */
    public boolean opensWithin(Duration time) throws InterruptedException {
        return latch.await(time.toMillis(), TimeUnit.MILLISECONDS);
    }
}
