package pitfalls.minikv;

import java.util.UUID;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** Decides who answers a request: this node, or the leader. */
final class Entrance extends Handler.Sequence {
    private final Raft raft;
    private final Handler api;
    private final Handler toLeader;

    /** The entrance of a node. */
    Entrance(Raft raft, Handler api, Handler toLeader) {
        super(api, toLeader);
        this.raft = raft;
        this.api = api;
        this.toLeader = toLeader;
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        boolean isMine = raft.isLeader() || Api.isForAnyNode(request);
        Handler next = isMine ? api : toLeader;
        return next.handle(withIdempotencyKey(request), response, callback);
    }

    /**
     * Gives a PUT or a DELETE an {@code Idempotency-Key} if its client gave it none. HTTP takes both for idempotent, so the proxy sends them
     * again; but a PUT that is made a second time undoes what others have put in between.
     */
    private static Request withIdempotencyKey(Request request) {
        boolean needsOne =
                request.getMethod().equals("PUT") || request.getMethod().equals("DELETE");
        if (!needsOne || request.getHeaders().contains(Api.IDEMPOTENCY_KEY)) return request;
        var key = new HttpField(Api.IDEMPOTENCY_KEY, UUID.randomUUID().toString());
        HttpFields headers = HttpFields.build(request.getHeaders()).add(key).asImmutable();
        return new Request.Wrapper(request) {
            @Override
            public HttpFields getHeaders() {
                return headers;
            }
        };
    }
}
