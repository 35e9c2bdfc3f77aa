package pitfalls.lab;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/**
 * Plays a scene when it is asked to, {@code POST /play/…}, or what is on the bench, {@code POST /bench}, and tells what happens while it does: as
 * server-sent events.
 */
final class Player extends Handler.Abstract {
    private static final int WAIT_S = 20;
    private static final int MOST_BYTES = 64 * 1024;

    private final Semaphore stage = new Semaphore(1, true);

    /** What an event says that ends the stream. */
    private record Event(String name, Object json) {
        private boolean isLast() {
            return !name.equals("mark");
        }
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        String path = Request.getPathInContext(request);
        boolean isBench = path.equals("/bench");
        if (!isBench && !path.startsWith("/play/")) return false;
        if (!request.getMethod().equals("POST"))
            return Guard.refuse(response, callback, HttpStatus.METHOD_NOT_ALLOWED_405, "Play a scene with POST.\n");
        if (isBench) return playBench(request, response, callback);
        String id = path.substring("/play/".length());
        var attempt = Attempt.find(id);
        if (attempt.isPresent())
            return tell(response, callback, events -> Json.of(attempt.get().play(Attempt.root(), events)));
        var scene = Scenes.find(id);
        if (scene.isEmpty())
            return Guard.refuse(response, callback, HttpStatus.NOT_FOUND_404, "There is no such scene.\n");
        return tell(response, callback, events -> Json.of(play(scene.get(), events)));
    }

    private boolean playBench(Request request, Response response, Callback callback) throws Exception {
        if (request.getLength() < 0 || request.getLength() > MOST_BYTES)
            return Guard.refuse(
                    response,
                    callback,
                    HttpStatus.PAYLOAD_TOO_LARGE_413,
                    "The bench reads " + MOST_BYTES + " bytes, and has to know beforehand how many there are.\n");
        Bench bench;
        try {
            bench = Bench.parse(Content.Source.asString(request, UTF_8));
        } catch (IllegalArgumentException bad) {
            return Guard.refuse(response, callback, HttpStatus.BAD_REQUEST_400, bad.getMessage() + "\n");
        }
        return tell(response, callback, bench::play);
    }

    /** Plays a scene on the proxy of the step before and on that of its step. */
    static Comparison play(Scene scene, Consumer<Map<String, Object>> marks) {
        return play(scene, () -> scene.play(scene.step() - 1), marks);
    }

    /** Plays it on another proxy, and on that of its step. */
    static Comparison play(Scene scene, Stage.Play other, Consumer<Map<String, Object>> marks) {
        Recording left = Stage.play(scene.step() - 1, other, mark -> marks.accept(mark.json(0)));
        Recording right = Stage.play(scene.step(), () -> scene.play(scene.step()), mark -> marks.accept(mark.json(1)));
        return Comparison.of(left, right);
    }

    /** What is played; its result is the last event. */
    interface Piece {
        Map<String, Object> play(Consumer<Map<String, Object>> marks);
    }

    private boolean tell(Response response, Callback callback, Piece piece) throws Exception {
        if (!stage.tryAcquire(WAIT_S, TimeUnit.SECONDS))
            return Guard.refuse(
                    response, callback, HttpStatus.SERVICE_UNAVAILABLE_503, "Another page is playing. Try again.\n");
        BlockingQueue<Event> events = new LinkedBlockingQueue<>();
        var player = new Thread(() -> {
            try {
                events.add(new Event("end", piece.play(mark -> events.add(new Event("mark", mark)))));
            } catch (Throwable broken) {
                events.add(new Event("broken", Map.of("reason", String.valueOf(broken.getMessage()))));
            } finally {
                stage.release();
            }
        });
        player.setDaemon(true);
        player.start();
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, "text/event-stream;charset=utf-8");
        boolean isReading = true;
        for (boolean isOver = false; !isOver; ) {
            Event event = events.take();
            isOver = event.isLast();
            isReading = isReading && send(response, event);
        }
        callback.succeeded();
        return true;
    }

    /** Whether the page still reads. If it does not, the scene comes to its end all the same. */
    private static boolean send(Response response, Event event) {
        String text = "event: " + event.name() + "\ndata: " + Json.of(event.json()) + "\n\n";
        try {
            Content.Sink.write(response, false, ByteBuffer.wrap(text.getBytes(UTF_8)));
            return true;
        } catch (IOException left) {
            return false;
        }
    }
}
