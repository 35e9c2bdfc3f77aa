package pitfalls.minikv;

import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.component.ContainerLifeCycle;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import pitfalls.step02.ErrorResponder;
import pitfalls.step02.ProxyError;
import pitfalls.step02.ServerErrorHandler;
import pitfalls.step03.UrlNormalizingProxy;
import pitfalls.step04.RetryPolicy;
import pitfalls.step05.HopDetectingProxy;
import pitfalls.step06.DirectedProxy;
import pitfalls.step06.Director;
import pitfalls.step07.StreamingProxy;
import pitfalls.step07.Timeouts;

/**
 * A node of MiniKV: an HTTP server, its part in Raft, and the proxy by which a client may ask any node. What only the leader may answer
 * goes to the leader.
 */
final class Node extends ContainerLifeCycle {
    /** A request that another node has forwarded carries this header. */
    static final String FORWARDED = "X-MiniKV-Forwarded";

    /** Retries of what the store makes once only, within two seconds: then a client that has to be told something is told soon. */
    private static final RetryPolicy RETRIES =
            RetryPolicy.idempotent().withIdempotencyKeys(true).withStatuses(503).withDeadline(Duration.ofSeconds(2));

    private static final Problem NO_AGREEMENT = new Problem(
            508,
            "no_agreement",
            "Another node took this one for the leader, which it is not: an election is going on. Try again soon.");

    private final Member self;
    final Server server = new Server(new QueuedThreadPool(32, 4));
    final ServerConnector connector;
    final Raft raft;
    final Store store = new Store();
    final Api api;
    private final StreamingProxy toLeader;

    /**
     * Not started yet.
     *
     * @param id which of the members it is
     * @param members all of them
     * @param folder where it keeps its log
     * @throws IllegalArgumentException if none of the members has that id, in one sentence
     */
    Node(String id, List<Member> members, Path folder) {
        self = members.stream()
                .filter(member -> member.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("'" + id + "' is not one of the members, which are "
                        + String.join(", ", members.stream().map(Member::id).toList()) + "."));
        raft = new Raft(self, members, folder, store);
        api = new Api(id, raft, store);
        toLeader = newProxyToLeader();
        connector = newConnector();
        server.addConnector(connector);
        server.setHandler(new Entrance(raft, api, toLeader));
        server.setErrorHandler(new ServerErrorHandler(toLeader));
        addBean(raft);
        addBean(server);
    }

    /** Makes it a part of that demo: it serves the page, and prints each request. */
    void show(String demo, PrintStream out) {
        server.setHandler(new Handler.Sequence(new Page(demo), server.getHandler()));
        server.setRequestLog(new RequestLine(self.id(), out));
    }

    /** Which of the members it is. */
    String id() {
        return self.id();
    }

    /** Where it serves clients, {@code http://127.0.0.1:8080} for example. */
    String url() {
        return "http://" + self.http();
    }

    /** Waits until it is stopped. */
    void join() throws InterruptedException {
        server.join();
    }

    private ServerConnector newConnector() {
        var http = new HttpConfiguration();
        http.setSendServerVersion(false);
        http.setHeaderCacheCaseSensitive(true);
        http.setUriCompliance(UrlNormalizingProxy.GATEWAY_URI_COMPLIANCE);
        var connector = new ServerConnector(server, 1, 1, new HttpConnectionFactory(http));
        connector.setHost(self.http().host());
        connector.setPort(self.http().port());
        return connector;
    }

    private StreamingProxy newProxyToLeader() {
        var proxy = new StreamingProxy(Director.leader(this::leaderAddress));
        proxy.setErrorResponder(Node::sayWhatTheClusterDoes);
        proxy.setRetryPolicy(RETRIES);
        proxy.setHopMark(FORWARDED);
        proxy.setTimeouts(
                Timeouts.defaults().withResponse(Duration.ofSeconds(3)).withStream(Duration.ZERO));
        return proxy;
    }

    /** Where the leader serves; {@code null} if nobody is known to lead, or if this node is about to. */
    private String leaderAddress() {
        return raft.isLeader()
                ? null
                : raft.leader().map(member -> member.http().toString()).orElse(null);
    }

    /** As {@link ErrorResponder#problemJson}, in terms of a cluster where it is the reason. */
    private static String sayWhatTheClusterDoes(ProxyError error, Request request, Response response) throws Exception {
        Problem problem;
        if (error.kind() == DirectedProxy.NO_UPSTREAM) problem = Api.NO_LEADER;
        else if (error.kind() == HopDetectingProxy.LOOP) problem = NO_AGREEMENT;
        else return ErrorResponder.problemJson().respond(error, request, response);
        problem.putHeaders(response);
        return problem.toJson();
    }
}
