package pitfalls.support;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collection;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.proxy.ProxyHandler;

/** A time in which a proxy writes to its upstreams, and does not see what comes from them, until it is closed. */
public final class LookingAway implements AutoCloseable {
    private final CompletableFuture<Void> end = new CompletableFuture<>();
    private final CountDownLatch begun;

    public LookingAway(ProxyHandler proxy) {
        Collection<ManagedSelector> selectors = proxy.getHttpClient().getContainedBeans(ManagedSelector.class);
        begun = new CountDownLatch(selectors.size());
        for (var selector : selectors) {
            selector.submit(keys -> {
                begun.countDown();
                end.join();
            });
        }
    }

    /** Waits until it has begun. */
    public void await() throws InterruptedException {
        boolean hasBegun = begun.await(Loopback.PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        assertThat(hasBegun).as("whether the proxy looks away").isTrue();
    }

    @Override
    public void close() {
        end.complete(null);
    }
}
