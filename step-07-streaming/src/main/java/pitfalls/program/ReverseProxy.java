package pitfalls.program;

import java.io.IOException;
import java.net.SocketException;
import java.nio.file.Path;
import java.security.Security;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.eclipse.jetty.alpn.server.ALPNServerConnectionFactory;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.RequestLog;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Jetty;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;
import pitfalls.step02.ServerErrorHandler;
import pitfalls.step04.RetryPolicy;
import pitfalls.step04.Setting;
import pitfalls.step05.HopMark;
import pitfalls.step06.Director;
import pitfalls.step07.StreamingProxy;
import pitfalls.step07.Timeouts;
import pitfalls.step07.UpstreamProtocol;
import pitfalls.step07.inplace.InPlace;

/** The {@link StreamingProxy} as a program: options in, and a server out. What it does is in the classes of the steps. */
@Command(
        name = "reverse-proxy",
        description =
                "Forwards HTTP requests. Without --target and --route, it forwards them to a demo server of its own.",
        mixinStandardHelpOptions = true,
        versionProvider = ReverseProxy.Version.class,
        sortOptions = false,
        footer = {
            "",
            "You can also set each option by an environment variable: --max-head-size, for example, by"
                    + " REVERSE_PROXY_MAX_HEAD_SIZE=128k. The command line overrides the variable.",
            "The program can also read options from a file, one on each line: reverse-proxy @FILE."
        },
        usageHelpWidth = 100)
public final class ReverseProxy implements Callable<Integer> {
    private static final String LOGGING = "logback.configurationFile";
    private static final Duration LONGEST = Duration.ofDays(365);
    private static final int ADDED_FIELDS =
            16 * 1024; // such as X-Forwarded-Host, which repeats a field of the client's

    @Option(
            names = "--listen",
            paramLabel = "ADDRESS",
            defaultValue = "127.0.0.1:8080",
            description =
                    "Listen here: :8080 is every interface, and port 0 is any free port. Default: ${DEFAULT-VALUE}.")
    private ListenAddress listen;

    @Option(
            names = "--tls-certificate",
            paramLabel = "FILE",
            description =
                    "Listen with TLS 1.2 and 1.3, for HTTP/2 and HTTP/1.1. The file contains the certificate (PEM), and those"
                            + " that lead from it to its authority. Needs --tls-key. A renewed file needs no restart.")
    private Path tlsCertificate;

    @Option(
            names = "--tls-key",
            paramLabel = "FILE",
            description = "The private key of that certificate (PEM): RSA, EC or EdDSA, as PKCS#8, not encrypted.")
    private Path tlsKey;

    @Option(
            names = "--target",
            paramLabel = "ADDRESS",
            description = "Forward to this upstream: :8081, leader.internal:8081, https://leader.internal, or"
                    + " h2c://leader.internal:8081 for HTTP/2 without TLS.")
    private String target;

    @Option(
            names = "--route",
            paramLabel = "'HEADER=VALUE=ADDRESS'",
            description =
                    "Forward requests that carry this header to another upstream, for example 'X-Tenant=red=:8082'."
                            + " Repeat it for more routes; the first match wins.")
    private List<Route> routes = List.of();

    @Option(
            names = "--retries",
            paramLabel = "N",
            defaultValue = "0",
            description = "Send a failed request again up to N times, if that is safe. Default: ${DEFAULT-VALUE}.")
    private int retries;

    @Option(
            names = "--retry-for",
            paramLabel = "TIME",
            description =
                    "With --retries: if the proxy cannot connect to the upstream, as during a restart, try again for"
                            + " this time. Such attempts do not count as retries, since nothing is sent. Default: 1s.")
    private Duration retryFor;

    @Option(
            names = "--hop-mark",
            paramLabel = "HEADER",
            description =
                    "Detect loops by this header instead of Via, and write no Via unless --via is given. Use it only"
                            + " if a request crosses one such proxy.")
    private String hopMark;

    @Option(
            names = "--via",
            paramLabel = "PSEUDONYM",
            description =
                    "Write this name into Via, for example edge-a. All instances of a fleet need the same one, by which a loop"
                            + " ends, and two fleets in a row need two. Default: a random name.")
    private String via;

