package pitfalls.support;

import org.junit.jupiter.api.extension.RegisterExtension;

/** A test that starts servers and clients: {@code loopback.serve(proxy)}. Such tests run one after the other. */
public interface LoopbackTest {
    @RegisterExtension
    Loopback loopback = new Loopback();
}
