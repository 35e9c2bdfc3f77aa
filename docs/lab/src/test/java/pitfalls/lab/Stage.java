package pitfalls.lab;

import java.io.EOFException;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.Wire;

/** Where scenes are played, one at a time: their tests have one {@link Loopback} for all. */
final class Stage {
    /** How long one recording may take: the longest test that the lab shows needs two seconds. */
    static final Duration LIMIT = Duration.ofSeconds(10);

    private static final int STOP_MS = 2000;

    private static final Loopback LOOPBACK = LoopbackTest.loopback;

    private Stage() {}

    /** What is played. */
    interface Play {
        void run() throws Throwable;
    }

    /**
     * Plays it, and records it.
     *
     * @param step the number of the step whose proxy it is about
     * @param live is told each mark at once
     */
    static Recording play(int step, Play play, Consumer<Mark> live) {
        return play(step, play, live, LIMIT);
    }

    /** The same, with another limit. */
    static synchronized Recording play(int step, Play play, Consumer<Mark> live, Duration limit) {
        var recorder = new Recorder(live);
        LOOPBACK.use(recorder);
        var player = new FutureTask<Throwable>(() -> failureOf(play));
        var thread = new Thread(player, "scene");
        thread.setDaemon(true);
        thread.start();
        String failure = "";
        try {
            Throwable thrown = player.get(limit.toMillis(), TimeUnit.MILLISECONDS);
            recorder.stop();
            Throwable atTheEnd = clear();
            if (thrown != null) failure = told(thrown);
            else if (atTheEnd != null) failure = told(atTheEnd);
        } catch (TimeoutException tooLong) {
            recorder.stop();
            stop(thread);
            failure = "It has not come to its end within " + limit.toMillis() + " ms, so the lab has stopped it.";
        } catch (InterruptedException | ExecutionException impossible) {
            throw new IllegalStateException(impossible);
        } finally {
            LOOPBACK.use(Wire.PLAIN);
        }
        return new Recording(step, recorder.marks(), recorder.end(), recorder.leftOut(), failure);
    }

    private static Throwable failureOf(Play play) {
        try {
            play.run();
            return null;
        } catch (Throwable failure) {
            return failure;
        }
    }

    /** What waits is interrupted, and what reads has its connection closed. */
    private static void stop(Thread player) {
        player.interrupt();
        clear();
        try {
            player.join(STOP_MS);
        } catch (InterruptedException impossible) {
            throw new IllegalStateException(impossible);
        }
        if (player.isAlive())
            throw new IllegalStateException("This scene took too long, and does not stop. Start the lab again.");
        clear();
    }

    /** Stops what the test has started; returns what the first upstream that has failed says. */
    private static Throwable clear() {
        Throwable first = null;
        for (boolean isClear = false; !isClear; ) {
            try {
                LOOPBACK.stop();
                isClear = true;
            } catch (Throwable failure) {
                if (first == null) first = failure;
            }
        }
        return first;
    }

    private static String told(Throwable failure) {
        if (failure instanceof SocketTimeoutException)
            return "The client has waited for " + Loopback.PATIENCE.toMillis() + " ms, and nothing has come.";
        if (failure instanceof EOFException || failure instanceof IOException)
            return "The proxy has ended the connection: " + failure.getMessage();
        return String.valueOf(failure.getMessage()).strip();
    }
}