    @Option(
            names = "--no-via",
            description =
                    "Write no Via, for upstreams that do not compress a response to a request with one. Loops are then"
                            + " detected by --hop-mark, or by the header CDN-Loop.")
    private boolean noVia;

    @Option(
            names = "--connection-timeout",
            paramLabel = "TIME",
            description = "Answer 503 to a request that has waited for a free connection for this time. Default: 5s.")
    private Duration connectionTimeout = Timeouts.defaults().connection();

    @Option(
            names = "--response-timeout",
            paramLabel = "TIME",
            description =
                    "Answer 504 if the upstream has not begun to answer after this time, counted from the end of the"
                            + " request. Default: 60s; 0s: never.")
    private Duration responseTimeout = Timeouts.defaults().response();

    @Option(
            names = "--head-timeout",
            paramLabel = "TIME",
            description =
                    "Send the headers of a response without its body if no body has come after this time. Default: 0.1s.")
    private Duration headTimeout = Timeouts.defaults().head();

    @Option(
            names = "--stream-timeout",
            paramLabel = "TIME",
            description =
                    "Break a response off if the upstream sends none of its body for this time. Default: 10m; 0s: never.")
    private Duration streamTimeout = Timeouts.defaults().stream();

    @Option(
            names = "--client-timeout",
            paramLabel = "TIME",
            description = "Give up a client that pauses for this time during its upload, or while it reads a response."
                    + " Default: 10m; 0s: never.")
    private Duration clientTimeout = Timeouts.defaults().client();

    @Option(
            names = "--request-head-timeout",
            paramLabel = "TIME",
            defaultValue = "30s",
            description = "Answer 408 if the headers of a request have not all arrived after this time, and close a"
                    + " connection whose TLS handshake takes longer. Default: ${DEFAULT-VALUE}; 0s: never.")
    private Duration requestHeadTimeout;

    @Option(
            names = "--idle-timeout",
            paramLabel = "TIME",
            defaultValue = "75s",
            description = "Close a client's connection if no request comes on it for this time."
                    + " Default: ${DEFAULT-VALUE}; 0s: never.")
    private Duration idleTimeout;

    @Option(
            names = "--client-connection-age",
            paramLabel = "TIME",
            description =
                    "Once a client's connection is this old, give or take a tenth, close it after its next answer, so that the"
                            + " client connects again, perhaps to another instance. Default: never.")
    private Duration clientConnectionAge = Duration.ZERO;

    @Option(
            names = "--upgraded-timeout",
            paramLabel = "TIME",
            description = "Close a WebSocket on which nothing passes for this time. Default: 1h; 0s: never.")
    private Duration upgradedTimeout = Timeouts.defaults().upgraded();

    @Option(
            names = "--stop-timeout",
            paramLabel = "TIME",
            defaultValue = "30s",
            description = "After SIGTERM, give requests in flight this time to end. Default: ${DEFAULT-VALUE}.")
    private Duration stopTimeout;

    @Option(
            names = "--stop-delay",
            paramLabel = "TIME",
            defaultValue = "0s",
            description =
                    "After SIGTERM, go on accepting connections for this time, so that a balancer can learn to send no more."
                            + " Meanwhile /ready of --health answers 503, and each connection is closed after its next"
                            + " answer. A second SIGTERM ends the program at once. Default: ${DEFAULT-VALUE}.")
    private Duration stopDelay;

    @Option(
            names = "--health",
            paramLabel = "PREFIX",
            arity = "0..1",
            fallbackValue = "/",
            description =
                    "Answer /live (is the process alive?) and /ready (should it get requests?) without asking an upstream;"
                            + " with --health=/internal, /internal/live and /internal/ready. /ready is 503 at first, for up to"
                            + " a second in which the program warms up. Default: off.")
    private String health;

    @Option(
            names = "--metrics",
            paramLabel = "ADDRESS",
            description = "Serve metrics for Prometheus here, on a port of their own: 127.0.0.1:9464 is"
                    + " http://127.0.0.1:9464/metrics. Everybody who can connect to it can read them. Default: off.")
    private ListenAddress metrics;

