package pitfalls.program;

import io.prometheus.metrics.core.metrics.CounterWithCallback;
import io.prometheus.metrics.core.metrics.Gauge;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.ToIntFunction;
import org.eclipse.jetty.client.AbstractConnectionPool;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.transport.HttpDestination;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.RequestLog;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.NanoTime;
import pitfalls.step02.Exchange;
import pitfalls.step07.StreamingProxy;

/**
 * Counts what the proxy does, for Prometheus. The names are those of OpenTelemetry's conventions for HTTP, written as Prometheus writes
 * them; what has no name there begins with {@code reverse_proxy}.
 *
 * <p>No label has a value that a client can make up, so the number of time series stays small: a method that is not in use is
 * {@code _OTHER}, a status that has no name is its class, {@code 5xx}, and a path or an address of a client is nowhere.
 *
 * <p>The questions that {@link Health} answers are not counted, or a slow proxy would look fast between them. What Jetty refuses before it
 * asks a handler is.
 */
final class Metrics extends Handler.Wrapper implements RequestLog {
    private static final Set<String> METHODS =
            Set.of("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE");
    private static final String OTHER = "_OTHER";

    /** Seconds, as OpenTelemetry advises. */
    private static final double[] BUCKETS = {.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10};

    private final StreamingProxy proxy;
    private final String scheme;
    private final PrometheusRegistry registry = new PrometheusRegistry();
    private final Histogram durations;
    private final Gauge requests;
    private final Gauge streams;

    /**
     * Counts the requests of a server.
     *
     * @param proxy whose retries and connections are told
     * @param scheme what the server's clients use, {@code http} or {@code https}
     * @param handler leads to the proxy
     */
    Metrics(StreamingProxy proxy, String scheme, Handler handler) {
        super(handler);
        this.proxy = proxy;
        this.scheme = scheme;
        durations = Histogram.builder()
                .name("http_server_request_duration_seconds")
                .help("How long requests took, from their first byte to the end of their response.")
                .labelNames("http_request_method", "url_scheme", "http_response_status_code", "error_type")
                .classicOnly()
                .classicUpperBounds(BUCKETS)
                .withoutExemplars()
                .register(registry);
        requests = Gauge.builder()
                .name("http_server_active_requests")
                .help("Requests that are being served.")
                .labelNames("http_request_method", "url_scheme")
                .withoutExemplars()
                .register(registry);
        streams = Gauge.builder()
                .name("reverse_proxy_open_streams")
                .help("Responses that have begun and not ended: streams, and bodies on their way.")
                .withoutExemplars()
                .register(registry);
        GaugeWithCallback.builder()
                .name("reverse_proxy_open_tunnels")
                .help("Upgraded connections that are open, such as WebSockets.")
                .callback(gauge -> gauge.call(proxy.getOpenTunnels()))
                .register(registry);
        CounterWithCallback.builder()
                .name("reverse_proxy_retries_total")
                .help("How often a request was sent again.")
                .callback(counter -> counter.call(proxy.getRetries()))
                .register(registry);
        CounterWithCallback.builder()
                .name("reverse_proxy_retry_budget_refusals_total")
                .help("How often a request was not sent again because too many were at the time.")
                .callback(counter -> counter.call(proxy.getBudgetRefusals()))
                .register(registry);
        GaugeWithCallback.builder()
                .name("http_client_open_connections")
                .help("Connections to upstreams, without those of tunnels.")
                .labelNames("http_connection_state", "server_address", "server_port")
                .callback(gauge -> {
                    perUpstream(pool -> pool.pool().getActiveConnectionCount())
                            .forEach((upstream, n) -> gauge.call(n, "active", upstream.host(), upstream.port()));
                    perUpstream(pool -> pool.pool().getIdleConnectionCount())
                            .forEach((upstream, n) -> gauge.call(n, "idle", upstream.host(), upstream.port()));
                })
                .register(registry);
        GaugeWithCallback.builder()
                .name("reverse_proxy_waiting_requests")
                .help("Requests that wait for a connection to an upstream.")
                .labelNames("server_address", "server_port")
                .callback(gauge -> perUpstream(Pool::waiting)
                        .forEach((upstream, n) -> gauge.call(n, upstream.host(), upstream.port())))
                .register(registry);
    }

    /** Looks at all of them. */
    MetricSnapshots scrape() {
        return registry.scrape();
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        var active = requests.labelValues(methodOf(request), scheme);
        var watched = new Watched(request, response);
        active.inc();
        Request.addCompletionListener(request, failure -> {
            active.dec();
            watched.end();
        });
        return super.handle(request, watched, callback);
    }

    /** Called when a request is over, also one that no handler has seen. */
    @Override
    public void log(Request request, Response response) {
        Exchange exchange = Exchange.of(request);
        if (exchange == null) return; // answered by Health
        int status = AccessLog.statusOf(exchange, response);
        durations
                .labelValues(methodOf(request), scheme, codeOf(status), errorOf(exchange, status))
                .observe(NanoTime.since(request.getBeginNanoTime()) / (double) TimeUnit.SECONDS.toNanos(1));
    }

    private static String methodOf(Request request) {
        String method = request.getMethod();
        return METHODS.contains(method) ? method : OTHER;
    }

    private static String codeOf(int status) {
        boolean isKnown = HttpStatus.getCode(status) != null || status == AccessLog.CLIENT_LEFT;
        if (isKnown) return Integer.toString(status);
        return status < 100 || status > 999 ? OTHER : status / 100 + "xx";
    }

    /** The proxy's own reason; for an error of the upstream's, its status. */
    private static String errorOf(Exchange exchange, int status) {
        if (exchange.error() != null) return exchange.error().kind().type();
        return status >= 500 ? codeOf(status) : "";
    }

    /** One upstream may have several pools: for retries, and for clients that need connections of their own. */
    private Map<Address, Integer> perUpstream(ToIntFunction<Pool> count) {
        Map<Address, Integer> sums = new HashMap<>();
        HttpClient client = proxy.getHttpClient();
        if (client == null) return sums;
        for (Destination destination : client.getDestinations()) {
            if (!(destination instanceof HttpDestination http)) continue;
            if (!(http.getConnectionPool() instanceof AbstractConnectionPool pool)) continue;
            var origin = destination.getOrigin().getAddress();
            var address = new Address(origin.getHost(), Integer.toString(origin.getPort()));
            sums.merge(address, count.applyAsInt(new Pool(pool, http.getQueuedRequestCount())), Integer::sum);
        }
        return sums;
    }

    /**
     * An upstream's.
     *
     * @param host as it is configured
     * @param port in digits
     */
    private record Address(String host, String port) {}

    /**
     * Connections to an upstream.
     *
     * @param pool those that are open
     * @param waiting how many requests wait for one
     */
    private record Pool(AbstractConnectionPool pool, int waiting) {}

    /** A response, which is open from its first byte that is not its last to its end. */
    private final class Watched extends Response.Wrapper {
        private boolean open;
        private boolean over;

        private Watched(Request request, Response response) {
            super(request, response);
        }

        @Override
        public void write(boolean last, ByteBuffer content, Callback callback) {
            if (!last) begin();
            super.write(last, content, callback);
        }

        private synchronized void begin() {
            if (open || over) return;
            open = true;
            streams.inc();
        }

        private synchronized void end() {
            if (open) streams.dec();
            open = false;
            over = true;
        }
    }
}
