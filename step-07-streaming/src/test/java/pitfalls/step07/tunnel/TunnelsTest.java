package pitfalls.step07.tunnel;

import static org.assertj.core.api.Assertions.assertThat;

import org.eclipse.jetty.io.ByteArrayEndPoint;
import org.junit.jupiter.api.Test;

class TunnelsTest {

    @Test
    void a_tunnel_that_opens_when_the_proxy_has_stopped_ends_at_once() throws Exception {
        var tunnels = new Tunnels();
        var endPoint = new ByteArrayEndPoint();

        tunnels.start();
        tunnels.stop();
        tunnels.opened(endPoint);

        assertThat(endPoint.isOpen()).isFalse();
    }

    @Test
    void tunnels_that_are_started_again_stay_open() throws Exception {
        var tunnels = new Tunnels();
        var endPoint = new ByteArrayEndPoint();

        tunnels.start();
        tunnels.stop();
        tunnels.start();
        tunnels.opened(endPoint);

        assertThat(endPoint.isOpen()).isTrue();
    }
}
