package pitfalls.embed;

import java.io.OutputStream;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executor;
import org.eclipse.jetty.compression.gzip.GzipCompression;
import org.eclipse.jetty.compression.server.CompressionHandler;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.http.pathmap.PathSpec;
import org.eclipse.jetty.rewrite.handler.RewriteHandler;
import org.eclipse.jetty.rewrite.handler.RewriteRegexRule;
import org.eclipse.jetty.security.Constraint;
import org.eclipse.jetty.security.HashLoginService;
import org.eclipse.jetty.security.SecurityHandler;
import org.eclipse.jetty.security.UserStore;
import org.eclipse.jetty.security.authentication.BasicAuthenticator;
import org.eclipse.jetty.server.CustomRequestLog;
import org.eclipse.jetty.server.ForwardedRequestCustomizer;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HostHeaderCustomizer;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.BufferedResponseHandler;
import org.eclipse.jetty.server.handler.ContextHandler;
import org.eclipse.jetty.server.handler.ContextHandlerCollection;
import org.eclipse.jetty.server.handler.CrossOriginHandler;
import org.eclipse.jetty.server.handler.DebugHandler;
import org.eclipse.jetty.server.handler.DefaultHandler;
import org.eclipse.jetty.server.handler.DoSHandler;
import org.eclipse.jetty.server.handler.DoSHandler.LeakingBucketTrackerFactory;
import org.eclipse.jetty.server.handler.EagerContentHandler;
import org.eclipse.jetty.server.handler.EagerContentHandler.RetainedContentLoaderFactory;
import org.eclipse.jetty.server.handler.EventsHandler;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.server.handler.IdleTimeoutHandler;
import org.eclipse.jetty.server.handler.InetAccessHandler;
import org.eclipse.jetty.server.handler.LatencyRecordingHandler;
import org.eclipse.jetty.server.handler.PathMappingsHandler;
import org.eclipse.jetty.server.handler.QoSHandler;
import org.eclipse.jetty.server.handler.ResourceHandler;
import org.eclipse.jetty.server.handler.SizeLimitHandler;
import org.eclipse.jetty.server.handler.StateTrackingHandler;
import org.eclipse.jetty.server.handler.StatisticsHandler;
import org.eclipse.jetty.server.handler.ThreadLimitHandler;
import org.eclipse.jetty.server.handler.TryPathsHandler;
import org.eclipse.jetty.server.handler.gzip.GzipHandler;
import org.eclipse.jetty.session.SessionHandler;
import org.eclipse.jetty.util.VirtualThreads;
import org.eclipse.jetty.util.resource.ResourceFactory;
import org.eclipse.jetty.util.security.Credential;
import org.eclipse.jetty.util.thread.ExecutorThreadPool;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.eclipse.jetty.util.thread.ThreadPool;
import pitfalls.step07.StreamingProxy;
import pitfalls.step07.inplace.InPlace;
import pitfalls.step07.inplace.InPlaceThreads;

/** What may stand in front of the proxy in somebody's server, or beside it. Each is one line or two of the server's set-up. */
enum Wrapping {
    NOTHING,

    BELOW_A_PREFIX("/v1") {
        @Override
        Handler around(StreamingProxy proxy) {
            return new ContextHandler(proxy, "/v1");
        }
    },

    BEFORE_OTHER_HANDLERS("/v1") {
        @Override
        Handler around(StreamingProxy proxy) {
            return new Handler.Sequence(new ContextHandler(proxy, "/v1"), new DefaultHandler());
        }
    },

    PATH_MAPPINGS("/v1") {
        @Override
        Handler around(StreamingProxy proxy) {
            var handler = new PathMappingsHandler();
            handler.addMapping(PathSpec.from("/v1/*"), proxy);
            return handler;
        }
    },

    BESIDE_A_SERVLET("/v1") {
        @Override
        Handler around(StreamingProxy proxy) {
            var servlets = new ServletContextHandler("/");
            servlets.addServlet(new ServletHolder(new Hello()), "/hello");
            return new Handler.Sequence(new ContextHandler(proxy, "/v1"), servlets);
        }
    },

    BESIDE_ANOTHER_PROXY("/v1") {
        @Override
        Handler around(StreamingProxy proxy) {
            var other = new StreamingProxy("http://127.0.0.1:1");
            return new Handler.Sequence(new ContextHandler(proxy, "/v1"), new ContextHandler(other, "/v2"));
        }
    },

    BEHIND_ANOTHER_PROXY("/v2") {
        @Override
        Handler around(StreamingProxy proxy) {
            var other = new StreamingProxy("http://127.0.0.1:1");
            return new Handler.Sequence(new ContextHandler(other, "/v1"), new ContextHandler(proxy, "/v2"));
        }
    },

    ONE_OF_SEVERAL_CONTEXTS("/app/v1") {
        @Override
        Handler around(StreamingProxy proxy) {
            var servlets = new ServletContextHandler("/app");
            servlets.addServlet(new ServletHolder(new Hello()), "/hello");
            return new ContextHandlerCollection(servlets, new ContextHandler(proxy, "/app/v1"));
        }
    },

