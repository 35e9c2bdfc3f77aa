package pitfalls.minikv;

import java.io.EOFException;
import java.util.List;
import java.util.stream.Collectors;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import pitfalls.step07.watch.Deadlines;

/**
 * The post's replicate stream: each change as a line of JSON (NDJSON), in the order of the log, and nothing while nothing changes.
 *
 * <p>A client that reads more slowly than changes are made, by more than the {@link Store} keeps, is cut off: what it has missed is gone.
 */
final class ReplicateStream extends TextStream {
    private final Store store;
    private final Runnable listener = this::onMore;
    private long next;

    /** A stream that begins with that index. */
    ReplicateStream(
            Store store, long from, Deadlines deadlines, Request request, Response response, Callback callback) {
        super(deadlines, request, response, callback);
        this.store = store;
        this.next = from;
        response.getHeaders().put(Api.INDEX, store.applied());
    }

    /** Sends the header, and the changes that there are already. */
    void begin() {
        store.addListener(listener);
        begin("application/x-ndjson");
    }

    @Override
    String next() throws EOFException {
        if (next <= store.forgotten()) throw new EOFException("the client reads too slowly");
        List<Change> changes = store.changesFrom(next);
        if (!changes.isEmpty()) next = changes.get(changes.size() - 1).index() + 1;
        return changes.stream().map(Change::toLine).collect(Collectors.joining());
    }

    @Override
    void onEnd() {
        store.removeListener(listener);
    }
}
