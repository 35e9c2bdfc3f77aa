package pitfalls.step06;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.targetOf;

import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import pitfalls.step02.ErrorResponder;
import pitfalls.support.Loopback;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawMessage;

/** The post's {@code proxyToLeader}: a node of a cluster serves what it leads, and forwards the rest to the leader. */
class ProxyToLeaderTest implements LoopbackTest {

    @Test
    @Order(1)
    void a_cluster_is_served_by_its_leader_through_any_node() throws Exception {
        var one = new Node("one");
        var two = new Node("two");
        var three = new Node("three");

        elect(three, one, two, three);
        assertThat(one.get().body()).isEqualTo("served by three");
        assertThat(two.get().body()).isEqualTo("served by three");

        three.die();
        var nobodyKnowsYet = one.get();
        assertThat(nobodyKnowsYet.status()).isEqualTo(502);
        assertThat(nobodyKnowsYet.body()).startsWith("upstream failed: connection ");

        elect(null, one, two);
        var noLeader = one.get();
        assertThat(noLeader.status()).isEqualTo(503);
        assertThat(noLeader.body()).isEqualTo("upstream failed: destination not found\n");

        elect(two, one, two);
        assertThat(one.get().body()).isEqualTo("served by two");
    }

    @Test
    @Order(2)
    void two_nodes_that_take_each_other_for_the_leader_do_not_loop() throws Exception {
        var one = new Node("one");
        var two = new Node("two");
        elect(two, one);
        elect(one, two);

        var response = one.get();

        assertThat(response.status()).isEqualTo(508);
        assertThat(one.front.requests().count() + two.front.requests().count())
                .as("requests, the client's included")
                .isEqualTo(2);
    }

    private static void elect(Node leader, Node... voters) {
        for (Node voter : voters) voter.leader = leader;
    }

    /** A node: its own store, and a front that forwards to the leader unless the node leads. */
    private static final class Node extends Handler.Sequence {
        private final Loopback.LateServer front = loopback.serveLater();
        private final DirectedProxy toStore;
        private final DirectedProxy toLeader;
        private volatile Node leader;

        Node(String name) throws Exception {
            var store = loopback.upstream(ok().body("served by " + name), ok().body("served by " + name));
            toStore = new DirectedProxy(targetOf(store));
            toLeader = new DirectedProxy(Director.leader(this::leaderAddress));
            toLeader.setErrorResponder(ErrorResponder.plainText());
            toLeader.setHopMark("X-MiniKV-Forwarded");
            setHandlers(toStore, toLeader);
            front.serve(this);
        }

        private String leaderAddress() {
            Node known = leader;
            return known == null ? null : known.front.address().toString();
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            var handler = leader == this ? toStore : toLeader;
            return handler.handle(request, response, callback);
        }

        RawMessage get() throws Exception {
            return loopback.connect(front.address()).sendRequest("GET /v1/key").receiveResponse();
        }

        void die() throws Exception {
            front.requests().getServer().stop();
        }
    }
}
