package pitfalls.support;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.util.List;
import org.slf4j.LoggerFactory;

/** Reads along what is logged, from {@link #of(String)} to {@link #close()}; the lines do not reach the console. */
public final class LogLines implements AutoCloseable {
    private final ListAppender<ILoggingEvent> lines = new ListAppender<>();
    private final Logger logger;

    private LogLines(Logger logger) {
        this.logger = logger;
    }

    /** The lines of this logger and of those below it: a package's or a class's name. */
    public static LogLines of(String name) {
        var log = new LogLines((Logger) LoggerFactory.getLogger(name));
        log.lines.start();
        log.logger.addAppender(log.lines);
        log.logger.setAdditive(false);
        log.logger.setLevel(Level.INFO);
        return log;
    }

    /** Each line as level and message, in order. */
    public List<String> lines() {
        synchronized (lines) {
            return lines.list.stream()
                    .map(event -> event.getLevel() + " " + event.getFormattedMessage())
                    .toList();
        }
    }

    @Override
    public void close() {
        logger.detachAppender(lines);
        logger.setAdditive(true);
        logger.setLevel(null);
    }
}
