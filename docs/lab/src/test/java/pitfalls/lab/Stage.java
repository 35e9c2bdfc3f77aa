package pitfalls.lab;

import java.io.EOFException;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.util.function.Consumer;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.Wire;

/** Where scenes are played, one at a time: their tests have one {@link Loopback} for all. */
final class Stage {
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
    static synchronized Recording play(int step, Play play, Consumer<Mark> live) {
        var recorder = new Recorder(live);
        Throwable failure = null;
        LOOPBACK.use(recorder);
        try {
            play.run();
        } catch (Throwable thrown) {
            failure = thrown;
        } finally {
            recorder.end();
            LOOPBACK.use(Wire.PLAIN);
        }
        Throwable atTheEnd = clear();
        if (failure == null) failure = atTheEnd;
        return new Recording(step, recorder.marks(), recorder.leftOut(), failure == null ? "" : told(failure));
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
