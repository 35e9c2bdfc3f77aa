package pitfalls.step06;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.client.AbstractConnectionPool;
import org.eclipse.jetty.client.Connection;
import org.eclipse.jetty.client.ConnectionPool;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.Origin;
import org.eclipse.jetty.client.transport.HttpDestination;
import org.eclipse.jetty.io.ClientConnector;
import org.eclipse.jetty.util.NanoTime;
import org.eclipse.jetty.util.Pool;
import org.eclipse.jetty.util.Promise;
import org.eclipse.jetty.util.SocketAddressResolver;
import org.eclipse.jetty.util.component.AbstractLifeCycle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The addresses behind the names of upstreams, which may change while the proxy runs. Jetty looks a name up when it opens a connection,
 * and it opens none as long as a kept one serves. So a name that moves is not followed while there is traffic.
 *
 * <p>A thread of this class looks up, once a second, each name that requests go to. Requests do not wait for it, and get the addresses that are known.
 *
 * <ul>
 *   <li>A connection to an address that is no longer among them gets no more requests. It is closed when it has served its last one, or is
 *       found idle.
 *   <li>If a look-up fails, what is known stays.
 *   <li>Connections are spread over the addresses of the kind, IPv4 or IPv6, that the look-up names first. The others are for the case that none
 *       of those can be connected to.
 *   <li>An address that could not be connected to is tried last for half a minute.
 * </ul>
 *
 * <p>Java itself remembers the answer to a look-up for 30 s ({@code networkaddress.cache.ttl}), and that there is none for 10 s
 * ({@code networkaddress.cache.negative.ttl}), both in the file {@code conf/security/java.security}. So a move is noticed after 31 s at most.
 *
 * <p>Danger: a name server that answers with some of many addresses, and each time with others, makes connections end that could
 * have been kept. They are opened anew, at the price of a handshake.
 */
final class UpstreamNames extends AbstractLifeCycle implements SocketAddressResolver, ClientConnector.ConnectListener {
    /** How often names are looked up again. Most answers come from what Java remembers. */
    static final Duration INTERVAL = Duration.ofSeconds(1);

    private static final Logger LOG = LoggerFactory.getLogger(UpstreamNames.class);
    private static final long AVOIDED_MS = 30_000;
    private static final long FRESH_MS = 1000;
    private static final long SHORT_MS = 10;

    private final HttpClient httpClient;
    private final SocketAddressResolver own;
    private SocketAddressResolver resolver;
    private final Duration interval;
    private final Map<Name, List<InetSocketAddress>> known = new ConcurrentHashMap<>();
    private final Map<AbstractConnectionPool, Old> old = new ConcurrentHashMap<>();
    private final Set<Name> failing = ConcurrentHashMap.newKeySet();
    private final Map<SocketAddress, Long> avoidedSince = new ConcurrentHashMap<>();
    private final AtomicInteger turn = new AtomicInteger();
    private final CountDownLatch stopped = new CountDownLatch(1);

    /** Where connections go, as the operator has written it. */
    private record Name(String host, int port) {
        private static Name of(Destination destination) {
            Origin.Address address = destination.getOrigin().getAddress();
            return new Name(address.getHost(), address.getPort());
        }

        /** An IP address cannot move. */
        private boolean isAddress() {
            return host.indexOf(':') >= 0 || host.matches("[0-9.]+");
        }
    }

    private UpstreamNames(HttpClient httpClient, Duration interval) {
        this.httpClient = httpClient;
        this.interval = interval;
        own = httpClient.getSocketAddressResolver();
    }

    /** Has the client, which has not started, follow names, by the resolver that it has or, where it has none, by Java's. */
    static void configure(HttpClient httpClient, Duration interval) {
        var names = new UpstreamNames(httpClient, interval);
        httpClient.setSocketAddressResolver(names);
        httpClient.getClientConnector().addEventListener(names);
    }

