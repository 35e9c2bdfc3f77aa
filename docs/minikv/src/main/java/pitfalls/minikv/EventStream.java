package pitfalls.minikv;

import java.io.EOFException;
import java.util.ArrayDeque;
import java.util.Queue;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import pitfalls.step07.watch.Deadlines;

/** Server-sent events to one browser. One that does not read is cut off, and comes back by itself. */
final class EventStream extends TextStream {
    private static final int MOST_WAITING = 1000;

    private final Queue<String> waiting = new ArrayDeque<>();
    private final Runnable atEnd;

    /** A stream without any event yet. */
    EventStream(Deadlines deadlines, Request request, Response response, Callback callback, Runnable atEnd) {
        super(deadlines, request, response, callback);
        this.atEnd = atEnd;
    }

    /** Sends an event. */
    void send(String type, String data) {
        synchronized (waiting) {
            waiting.add("event: " + type + "\ndata: " + data + "\n\n");
        }
        onMore();
    }

    @Override
    String next() throws EOFException {
        synchronized (waiting) {
            if (waiting.size() > MOST_WAITING) throw new EOFException("the browser does not read");
            String events = String.join("", waiting);
            waiting.clear();
            return events;
        }
    }

    @Override
    void onEnd() {
        atEnd.run();
    }
}