    @Option(
            names = "--max-upstream-connections",
            paramLabel = "N",
            defaultValue = "1000",
            description = "Open at most N connections to each upstream. Default: ${DEFAULT-VALUE}.")
    private int maxUpstreamConnections;

    @Option(
            names = "--upstream-connection-age",
            paramLabel = "TIME",
            defaultValue = "5m",
            description =
                    "Send no more requests on an upstream's connection once it is this old, give or take a tenth, and open"
                            + " another, perhaps to a server that is new. Default: ${DEFAULT-VALUE}; 0s: never.")
    private Duration upstreamConnectionAge;

    @Option(
            names = "--upstream-protocol",
            paramLabel = "http/1.1|h2|auto",
            defaultValue = "http/1.1",
            description =
                    "Speak this to upstreams: HTTP/1.1, HTTP/2, or what an https upstream offers (ALPN). The proxy always"
                            + " speaks HTTP/2 without TLS to an address that begins with h2c://. Default: ${DEFAULT-VALUE}.")
    private UpstreamProtocol upstreamProtocol;

    @Option(
            names = "--upstream-ca",
            paramLabel = "FILE",
            description =
                    "Trust these certificates (PEM) of https upstreams too, besides the authorities that Java trusts.")
    private Path upstreamCa;

    @Option(
            names = "--upstream-certificate",
            paramLabel = "FILE",
            description = "Show this certificate (PEM) to https upstreams that ask for one. Needs --upstream-key.")
    private Path upstreamCertificate;

    @Option(
            names = "--upstream-key",
            paramLabel = "FILE",
            description = "The private key of that certificate (PEM): RSA, EC or EdDSA, as PKCS#8, not encrypted.")
    private Path upstreamKey;

    @Option(
            names = "--trust-forwarded-from",
            paramLabel = "RANGE",
            split = ",",
            description =
                    "Believe X-Forwarded-For and Forwarded of proxies in front that have these addresses, for example"
                            + " 10.0.0.0/8. Default: nobody.")
    private List<String> trustedPeers = List.of();

    @Option(
            names = "--strict-targets",
            description =
                    "Answer 400 to a path that two programs may read differently, such as one with // or an encoded"
                            + " slash, instead of passing it on. Use it if something in front decides by the path.")
    private boolean strictTargets;

    @Option(
            names = "--max-head-size",
            paramLabel = "SIZE",
            defaultValue = "64k",
            description = "Answer 431 to a request whose first line and headers are longer than this: 65536, 64k or 1m."
                    + " Default: ${DEFAULT-VALUE}.")
    private Size maxHeadSize;

    @Option(
            names = "--host",
            paramLabel = "client|upstream",
            defaultValue = "upstream",
            description =
                    "Send the upstream its own address as Host, or the client's Host: for WebSocket servers that compare"
                            + " it with Origin, and for signed requests. Default: ${DEFAULT-VALUE}.")
    private HostSent host;

    @Option(
            names = "--map-location",
            negatable = true,
            description =
                    "If Location or Content-Location names the upstream, write the address there that the client has used for"
                            + " this proxy. Default: yes, unless you give --host client.")
    private Boolean mapLocation;

    @Option(
            names = "--access-log",
            paramLabel = "FILE",
            description = "Append a line for each request to this file, or print it if this is -.")
    private Path accessLog;

    @Option(
            names = "--backlog",
            paramLabel = "N",
            defaultValue = "65535",
            description = "Let up to N clients wait until their connection is accepted, if the kernel permits so many"
                    + " (net.core.somaxconn). Default: ${DEFAULT-VALUE}.")
    private int backlog;

    @Option(
            names = "--min-upload-rate",
            paramLabel = "BYTES",
            defaultValue = "240",
            description =
                    "When less than a tenth of an upstream's connections is free, answer 408 to uploads that have brought"
                            + " fewer bytes a second over the last 10 s, the slowest first; 0: to none. Default:"
                            + " ${DEFAULT-VALUE}.")
    private int minUploadRate;

    @Option(
            names = "--min-download-rate",
            paramLabel = "BYTES",
            defaultValue = "240",
            description =
                    "When less than a tenth of an upstream's connections is free, cut responses of which the client has"
                            + " read fewer bytes a second over the last 10 s, the slowest first; 0: none. Default:"
                            + " ${DEFAULT-VALUE}.")
    private int minDownloadRate;