    IN_THE_CONTEXT_OF_A_SERVLET("/app/v1") {
        @Override
        Handler around(StreamingProxy proxy) {
            var servlets = new ServletContextHandler("/app");
            servlets.addServlet(new ServletHolder(new Hello()), "/hello");
            servlets.insertHandler(new BesideServlets("/v1/*", proxy));
            return servlets;
        }
    },

    BEHIND_FILES {
        @Override
        Handler around(StreamingProxy proxy) {
            var files = new ResourceHandler();
            files.setBaseResource(ResourceFactory.root().newClassLoaderResource("/pitfalls/embed/"));
            return new Handler.Sequence(files, proxy);
        }
    },

    STATISTICS {
        @Override
        Handler around(StreamingProxy proxy) {
            return new StatisticsHandler(proxy);
        }
    },

    GRACEFUL {
        @Override
        Handler around(StreamingProxy proxy) {
            return new GracefulHandler(proxy);
        }
    },

    QUALITY_OF_SERVICE {
        @Override
        Handler around(StreamingProxy proxy) {
            return new QoSHandler(proxy);
        }
    },

    DENIAL_OF_SERVICE {
        @Override
        Handler around(StreamingProxy proxy) {
            return in(new DoSHandler(new LeakingBucketTrackerFactory(1_000_000)), proxy);
        }
    },

    LATENCY {
        @Override
        Handler around(StreamingProxy proxy) {
            return new LatencyRecordingHandler(proxy) {
                @Override
                protected void onRequestComplete(String requestId, long latency) {}
            };
        }
    },

    STATE_TRACKING {
        @Override
        Handler around(StreamingProxy proxy) {
            return in(new StateTrackingHandler(), proxy);
        }
    },

    IDLE_TIMEOUT {
        @Override
        Handler around(StreamingProxy proxy) {
            var handler = new IdleTimeoutHandler(proxy);
            handler.setIdleTimeoutMs(60_000);
            return handler;
        }
    },

    THREAD_LIMIT {
        @Override
        Handler around(StreamingProxy proxy) {
            return in(new ThreadLimitHandler(), proxy);
        }
    },

    SIZE_LIMIT {
        @Override
        Handler around(StreamingProxy proxy) {
            return in(new SizeLimitHandler(10_000_000, 10_000_000), proxy);
        }
    },

    BUFFERED_RESPONSES_BUT_STREAMS {
        @Override
        Handler around(StreamingProxy proxy) {
            var handler = new BufferedResponseHandler(proxy);
            handler.excludeMimeType("text/event-stream");
            return handler;
        }
    },

    EAGER_CONTENT {
        @Override
        Handler around(StreamingProxy proxy) {
            return new EagerContentHandler(proxy, new RetainedContentLoaderFactory());
        }
    },

    COMPRESSION("", "Accept-Encoding: gzip") {
        @Override
        Handler around(StreamingProxy proxy) {
            var handler = new CompressionHandler(proxy);
            handler.putCompression(new GzipCompression());
            return handler;
        }
    },

    /** What Jetty had before {@link #COMPRESSION}, and will drop. */
    OLD_COMPRESSION("", "Accept-Encoding: gzip") {
        @Override
        @SuppressWarnings("removal")
        Handler around(StreamingProxy proxy) {
            var handler = new GzipHandler(proxy);
            handler.addExcludedMimeTypes("text/event-stream");
            return handler;
        }
    },

    REWRITTEN_PATHS("/v1") {
        @Override
        Handler around(StreamingProxy proxy) {
            var handler = new RewriteHandler(proxy);
            handler.addRule(new RewriteRegexRule("/v1/(.*)", "/$1"));
            return handler;
        }

        @Override
        String upstreamPrefix() {
            return "";
        }
    },

    BELOW_A_PREFIX_THAT_THE_UPSTREAM_DOES_NOT_SEE("/v1") {
        @Override
        Handler around(StreamingProxy proxy) {
            return new WithoutPrefix("/v1", proxy);
        }

        @Override
        String upstreamPrefix() {
            return "";
        }
    },

    TRY_PATHS {
        @Override
        Handler around(StreamingProxy proxy) {
            var handler = new TryPathsHandler();
            handler.setPaths(List.of("$path"));
            return in(handler, proxy);
        }

        /** It decodes what need not be encoded. */
        @Override
        String path() {
            return "/a%20b;v=1?q=%2F&r=a+b&s=%7B";
        }
    },

    CROSS_ORIGIN("", "Origin: http://www.example.com") {
        @Override
        Handler around(StreamingProxy proxy) {
            var handler = new CrossOriginHandler();
            handler.setAllowedOriginPatterns(Set.of("http://www\\.example\\.com"));
            return in(handler, proxy);
        }
    },

    ADDRESSES {
        @Override
        Handler around(StreamingProxy proxy) {
            var handler = new InetAccessHandler();
            handler.include("127.0.0.1");
            return in(handler, proxy);
        }
    },

