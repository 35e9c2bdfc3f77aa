package pitfalls.support;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.slf4j.LoggerFactory;

/** Reads along what is logged, from {@link #of(String)} to {@link #close()}; the lines do not reach the console. */
public final class LogLines extends AppenderBase<ILoggingEvent> implements AutoCloseable {
    private final List<String> lines = new CopyOnWriteArrayList<>();
    private final Gate firstLine = new Gate("a line is logged");
    private final Logger logger;

    private LogLines(Logger logger) {
        this.logger = logger;
    }

    /** The lines of this logger and of those below it: a package's or a class's name. */
    public static LogLines of(String name) {
        var log = new LogLines((Logger) LoggerFactory.getLogger(name));
        log.start();
        log.logger.addAppender(log);
        log.logger.setAdditive(false);
        log.logger.setLevel(Level.INFO);
        return log;
    }

    /** Each line so far as level and message, in order; a random name of a request reads as "ID". */
    public List<String> lines() {
        return List.copyOf(lines);
    }

    /** The first line; waits for it where it is logged after what the test sees. */
    public String first() throws InterruptedException {
        firstLine.await();
        return lines.get(0);
    }

    @Override
    protected void append(ILoggingEvent event) {
        String message = event.getFormattedMessage().replaceAll("\\[request [0-9a-f]{8}\\b", "[request ID");
        lines.add(event.getLevel() + " " + message);
        firstLine.open();
    }

    @Override
    public void close() {
        logger.detachAppender(this);
        logger.setAdditive(true);
        logger.setLevel(null);
    }
}