    @Option(
            names = "--max-connections",
            paramLabel = "N",
            description =
                    "Accept at most N connections of clients. When all are in use, idle ones are closed, and new ones wait."
                            + " Default: three fifths of what ulimit -n permits, which is also the maximum.")
    private Integer maxConnections;

    @Option(
            names = "--max-connections-per-client",
            paramLabel = "N",
            description =
                    "Let one client have at most N connections; for IPv6, a /64 network counts as one client. One more is"
                            + " closed at once, unless another one of the same client is idle: then that one is closed. Addresses"
                            + " in --trust-forwarded-from have no such limit, so name a balancer in front there. Default: half of"
                            + " --max-connections, but not less than 1000.")
    private Integer maxConnectionsPerClient;

    @Option(
            names = "--replay-memory",
            paramLabel = "PERCENT",
            defaultValue = "12",
            description = "Let the bodies that are kept for retries take at most this share of the heap, all together."
                    + " Default: ${DEFAULT-VALUE}.")
    private int replayMemory;

    @Spec
    private CommandSpec spec;

    private MetricsPort metricsPort;
    private final Descriptors descriptors = Descriptors.ofProcess();

    /** Instances are made by picocli. */
    ReverseProxy() {}

    /**
     * Runs the proxy until the process is told to stop.
     *
     * @param args the options: {@code --help} lists them
     */
    public static void main(String[] args) {
        configureLogging();
        askAgainForUnknownNames();
        System.exit(commandLine(new ReverseProxy()).execute(args));
    }

    /** Before anything is logged. A configuration that somebody has set stays. */
    static void configureLogging() {
        if (System.getProperty(LOGGING) == null) System.setProperty(LOGGING, "pitfalls/program/logback.xml");
    }

    /** Java remembers for 10 s that a name is unknown, and requests fail for as long after it is known. Another time that somebody has set stays. */
    private static void askAgainForUnknownNames() {
        String property = "networkaddress.cache.negative.ttl";
        if ("10".equals(Security.getProperty(property))) Security.setProperty(property, "1");
    }

    /** The command line of that program, in the environment of this process. */
    static CommandLine commandLine(ReverseProxy program) {
        return commandLine(program, System::getenv);
    }

    /** The same in another environment. */
    static CommandLine commandLine(ReverseProxy program, UnaryOperator<String> environment) {
        return new CommandLine(program)
                .registerConverter(ListenAddress.class, ListenAddress::parse)
                .registerConverter(Route.class, Route::parse)
                .registerConverter(Size.class, Size::parse)
                .registerConverter(HostSent.class, HostSent::parse)
                .registerConverter(UpstreamProtocol.class, ReverseProxy::protocolOf)
                .registerConverter(Duration.class, ReverseProxy::durationOf)
                .setDefaultValueProvider(new Environment(environment))
                .setExecutionStrategy(Environment::execute)
                .setParameterExceptionHandler(new BadOption());
    }

    private static Duration durationOf(String text) {
        try {
            Duration time = Duration.parse("PT" + text);
            if (!time.isNegative() && time.compareTo(LONGEST) <= 0) return time;
        } catch (DateTimeParseException x) {
            // told below
        }
        throw new TypeConversionException("'" + text + "' is not a time. Write 0.5s, 30s, 10m or 1h; 365 days at most");
    }

    private static UpstreamProtocol protocolOf(String text) {
        return switch (text) {
            case "http/1.1" -> UpstreamProtocol.HTTP_1_1;
            case "h2" -> UpstreamProtocol.HTTP_2;
            case "auto" -> UpstreamProtocol.AUTO;
            default ->
                throw new TypeConversionException(
                        "--upstream-protocol must be http/1.1, h2 or auto, not '" + text + "'");
        };
    }

