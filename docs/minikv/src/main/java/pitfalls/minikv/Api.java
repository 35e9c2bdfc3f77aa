package pitfalls.minikv;

import static pitfalls.minikv.Command.Operation.APPEND;
import static pitfalls.minikv.Command.Operation.DELETE;
import static pitfalls.minikv.Command.Operation.PUT;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.ratis.protocol.exceptions.LeaderNotReadyException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.Promise;
import org.eclipse.jetty.util.ajax.JSON;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import pitfalls.step07.watch.Deadlines;

/**
 * What a node answers itself: as the leader everything, otherwise only {@code /v1/status} and what was asked for with
 * {@code ?stale=true}. Who may answer what is decided in {@link Entrance}.
 *
 * <p>Raft's threads and timers have other things to do than to write to clients, so threads of the server do.
 */
final class Api extends Handler.Abstract {
    /** By this header a change is known, so that it is made once, however often it is sent. */
    static final String IDEMPOTENCY_KEY = "Idempotency-Key";

    /** Says up to which index of the log the answer is true. */
    static final String INDEX = "X-MiniKV-Index";

    /** Says which node has answered. */
    static final String NODE = "X-MiniKV-Node";

    /** Nobody leads, or not yet. It says nothing about what an earlier attempt at the same request has done. */
    static final Problem NO_LEADER = new Problem(
            503,
            "no_leader",
            "No node leads at the moment: an election is going on, or most nodes are down. Try again soon.");

    private static final Problem NO_MAJORITY = new Problem(
            503,
            "no_majority",
            "This node leads, but no majority of the nodes has confirmed it in time, so it cannot tell whether its value is"
                    + " the last one. Try again, or read what it has with ?stale=true.");

    private static final Problem UNDECIDED = new Problem(
            504,
            "undecided",
            "No majority of the nodes has confirmed the change in time. Whether it will be made is unknown. Send it again with"
                    + " the same Idempotency-Key: then it is made once.");

    private static final Logger LOG = LoggerFactory.getLogger(Api.class);
    private static final Pattern KV = Pattern.compile("/v1/kv/([^/]*)(/append)?");
    private static final Pattern KEY = Pattern.compile("[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,199}");
    private static final Pattern ID = Pattern.compile("[!-~]([ -~]{0,198}[!-~])?");
    private static final Pattern FROM = Pattern.compile("[0-9]{1,18}");

    private final String id;
    private final Raft raft;
    private final Store store;
    private Deadlines deadlines;

