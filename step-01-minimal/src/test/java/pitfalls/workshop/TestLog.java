package pitfalls.workshop;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.ThrowableProxy;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.AppenderBase;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;
import org.slf4j.LoggerFactory;
import pitfalls.support.ExerciseFailure;

/** Keeps what is logged during each test, in place of the console, until it is closed. */
public final class TestLog extends AppenderBase<ILoggingEvent> implements AutoCloseable {
    private final Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    private final Logger proxies = (Logger) LoggerFactory.getLogger("pitfalls");
    private final List<Appender<ILoggingEvent>> others = new ArrayList<>();
    private final Level rootLevel = root.getLevel();
    private final Queue<ILoggingEvent> events = new ConcurrentLinkedQueue<>();

    /**
     * What was logged during one test.
     *
     * @param warnings the lines at WARN and above
     * @param thrownIn where an exception was thrown in an exercise: what it was, the file and the line
     */
    public record Excerpt(List<String> warnings, Set<String> thrownIn) {}

    TestLog() {
        start();
        for (Iterator<Appender<ILoggingEvent>> all = root.iteratorForAppenders(); all.hasNext(); )
            others.add(all.next());
        others.forEach(root::detachAppender);
        root.addAppender(this);
        root.setLevel(Level.WARN);
    }

    /** Forgets what was logged before. */
    void begin() {
        proxies.setLevel(Level.DEBUG); // there a failure is logged with its stack trace
        events.clear();
    }

    /** What was logged since {@link #begin()}, until the test failed: its end stops proxies that are still at work. */
    Excerpt end(Throwable failure) {
        long end = failure instanceof ExerciseFailure failed ? failed.millis() : Long.MAX_VALUE;
        List<String> warnings = new ArrayList<>();
        Set<String> thrownIn = new LinkedHashSet<>();
        for (ILoggingEvent event : events) {
            if (event.getTimeStamp() > end) continue;
            if (event.getLevel().isGreaterOrEqual(Level.WARN))
                warnings.add(event.getLevel() + " " + event.getFormattedMessage());
            for (var thrown = event.getThrowableProxy(); thrown != null; thrown = thrown.getCause())
                addPlace(thrown, thrownIn);
        }
        return new Excerpt(warnings, thrownIn);
    }

    private static void addPlace(IThrowableProxy thrown, Set<String> places) {
        if (thrown instanceof ThrowableProxy proxy)
            placeOf(proxy.getThrowable()).ifPresent(places::add);
    }

    /** What was thrown, and the line of an exercise that it passed first; empty if it passed none. */
    static Optional<String> placeOf(Throwable thrown) {
        return Stream.of(thrown.getStackTrace())
                .filter(at -> at.getFileName() != null && at.getFileName().endsWith("Exercise.java"))
                .map(at -> thrown + " (" + at.getFileName() + ":" + at.getLineNumber() + ")")
                .findFirst();
    }

    @Override
    protected void append(ILoggingEvent event) {
        event.getFormattedMessage(); // while its arguments are what they were
        events.add(event);
    }

    @Override
    public void close() {
        root.detachAppender(this);
        others.forEach(root::addAppender);
        root.setLevel(rootLevel);
        proxies.setLevel(null);
        stop();
    }
}