    @Override
    public Integer call() throws Exception {
        boolean isDemo = target == null && routes.isEmpty();
        if (isDemo) target = DemoUpstream.serve();
        Server server = newServer();
        try {
            server.start();
        } catch (IOException x) {
            String reason = x.getCause() instanceof SocketException cause ? cause.getMessage() : x.getMessage();
            boolean isMetrics = metricsPort != null && metricsPort.isFailed();
            String other = isMetrics ? "--metrics 127.0.0.1:9465" : "--listen 127.0.0.1:8090";
            spec.commandLine()
                    .getErr()
                    .println("reverse-proxy: cannot listen on " + (isMetrics ? metrics : listen) + ": " + reason
                            + ". Choose another address with " + other + ", or port 0 for any free one.");
            server.stop();
            return CommandLine.ExitCode.SOFTWARE;
        }
        var stop = new GracefulStop(server, stopDelay);
        stopOnSignals(stop);
        var out = spec.commandLine().getOut();
        String scheme = tlsCertificate == null ? "http" : "https";
        String url = listen.url(scheme, ((ServerConnector) server.getConnectors()[0]).getLocalPort());
        out.println("reverse-proxy: listening on " + url + ", forwarding to " + (target == null ? "routes" : target));
        if (metrics != null) out.println("reverse-proxy: metrics on " + metricsPort.url());
        if (isDemo) out.println(DemoUpstream.thingsToTry(url));
        out.flush();
        Health asked = server.getDescendant(Health.class);
        if (asked != null) asked.readyAfter(new WarmUp(this::newTwin));
        stop.awaitStop();
        return CommandLine.ExitCode.OK;
    }

    /** The first signal stops the program gracefully, and the second one at once. */
    private static void stopOnSignals(GracefulStop stop) {
        var isStopping = new AtomicBoolean();
        Signals.onEnd(() -> {
            if (isStopping.compareAndSet(false, true)) {
                stop.stop();
            } else {
                stop.stopAtOnce();
                Runtime.getRuntime().halt(CommandLine.ExitCode.OK);
            }
        });
        Runtime.getRuntime()
                .addShutdownHook(new Thread(
                        () -> { // for other signals, after which Java ends with another code
                            if (!isStopping.compareAndSet(false, true)) return;
                            stop.stop();
                            Runtime.getRuntime().halt(CommandLine.ExitCode.OK);
                        }));
    }

    /** The server that the options describe, not started. */
    Server newServer() {
        var server = new Server(new ServerThreads());
        LimitedConnector connector = listen.newConnector(server, newProtocols());
        connector.setIdleTimeout(idleTimeout.toMillis());
        connector.setAcceptQueueSize(backlog);
        connector.setConnectionAge(clientConnectionAge);
        server.addConnector(connector);
        StreamingProxy proxy = newProxy();
        limitConnections(connector, proxy);
        Handler requests = newRequests(proxy);
        if (metrics != null) requests = newMetrics(server, proxy, requests);
        if (health != null) requests = new Health(healthPrefix(), requests);
        server.setHandler(inFrontOf(requests));
        server.setErrorHandler(new ServerErrorHandler(proxy));
        server.setStopTimeout(stopTimeout.toMillis());
        if (accessLog != null) addAccessLog(server);
        return server;
    }

    private Handler newMetrics(Server server, StreamingProxy proxy, Handler requests) {
        var counted = new Metrics(proxy, tlsCertificate == null ? "http" : "https", requests);
        server.setRequestLog(counted);
        metricsPort = new MetricsPort(metrics, counted, new ServerErrorHandler(proxy));
        server.addBean(metricsPort);
        return counted;
    }

    private void addAccessLog(Server server) {
        AccessLog log = newAccessLog();
        server.addBean(log);
        boolean isOnlyOne = server.getRequestLog() == null;
        server.setRequestLog(isOnlyOne ? log : new RequestLog.Collection(server.getRequestLog(), log));
    }

    /** A server that does the same with requests, for loopback only, without TLS, limits and an access log. Not started. */
    Server newTwin(String upstream) {
        var server = new Server(new ServerThreads());
        server.addConnector(new ListenAddress("127.0.0.1", 0)
                .newConnector(server, new ClientConnectionFactory(requestHeadTimeout)));
        StreamingProxy proxy = newProxy(() -> Director.fixed(upstream));
        proxy.setUpstreamProtocol(UpstreamProtocol.HTTP_1_1);
        server.setHandler(inFrontOf(newRequests(proxy)));
        return server;
    }