    BASIC_AUTHENTICATION("", "Authorization: Basic YWxpY2U6c2VjcmV0") {
        @Override
        Handler around(StreamingProxy proxy) {
            return in(password("/*"), proxy);
        }
    },

    SESSIONS {
        @Override
        Handler around(StreamingProxy proxy) {
            return in(new SessionHandler(), proxy);
        }
    },

    DEBUG {
        @Override
        Handler around(StreamingProxy proxy) {
            var handler = new DebugHandler();
            handler.setOutputStream(OutputStream.nullOutputStream());
            return in(handler, proxy);
        }
    },

    EVENTS {
        @Override
        Handler around(StreamingProxy proxy) {
            return new EventsHandler(proxy) {};
        }
    },

    FORWARDED_FIELDS("", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https") {
        @Override
        void configure(Server server, HttpConfiguration http) {
            http.addCustomizer(new ForwardedRequestCustomizer());
        }
    },

    HOST_FIELD {
        @Override
        void configure(Server server, HttpConfiguration http) {
            http.addCustomizer(new HostHeaderCustomizer("www.example.com"));
        }
    },

    REQUEST_LOG {
        @Override
        void configure(Server server, HttpConfiguration http) {
            server.setRequestLog(new CustomRequestLog(line -> {}, CustomRequestLog.EXTENDED_NCSA_FORMAT));
        }
    },

    TWO_CONNECTORS {
        @Override
        void configure(Server server, HttpConfiguration http) {
            var other = new ServerConnector(server);
            other.setHost("127.0.0.1");
            server.addConnector(other);
        }
    },

    EXECUTOR_POOL {
        @Override
        ThreadPool threads() {
            return new ExecutorThreadPool(64);
        }
    },

    VIRTUAL_THREADS {
        @Override
        ThreadPool threads() {
            var threads = new QueuedThreadPool(64, 2);
            Executor virtual = VirtualThreads.getDefaultVirtualThreadsExecutor(); // null below JDK 21
            threads.setVirtualThreadsExecutor(virtual);
            return threads;
        }
    },

    IN_PLACE {
        @Override
        Handler around(StreamingProxy proxy) {
            return new InPlace(proxy);
        }

        @Override
        ThreadPool threads() {
            return new InPlaceThreads();
        }
    },

    ALL_AT_ONCE("/v1") {
        @Override
        Handler around(StreamingProxy proxy) {
            Handler handler = new SizeLimitHandler(10_000_000, 10_000_000);
            ((Handler.Wrapper) handler).setHandler(new EagerContentHandler(proxy, new RetainedContentLoaderFactory()));
            handler = new StatisticsHandler(new GracefulHandler(new CompressionHandler(handler)));
            return new Handler.Sequence(new ContextHandler(handler, "/v1"), new DefaultHandler());
        }
    },

    HTTP_2 {
        @Override
        boolean isHttp2() {
            return true;
        }
    },

    HTTP_2_IN_PLACE {
        @Override
        Handler around(StreamingProxy proxy) {
            return IN_PLACE.around(proxy);
        }

        @Override
        ThreadPool threads() {
            return IN_PLACE.threads();
        }

        @Override
        boolean isHttp2() {
            return true;
        }
    },

    HTTP_2_AND_ALL_AT_ONCE("/v1") {
        @Override
        Handler around(StreamingProxy proxy) {
            return ALL_AT_ONCE.around(proxy);
        }

        @Override
        boolean isHttp2() {
            return true;
        }
    };

    final String prefix;
    final String[] fields;

    /** At the root, and with requests like anybody's. */
    Wrapping() {
        this("");
    }

    /**
     * @param prefix where the proxy's paths begin
     * @param fields what the client sends with each request
     */
    Wrapping(String prefix, String... fields) {
        this.prefix = prefix;
        this.fields = fields;
    }

    /** A path and a query that pass as they are. */
    String path() {
        return "/caf%C3%A9/a%20b;v=1?q=%2F&r=a+b&s=%7B";
    }

    /** Where the upstream's paths begin. */
    String upstreamPrefix() {
        return prefix;
    }

    /** The handler of the server, with the proxy in it. */
    Handler around(StreamingProxy proxy) {
        return proxy;
    }

    /** What is set on the server, which has no connector yet. */
    void configure(Server server, HttpConfiguration http) {}

    ThreadPool threads() {
        return new QueuedThreadPool(64, 2);
    }

    /** Whether clients speak HTTP/2, in which no connection can be upgraded. */
    boolean isHttp2() {
        return false;
    }

    /** Asks for the password of a user before it gives on what is below that path of its context. */
    static SecurityHandler.PathMapped password(String path) {
        var users = new UserStore();
        users.addUser("alice", Credential.getCredential("secret"), new String[] {"user"});
        var login = new HashLoginService("here");
        login.setUserStore(users);
        var handler = new SecurityHandler.PathMapped();
        handler.put(path, Constraint.from("user"));
        handler.setLoginService(login);
        handler.setAuthenticator(new BasicAuthenticator());
        return handler;
    }

    private static Handler in(Handler.Singleton handler, StreamingProxy proxy) {
        handler.setHandler(proxy);
        return handler;
    }
}
