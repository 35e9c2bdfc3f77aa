package pitfalls.minikv;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.Fields;
import org.eclipse.jetty.util.Promise;
import org.eclipse.jetty.util.ajax.JSON;
import pitfalls.step07.watch.Deadlines;

/**
 * What the demo's page asks for: what happens in the cluster, as it happens, and to do something to a node.
 *
 * <p>It kills processes, so it listens to pages of the demo alone. A page from elsewhere that is open in the same browser says so in
 * {@code Origin}, and one that has made its own name point to this machine says so in {@code Host}.
 */
final class Front extends Handler.Abstract.NonBlocking {
    private static final Pattern CONTROL =
            Pattern.compile("/demo/nodes/([A-Za-z0-9]+)/(kill|start|pause|resume|put|get)");
    private static final int MAX_VALUE = 1000;

    private final Scene scene;
    private final Set<String> authorities;
    private final Set<EventStream> streams = new CopyOnWriteArraySet<>();
    private Deadlines deadlines;

    /**
     * A front for that scene.
     *
     * @param ports of which this server and the nodes are reached
     */
    Front(Scene scene, List<Integer> ports) {
        this.scene = scene;
        authorities = ports.stream()
                .flatMap(port -> Stream.of("127.0.0.1:" + port, "localhost:" + port))
                .collect(Collectors.toSet());
    }

    @Override
    protected void doStart() throws Exception {
        super.doStart();
        deadlines = new Deadlines(getServer().getScheduler());
    }

    @Override
    protected void doStop() throws Exception {
        deadlines.destroy();
        super.doStop();
    }

    /** Tells all browsers. */
    void tell(String type, Map<String, ?> event) {
        String data = new JSON().toJSON(event);
        streams.forEach(stream -> stream.send(type, data));
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        String host = request.getHeaders().get(HttpHeader.HOST);
        String origin = request.getHeaders().get(HttpHeader.ORIGIN);
        boolean isOurs = origin == null || authorities.contains(origin.replaceFirst("^http://", ""));
        if (host == null || !authorities.contains(host) || !isOurs) {
            new Problem(
                            403,
                            "not_this_demo",
                            "This demo kills processes, so it takes requests from its own pages only: open http://127.0.0.1:"
                                    + Request.getLocalPort(request) + "/ on this machine.")
                    .write(response, callback);
            return true;
        }
        if (origin != null) response.getHeaders().put(new HttpField("Access-Control-Allow-Origin", origin));
        response.getHeaders().put(HttpHeader.VARY, "Origin");
        String path = request.getHttpURI().getPath();
        Matcher control = CONTROL.matcher(path);
        if (new Page("").handle(request, response, callback)) return true;
        if (path.equals("/demo/events")) stream(request, response, callback);
        else if (control.matches()) control(control.group(1), control.group(2), request, response, callback);
        else new Problem(404, "no_such_resource", "There is nothing at '" + path + "'.").write(response, callback);
        return true;
    }

    private void stream(Request request, Response response, Callback callback) {
        var holder = new EventStream[1];
        var stream = new EventStream(deadlines, request, response, callback, () -> streams.remove(holder[0]));
        holder[0] = stream;
        streams.add(stream);
        stream.begin("text/event-stream");
        stream.send("state", new JSON().toJSON(scene.state()));
        scene.recent().forEach(line -> stream.send("line", new JSON().toJSON(line)));
    }

    private void control(String id, String what, Request request, Response response, Callback callback) {
        if (!request.getMethod().equals("POST")) {
            response.getHeaders().put(HttpHeader.ALLOW, "POST");
            new Problem(405, "method_not_allowed", "'" + request.getMethod() + "' is not possible here: it is POST.")
                    .write(response, callback);
            return;
        }
        if (!scene.has(id)) {
            new Problem(404, "no_such_node", "There is no node '" + id + "'.").write(response, callback);
            return;
        }
        if (what.equals("put") || what.equals("get")) {
            ask(id, what, request, response, callback);
            return;
        }
        request.getComponents().getExecutor().execute(() -> {
            try {
                scene.act(id, what);
                response.setStatus(204);
                callback.succeeded();
            } catch (Exception x) {
                new Problem(409, "not_possible", x.getMessage()).write(response, callback);
            }
        });
    }

    /** Asks a node for a key, as {@code curl} would; a browser may ask only the one that its page came from. */
    private void ask(String id, String what, Request request, Response response, Callback callback) {
        Fields query = Request.extractQueryParameters(request);
        String key = String.valueOf(query.getValue("key"));
        Content.Source.asByteArrayAsync(
                request, MAX_VALUE, Promise.Invocable.from(InvocationType.NON_BLOCKING, (value, failure) -> {
                    if (failure != null) {
                        new Problem(
                                        413,
                                        "value_too_large",
                                        "On this page, a value has " + MAX_VALUE + " bytes at most.")
                                .write(response, callback);
                        return;
                    }
                    scene.ask(id, what, key, value).whenComplete((answer, thrown) -> {
                        Map<String, Object> told = new LinkedHashMap<>();
                        told.put("status", answer == null ? null : answer.statusCode());
                        told.put(
                                "by",
                                answer == null
                                        ? null
                                        : answer.headers().firstValue(Api.NODE).orElse(null));
                        told.put("body", answer == null ? "The node does not answer." : answer.body());
                        response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json");
                        response.write(
                                true, BufferUtil.toBuffer(new JSON().toJSON(told), StandardCharsets.UTF_8), callback);
                    });
                }));
    }
}