    /** What all requests pass on their way to a proxy. */
    private Handler newRequests(StreamingProxy proxy) {
        return new SlowClients(proxy, minUploadRate, minDownloadRate, System::nanoTime);
    }

    /** What all requests to a server pass first. */
    private static Handler inFrontOf(Handler requests) {
        return new DrainingHandler(new InPlace(requests));
    }

    private void limitConnections(LimitedConnector connector, StreamingProxy proxy) {
        int most = descriptors.clients();
        int all = maxConnections == null ? most : Math.min(maxConnections, most);
        int perClient = maxConnectionsPerClient == null ? ClientConnections.defaultLimit(all) : maxConnectionsPerClient;
        connector.setMaxConnections(all);
        boolean mayHaveAll = perClient >= all; // then one more waits, as the limit for all has it
        connector.setClientConnections(
                new ClientConnections(perClient, address -> mayHaveAll || proxy.isTrustedPeer(address)));
    }

    private String healthPrefix() {
        String prefix = health.length() > 1 && health.endsWith("/") ? health.substring(0, health.length() - 1) : health;
        if (prefix.matches("/|(/[A-Za-z0-9._~-]+)+")) return prefix;
        throw new ParameterException(
                spec.commandLine(),
                "--health must be a path that begins with a slash, such as /internal, not '" + health + "'");
    }

    private AccessLog newAccessLog() {
        try {
            return AccessLog.to(accessLog);
        } catch (IllegalArgumentException x) {
            throw new ParameterException(spec.commandLine(), x.getMessage(), x);
        }
    }

    /** What is spoken on the port: HTTP/1.1 and HTTP/2, both in TLS or neither. */
    private ConnectionFactory[] newProtocols() {
        var http1 = new ClientConnectionFactory(requestHeadTimeout);
        HttpConfiguration http = http1.getHttpConfiguration();
        http.setRequestHeaderSize(maxHeadSize.bytes());
        if (strictTargets) http.setUriCompliance(UriCompliance.DEFAULT);
        if (tlsCertificate == null && tlsKey == null) {
            return new ConnectionFactory[] {http1, new Http2ConnectionFactory(http, requestHeadTimeout, "h2c")};
        }
        http.addCustomizer(new SecureRequestCustomizer(false)); // its other form answers 400 to requests by address
        var alpn = new ALPNServerConnectionFactory("h2", "http/1.1");
        alpn.setDefaultProtocol("http/1.1");
        var http2 = new Http2ConnectionFactory(http, requestHeadTimeout, "h2");
        var tls = new LimitedTls(newTls(), alpn.getProtocol(), requestHeadTimeout);
        return new ConnectionFactory[] {tls, alpn, http2, http1};
    }

    private ClientTls newTls() {
        try {
            return new ClientTls(tlsCertificate, tlsKey);
        } catch (IllegalArgumentException x) {
            throw new ParameterException(spec.commandLine(), x.getMessage(), x);
        }
    }

    /** The proxy that the options describe. */
    StreamingProxy newProxy() {
        return newProxy(this::newDirector);
    }

