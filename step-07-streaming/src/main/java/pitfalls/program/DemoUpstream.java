package pitfalls.program;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.LocalTime;
import java.time.format.DateTimeFormatter;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.websocket.api.Session;
import org.eclipse.jetty.websocket.server.WebSocketUpgradeHandler;

/** Something to forward to, for whoever has nothing yet. */
final class DemoUpstream extends Handler.Abstract.NonBlocking {
    private static final long SECOND_MS = 1000;
    private static final DateTimeFormatter CLOCK = DateTimeFormatter.ofPattern("HH:mm:ss");

    private DemoUpstream() {}

    /** Starts it on a free port of loopback; returns its address. */
    static String serve() throws Exception {
        var server = new Server();
        ServerConnector connector =
                new ListenAddress("127.0.0.1", 0).newConnector(server, new ClientConnectionFactory(Duration.ZERO));
        server.addConnector(connector);
        var webSockets = WebSocketUpgradeHandler.from(
                server, container -> container.addMapping("/echo", (request, response, callback) -> new Echo()));
        webSockets.setHandler(new DemoUpstream());
        server.setHandler(webSockets);
        server.start();
        return "127.0.0.1:" + connector.getLocalPort();
    }

    /** Commands that show what it can do, through a proxy. */
    static String thingsToTry(String proxy) {
        return """
                Nothing to forward to was given, so here is something to try (Ctrl-C ends it):
                  curl URL/                                      a page; open it in a browser too
                  curl --no-buffer --max-time 5 URL/clock        an event stream, one event a second
                  curl --no-buffer URL/lines                     five lines of JSON, as they come
                  curl URL/slow                                  an answer that takes 3 seconds
                  curl --include URL/drop                        an upstream that drops the connection
                  curl --include --no-buffer --max-time 2 --http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' \\
                       -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' --output - URL/echo
                                                                 a WebSocket, which says hello
                """.replace("URL", proxy).stripTrailing();
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws IOException {
        switch (request.getHttpURI().getPath()) {
            case "/" -> write(response, callback, "text/html;charset=utf-8", page());
            case "/clock" ->
                stream(request, response, callback, "text/event-stream", Integer.MAX_VALUE, i -> tick(LocalTime.now()));
            case "/lines" ->
                stream(request, response, callback, "application/x-ndjson", 5, i -> "{\"line\":" + i + "}\n");
            case "/slow" ->
                request.getComponents()
                        .getScheduler()
                        .schedule(() -> write(response, callback, "text/plain", "at last\n"), 3, TimeUnit.SECONDS);
            case "/drop" ->
                request.getConnectionMetaData().getConnection().getEndPoint().close();
            default -> Response.writeError(request, response, callback, 404);
        }
        return true;
    }

    private static String page() throws IOException {
        try (InputStream page = DemoUpstream.class.getResourceAsStream("demo.html")) {
            return new String(page.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** An event that tells the time. {@link LocalTime#toString} would leave out the seconds of a full minute. */
    static String tick(LocalTime time) {
        return "data: " + CLOCK.format(time) + "\n\n";
    }

    private static void write(Response response, Callback callback, String type, String content) {
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, type);
        response.write(true, bytes(content), callback);
    }

    /** Writes that many parts, one a second, or until the client has left. */
    private static void stream(
            Request request, Response response, Callback callback, String type, int parts, IntFunction<String> part) {
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, type);
        writePart(request, response, callback, parts, part, 1);
    }

    private static void writePart(
            Request request, Response response, Callback callback, int parts, IntFunction<String> part, int number) {
        boolean last = number == parts;
        Runnable next = () -> writePart(request, response, callback, parts, part, number + 1);
        Runnable later = () -> request.getComponents().getScheduler().schedule(next, SECOND_MS, TimeUnit.MILLISECONDS);
        response.write(last, bytes(part.apply(number)), last ? callback : Callback.from(later, callback::failed));
    }

    private static ByteBuffer bytes(String text) {
        return StandardCharsets.UTF_8.encode(text);
    }

    /** Says hello, and then whatever it hears. */
    public static final class Echo implements Session.Listener.AutoDemanding {
        private Session session;

        @Override
        public void onWebSocketOpen(Session session) {
            this.session = session;
            session.sendText("hello", org.eclipse.jetty.websocket.api.Callback.NOOP);
        }

        /** A visitor who leaves is no error. */
        @Override
        public void onWebSocketError(Throwable cause) {
            session.close();
        }

        @Override
        public void onWebSocketText(String message) {
            session.sendText(message, org.eclipse.jetty.websocket.api.Callback.NOOP);
        }
    }
}
