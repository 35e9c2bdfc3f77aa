package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.regex.Pattern;
import org.eclipse.jetty.server.HttpConfiguration;
import pitfalls.step04.RetryPolicy;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;

/** A configuration in its program, in front of the proxy of step 7. */
interface EdgeContract extends LoopbackTest {

    /** Starts the program, as it is configured, in front of that address. */
    Edge edgeOf(URI proxy) throws Exception;

    /** The configuration as it stands in its folder. */
    String configuration() throws IOException;

    /** The proxy of step 7, as it is run behind an edge. */
    default URI proxyOf(String target) throws Exception {
        return proxyOf(target, RetryPolicy.none());
    }

    /** The same, with retries. */
    default URI proxyOf(String target, RetryPolicy policy) throws Exception {
        var proxy = new StreamingProxy(target);
        proxy.setRetryPolicy(policy);
        return serve(proxy);
    }

    /** That proxy, as it is run behind an edge. */
    default URI serve(StreamingProxy proxy) throws Exception {
        proxy.setTrustedPeers("127.0.0.0/8");
        var configuration = new HttpConfiguration();
        configuration.setRequestHeaderSize(64 << 10); // as in the program
        return loopback.serve(proxy, configuration);
    }

    /** A client that speaks HTTP/1.1 over TLS. */
    default RawConnection clientOf(Edge edge) throws IOException {
        return loopback.connect(edge.url(), Edge.CLIENT.sslSocketFactory());
    }

    /** A client that connects from another address. */
    default RawConnection clientOf(Edge edge, String address) throws IOException {
        return loopback.connect(edge.url(), new FromAddress(address, Edge.CLIENT.sslSocketFactory()));
    }

    /** A time of the configuration's. */
    default Duration timeOf(String name) throws IOException {
        var setting = Pattern.compile("\\s" + name + "\\s+(\\d+[sm])").matcher(configuration());
        assertThat(setting.find()).as(name).isTrue();
        return Duration.parse("PT" + setting.group(1));
    }
}
