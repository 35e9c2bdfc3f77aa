package pitfalls.program;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.jetty.server.ServerConnector;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import pitfalls.support.LoopbackTest;
import pitfalls.support.Slow;

/** Several instances behind one balancer, and the name that they have in {@code Via}. */
@Slow
class FleetNameTest implements LoopbackTest {
    private static final int INSTANCES = 3;

    private final List<Balancer> balancers = new ArrayList<>();

    @AfterEach
    void endBalancers() throws IOException {
        for (Balancer balancer : balancers) balancer.close();
    }

    private Balancer fleet(String target, String... options) throws Exception {
        var balancer = new Balancer();
        balancers.add(balancer);
        String to = target == null ? balancer.url().toString() : target;
        for (int i = 0; i < INSTANCES; i++) {
            var all = new ArrayList<>(List.of("--listen=127.0.0.1:0", "--target=" + to));
            all.addAll(List.of(options));
            var program = new ReverseProxy();
            ReverseProxy.commandLine(program).parseArgs(all.toArray(String[]::new));
            var server = loopback.started(program.newServer());
            int port = ((ServerConnector) server.getConnectors()[0]).getLocalPort();
            balancer.add(URI.create("http://127.0.0.1:" + port));
        }
        return balancer;
    }

    private int status(Balancer fleet) throws Exception {
        return loopback.connect(fleet.url())
                .sendRequest("GET /x")
                .receiveResponse()
                .status();
    }

    @Test
    void with_one_name_for_all_instances_a_loop_ends_after_one_more_hop() throws Exception {
        Balancer fleet = fleet(null, "--via=edge");

        int status = status(fleet);

        assertThat(status).isEqualTo(508);
        assertThat(fleet.connections()).isEqualTo(2);
    }

    @Test
    void with_a_name_for_each_instance_a_loop_meets_all_of_them() throws Exception {
        Balancer fleet = fleet(null);

        int status = status(fleet);

        assertThat(status).isEqualTo(508);
        assertThat(fleet.connections()).isEqualTo(INSTANCES + 1);
    }

    @Test
    void two_fleets_in_a_row_need_two_names() throws Exception {
        var upstream = loopback.upstream(ok());
        Balancer second = fleet(targetOf(upstream), "--via=inner");

        int withTwoNames = status(fleet(second.url().toString(), "--via=edge"));
        int withOneName = status(fleet(second.url().toString(), "--via=inner"));

        assertThat(withTwoNames).isEqualTo(200);
        assertThat(received(upstream).getHeaders().values("Via")).containsExactly("1.1 edge", "1.1 inner");
        assertThat(withOneName).isEqualTo(508);
    }
}