    private StreamingProxy newProxy(Supplier<Director> director) {
        try {
            var proxy = new StreamingProxy(director.get()) {
                @Override
                protected void configureHttpClient(HttpClient httpClient) {
                    super.configureHttpClient(httpClient);
                    httpClient.setMaxRequestHeadersSize(maxHeadSize.bytes() + ADDED_FIELDS);
                    UpstreamConnectionAge.configure(httpClient, upstreamConnectionAge);
                    ServerThreads.endThoseOfABurst((QueuedThreadPool) httpClient.getExecutor());
                }
            };
            Setting.check(retries >= 0 && retries <= 100, "--retries", retries, "between 0 and 100");
            Setting.check(
                    maxUpstreamConnections >= 1, "--max-upstream-connections", maxUpstreamConnections, "1 or more");
            Setting.check(backlog >= 1, "--backlog", backlog, "1 or more");
            Setting.check(!connectionTimeout.isZero(), "--connection-timeout", "0s", "0.001s or more");
            Setting.check(minUploadRate >= 0, "--min-upload-rate", minUploadRate, "0 or more");
            Setting.check(minDownloadRate >= 0, "--min-download-rate", minDownloadRate, "0 or more");
            checkAtLeastOne("--max-connections", maxConnections);
            checkAtLeastOne("--max-connections-per-client", maxConnectionsPerClient);
            Setting.check(replayMemory >= 0 && replayMemory <= 50, "--replay-memory", replayMemory, "between 0 and 50");
            proxy.setReplayMemory(Runtime.getRuntime().maxMemory() / 100 * replayMemory);
            proxy.setRetryPolicy(newRetryPolicy());
            if (hopMark != null) proxy.setHopMark(hopMark);
            if (noVia && via != null) {
                throw new IllegalArgumentException("--via and --no-via contradict each other: give one of them");
            }
            if (noVia && hopMark == null) proxy.setHopMark(HopMark.cdnLoop());
            if (via != null) {
                proxy.setViaHost(pseudonym());
                proxy.setVia(true);
            }
            proxy.setTimeouts(new Timeouts(
                    connectionTimeout, responseTimeout, headTimeout, streamTimeout, clientTimeout, upgradedTimeout));
            proxy.setMaxUpstreamConnections(Math.min(maxUpstreamConnections, descriptors.upstream()));
            proxy.setUpstreamProtocol(upstreamProtocol);
            proxy.setPreserveHost(host == HostSent.client);
            if (mapLocation != null) proxy.setMapsLocation(mapLocation);
            proxy.setTrustedPeers(trustedPeers.toArray(String[]::new));
            if (upstreamCa != null || upstreamCertificate != null || upstreamKey != null) {
                proxy.setSslContextFactory(UpstreamTls.of(upstreamCa, upstreamCertificate, upstreamKey));
            }
            return proxy;
        } catch (IllegalArgumentException x) {
            throw new ParameterException(spec.commandLine(), x.getMessage(), x);
        }
    }

    private static void checkAtLeastOne(String option, Integer value) {
        if (value != null) Setting.check(value >= 1, option, value, "1 or more");
    }

    private RetryPolicy newRetryPolicy() {
        RetryPolicy policy = RetryPolicy.idempotent().withAttempts(retries + 1);
        if (retryFor == null) return policy;
        Setting.check(retries > 0, "--retries", retries, "1 or more where --retry-for is given");
        boolean isLonger = retryFor.compareTo(policy.deadline()) > 0;
        return policy.withConnectFor(retryFor).withDeadline(isLonger ? retryFor : policy.deadline());
    }

    private String pseudonym() {
        if (via.matches("[A-Za-z0-9._:\\[\\]-]+")) return via;
        throw new IllegalArgumentException(
                "--via must be a name without spaces or commas, such as edge-a, not '" + via + "'");
    }

    private Director newDirector() {
        Director director = target == null ? request -> Optional.empty() : Director.fixed(target);
        for (int i = routes.size() - 1; i >= 0; i--) {
            director = routes.get(i).director().orElse(director);
        }
        return director;
    }

    /** Whose {@code Host} the upstream gets. */
    enum HostSent {
        client,
        upstream;

        static HostSent parse(String text) {
            for (HostSent host : values()) {
                if (host.name().equals(text)) return host;
            }
            throw new TypeConversionException("--host must be client or upstream, not '" + text + "'");
        }
    }

    /**
     * An upstream for one value of a field.
     *
     * @param field the field's name
     * @param address the upstream's
     */
    record Route(String field, String value, String address) {

        static Route parse(String text) {
            int afterField = text.indexOf('=');
            int beforeAddress = text.lastIndexOf('=');
            if (afterField <= 0 || afterField == beforeAddress) {
                throw new TypeConversionException(
                        "'" + text + "' is not a route. Write HEADER=VALUE=ADDRESS, such as X-Tenant=red=:8082");
            }
            return new Route(
                    text.substring(0, afterField),
                    text.substring(afterField + 1, beforeAddress),
                    text.substring(beforeAddress + 1));
        }

        Director director() {
            return Director.byField(field, Map.of(value, address));
        }
    }

    /** Tells the versions of the program and of Jetty. */
    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = ReverseProxy.class.getPackage().getImplementationVersion();
            return new String[] {
                "reverse-proxy " + (version == null ? "from classes" : version) + ", Jetty " + Jetty.VERSION
            };
        }
    }
}