    @Override
    protected void doStart() {
        resolver = own;
        if (own == null) {
            long timeout = httpClient.getAddressResolutionTimeout();
            resolver = new Async(httpClient.getExecutor(), httpClient.getScheduler(), timeout);
        }
        var thread = new Thread(this::lookAgainUntilStopped, "upstream-names");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    protected void doStop() {
        stopped.countDown();
    }

    /** Called for each connection that is opened. */
    @Override
    public void resolve(String host, int port, Map<String, Object> context, Promise<List<InetSocketAddress>> promise) {
        var name = new Name(host, port);
        List<InetSocketAddress> addresses = known.get(name);
        if (addresses != null) {
            promise.succeeded(inTurn(addresses));
            return;
        }
        resolver.resolve(host, port, context, new Promise.Wrapper<>(promise) {
            @Override
            public void succeeded(List<InetSocketAddress> found) {
                known.put(name, List.copyOf(found));
                super.succeeded(inTurn(found));
            }
        });
    }

    /** The same addresses: each time another one first, and last those that were in vain. */
    private List<InetSocketAddress> inTurn(List<InetSocketAddress> addresses) {
        if (addresses.size() < 2) return addresses;
        List<InetSocketAddress> preferred = new ArrayList<>();
        List<InetSocketAddress> others = new ArrayList<>();
        for (InetSocketAddress address : addresses)
            (isLike(address, addresses.get(0)) ? preferred : others).add(address);
        Collections.rotate(preferred, -Math.floorMod(turn.getAndIncrement(), preferred.size()));
        preferred.addAll(others);
        List<InetSocketAddress> order = new ArrayList<>(preferred);
        order.removeIf(this::isAvoided);
        preferred.removeAll(order);
        order.addAll(preferred);
        return order;
    }

    /** Whether both are IPv4, or both are IPv6: Java puts first what this machine can reach (RFC 6724). */
    private static boolean isLike(InetSocketAddress one, InetSocketAddress other) {
        return one.getAddress() == null
                || other.getAddress() == null
                || one.getAddress().getClass() == other.getAddress().getClass();
    }

    private boolean isAvoided(InetSocketAddress address) {
        Long since = avoidedSince.get(address);
        return since != null && NanoTime.millisSince(since) < AVOIDED_MS;
    }

    @Override
    public void onConnectFailure(SocketChannel channel, SocketAddress address, Throwable failure) {
        if (address != null) avoidedSince.put(address, NanoTime.now());
    }

    @Override
    public void onConnectSuccess(SocketChannel channel) {
        if (avoidedSince.isEmpty()) return;
        try {
            avoidedSince.remove(channel.getRemoteAddress());
        } catch (IOException x) {
            // It has ended already.
        }
    }

    private void lookAgainUntilStopped() {
        try {
            long looked = NanoTime.now();
            while (!stopped.await(pauseNanos(), TimeUnit.NANOSECONDS)) {
                letGo();
                if (NanoTime.since(looked) < interval.toNanos()) continue;
                looked = NanoTime.now();
                lookAgain();
            }
        } catch (InterruptedException x) {
            Thread.currentThread().interrupt();
        }
    }

    /** Short behind a move, or connections that were opened since would be old too. */
    private long pauseNanos() {
        boolean isFresh = old.values().stream().anyMatch(Old::isFresh);
        return isFresh ? Math.min(interval.toNanos(), TimeUnit.MILLISECONDS.toNanos(SHORT_MS)) : interval.toNanos();
    }

    /** Jetty forgets an upstream that gets no requests, and so its name is not looked up any more. */
    private void lookAgain() {
        Set<Name> names = new HashSet<>();
        for (Destination destination : httpClient.getDestinations()) names.add(Name.of(destination));
        known.keySet().retainAll(names);
        failing.retainAll(names);
        avoidedSince.values().removeIf(since -> NanoTime.millisSince(since) >= AVOIDED_MS);
        SocketAddressResolver here = own == null ? new Sync() : own; // in this thread, and in none that serves requests
        for (Name name : names) {
            if (name.isAddress() || !known.containsKey(name)) continue;
            here.resolve(name.host(), name.port(), new ConcurrentHashMap<>(), new Promise<>() {
                @Override
                public void succeeded(List<InetSocketAddress> found) {
                    if (!found.isEmpty()) replace(name, List.copyOf(found));
                }

                @Override
                public void failed(Throwable failure) {
                    if (failing.add(name))
                        LOG.warn("{} cannot be looked up: {} are used further", name, known.get(name));
                }
            });
        }
    }

    private void replace(Name name, List<InetSocketAddress> found) {
        failing.remove(name);
        List<InetSocketAddress> before = known.replace(name, found);
        if (before == null) return; // it was forgotten in the meantime
        boolean hasMoved = !new HashSet<>(before).equals(new HashSet<>(found));
        if (hasMoved) LOG.info("{}:{} has moved from {} to {}", name.host(), name.port(), before, found);
        if (!hasMoved) return;
        for (Destination destination : httpClient.getDestinations()) {
            ConnectionPool pool = ((HttpDestination) destination).getConnectionPool();
            boolean isMeant = Name.of(destination).equals(name) && pool instanceof AbstractConnectionPool;
            if (isMeant) noteMove((AbstractConnectionPool) pool, name);
        }
    }

    private void noteMove(AbstractConnectionPool pool, Name name) {
        long now = NanoTime.now();
        old.compute(
                pool,
                (key, before) -> new Old(pool, name, before == null ? pool.getMaxDuration() : before.usualMs(), now));
        letGo();
    }

    private void letGo() {
        old.values().removeIf(pool -> !pool.letGo(known.get(pool.name())));
    }

    /**
     * A pool with connections to addresses that are no longer known. Jetty lets no connection serve that is older than a limit, so the limit
     * is set to the time since the move, again and again, until those that are older have gone.
     *
     * @param name where it leads
     * @param usualMs its limit at other times, in milliseconds; 0 is none
     * @param movedAt when the name moved, as {@link NanoTime} counts
     */
    private record Old(AbstractConnectionPool pool, Name name, long usualMs, long movedAt) {
        private boolean isFresh() {
            return NanoTime.millisSince(movedAt) < FRESH_MS;
        }

        /** Lets none serve that is older than the move; returns whether there are any left. */
        private boolean letGo(List<InetSocketAddress> known) {
            boolean hasOld = pool.isRunning() && known != null && leadsElsewhere(known);
            long sinceMove = Math.max(1, NanoTime.millisSince(movedAt));
            long limit = usualMs == 0 ? sinceMove : Math.min(usualMs, sinceMove);
            pool.setMaxDuration(hasOld ? limit : usualMs);
            return hasOld;
        }

        private boolean leadsElsewhere(List<InetSocketAddress> known) {
            Pool<?> connections = pool.getBean(Pool.class);
            return connections != null
                    && connections.stream()
                            .map(Pool.Entry::getPooled)
                            .filter(Connection.class::isInstance) // null for one that is being opened
                            .map(connection -> ((Connection) connection).getRemoteSocketAddress())
                            .anyMatch(address -> address instanceof InetSocketAddress && !known.contains(address));
        }
    }
}