    /** The answers of the node with that id. */
    Api(String id, Raft raft, Store store) {
        this.id = id;
        this.raft = raft;
        this.store = store;
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

    /** A request for something that no node does. */
    private static final class Refusal extends RuntimeException {
        private static final long serialVersionUID = 1;
        private final transient Problem problem;

        private Refusal(int status, String error, String detail) {
            super(detail, null, false, false);
            problem = new Problem(status, error, detail);
        }
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        response.getHeaders().put(NODE, id);
        try {
            route(request, response, callback);
        } catch (Refusal x) {
            refuse(x.problem, request, response, callback);
        }
        return true;
    }

    private void refuse(Problem problem, Request request, Response response, Callback callback) {
        if (!request.consumeAvailable()) response.getHeaders().put(HttpHeader.CONNECTION, "close");
        problem.write(response, callback);
    }

    private void route(Request request, Response response, Callback callback) {
        String path = request.getHttpURI().getPath();
        if (path.equals("/v1/status")) {
            allow(request, response, "GET", "HEAD");
            writeStatus(response, callback);
            return;
        }
        if (path.equals("/v1/replicate/stream")) {
            allow(request, response, "GET");
            stream(request, response, callback);
            return;
        }
        Matcher kv = KV.matcher(path);
        if (!kv.matches()) {
            throw new Refusal(
                    404,
                    "no_such_resource",
                    "There is nothing at '" + path
                            + "'. There are /v1/kv/KEY, /v1/kv/KEY/append, /v1/status and /v1/replicate/stream.");
        }
        String key = checkKey(kv.group(1));
        if (kv.group(2) != null) {
            allow(request, response, "POST");
            if (request.getHeaders().get(IDEMPOTENCY_KEY) == null) {
                throw new Refusal(
                        400,
                        "no_idempotency_key",
                        "To append needs an Idempotency-Key: a header with a name for this request that no other one has, so"
                                + " that it can be sent again without being done again.");
            }
            change(APPEND, key, request, response, callback);
            return;
        }
        allow(request, response, "GET", "HEAD", "PUT", "DELETE");
        switch (request.getMethod()) {
            case "PUT" -> change(PUT, key, request, response, callback);
            case "DELETE" -> change(DELETE, key, request, response, callback);
            default -> read(key, request, response, callback);
        }
    }

    private static void allow(Request request, Response response, String... methods) {
        String allowed = String.join(", ", methods);
        for (String method : methods) if (method.equals(request.getMethod())) return;
        response.getHeaders().put(HttpHeader.ALLOW, allowed);
        throw new Refusal(
                405,
                "method_not_allowed",
                "'" + request.getMethod() + "' is not possible here. These are: " + allowed + ".");
    }

    private static String checkKey(String key) {
        if (KEY.matcher(key).matches()) return key;
        throw new Refusal(
                400,
                "bad_key",
                "'" + key
                        + "' is not a key: it must be 1 to 200 letters, digits, '.', '_', '~' or '-', and not begin with a"
                        + " dot.");
    }

    private void change(
            Command.Operation operation, String key, Request request, Response response, Callback callback) {
        String changeId = request.getHeaders().get(IDEMPOTENCY_KEY);
        if (!ID.matcher(changeId).matches()) {
            throw new Refusal(
                    400, "bad_idempotency_key", "An Idempotency-Key must be 1 to 200 printable ASCII characters.");
        }
        if (request.getLength() > Store.MAX_VALUE_BYTES) throw valueTooLarge();
        CompletableFuture<String> value =
                operation == DELETE ? CompletableFuture.completedFuture("") : readValue(request);
        value.thenCompose(text -> raft.submit(new Command(operation, key, text, changeId)))
                .whenCompleteAsync(
                        (outcome, failure) -> {
                            if (failure != null) refuse(problemOf(failure, UNDECIDED), request, response, callback);
                            else writeOutcome(outcome, request, response, callback);
                        },
                        request.getComponents().getExecutor());
    }

    private static CompletableFuture<String> readValue(Request request) {
        var bytes = new CompletableFuture<byte[]>();
        Content.Source.asByteArrayAsync(request, Store.MAX_VALUE_BYTES, Promise.Invocable.toPromise(bytes));
        return bytes.handle((value, failure) -> {
            if (failure != null) {
                Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
                if (cause instanceof IllegalStateException) throw valueTooLarge();
                throw new Refusal(400, "broken_upload", "The value did not arrive as a whole. Send it again.");
            }
            return textOf(value);
        });
    }

    private static String textOf(byte[] bytes) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException x) {
            throw new Refusal(400, "bad_value", "A value must be text in UTF-8.");
        }
    }

    private static Refusal valueTooLarge() {
        return new Refusal(
                413, "value_too_large", "A value must have " + Store.MAX_VALUE_BYTES + " bytes (64 KiB) at most.");
    }

    private void writeOutcome(Outcome outcome, Request request, Response response, Callback callback) {
        Refusal refusal = switch (outcome.verdict()) {
            case APPLIED -> null;
            case VALUE_TOO_LARGE -> valueTooLarge();
            case STORE_FULL ->
                new Refusal(
                        507,
                        "store_full",
                        "All values together must have " + (Store.MAX_BYTES >> 20)
                                + " MiB at most, since they are kept in memory. Delete some first.");
            case KEY_REUSED ->
                new Refusal(
                        422,
                        "idempotency_key_reused",
                        "Another request has used this Idempotency-Key. Give each change a key of its own.");
        };
        if (refusal != null) {
            refuse(refusal.problem, request, response, callback);
            return;
        }
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json").put(INDEX, outcome.index());
        write(response, callback, "{\"index\":" + outcome.index() + "}\n");
    }

    private void read(String key, Request request, Response response, Callback callback) {
        CompletableFuture<Void> ready = isStale(request) ? CompletableFuture.completedFuture(null) : raft.catchUp();
        ready.whenCompleteAsync(
                (done, failure) -> {
                    if (failure != null) refuse(problemOf(failure, NO_MAJORITY), request, response, callback);
                    else writeReading(key, request, response, callback);
                },
                request.getComponents().getExecutor());
    }

    private void writeReading(String key, Request request, Response response, Callback callback) {
        Store.Reading reading = store.read(key);
        if (reading.value() == null) {
            refuse(new Problem(404, "no_such_key", "The key '" + key + "' has no value."), request, response, callback);
            return;
        }
        response.getHeaders()
                .put(HttpHeader.CONTENT_TYPE, "text/plain;charset=utf-8")
                .put(HttpHeader.CACHE_CONTROL, "no-store")
                .put(INDEX, reading.index());
        write(response, callback, reading.value());
    }

    private static void write(Response response, Callback callback, String text) {
        response.write(true, BufferUtil.toBuffer(text, StandardCharsets.UTF_8), callback);
    }

    /** Whether each node answers this itself. */
    static boolean isForAnyNode(Request request) {
        return isStale(request) || request.getHttpURI().getPath().equals("/v1/status");
    }

    /** Whether the client is content with what this node has, be it the last value or not. */
    private static boolean isStale(Request request) {
        boolean reads = request.getMethod().equals("GET") || request.getMethod().equals("HEAD");
        String query = request.getHttpURI().getQuery();
        return reads && query != null && ("&" + query + "&").contains("&stale=true&");
    }

    private static Problem problemOf(Throwable failure, Problem otherwise) {
        Throwable cause = failure instanceof CompletionException ? failure.getCause() : failure;
        if (cause instanceof Refusal refusal) return refusal.problem;
        boolean isEarly = cause.getCause() instanceof LeaderNotReadyException; // before it was looked at
        Problem problem = isEarly ? NO_LEADER : otherwise;
        if (!(cause instanceof TimeoutException)) LOG.debug("{}", problem.error(), cause);
        return problem;
    }

    private void writeStatus(Response response, Callback callback) {
        response.getHeaders()
                .put(HttpHeader.CONTENT_TYPE, "application/json")
                .put(HttpHeader.CACHE_CONTROL, "no-store");
        write(response, callback, new JSON().toJSON(status()) + "\n");
    }

    /** What {@code /v1/status} says. */
    Map<String, Object> status() {
        Raft.Status known = raft.status();
        Map<String, Object> status = new LinkedHashMap<>();
        status.put("node", id);
        status.put("role", known.role());
        status.put("term", known.term());
        status.put("leader", known.leader());
        status.put("committed", known.committed());
        status.put("applied", known.applied());
        status.put("keys", store.size());
        return status;
    }

    private void stream(Request request, Response response, Callback callback) {
        String given = Request.extractQueryParameters(request).getValue("from");
        if (given != null && !FROM.matcher(given).matches()) {
            throw new Refusal(400, "bad_index", "'" + given + "' is not an index: write ?from=1, or leave it out.");
        }
        long from = given == null ? store.applied() + 1 : Math.max(1, Long.parseLong(given));
        if (from <= store.forgotten()) {
            throw new Refusal(
                    410,
                    "changes_forgotten",
                    "The changes up to " + store.forgotten()
                            + " are not kept any more. Read the values, and then the stream" + " with ?from="
                            + (store.forgotten() + 1) + ".");
        }
        new ReplicateStream(store, from, deadlines, request, response, callback).begin();
    }
}
