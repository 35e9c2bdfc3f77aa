package pitfalls.bench;

import io.undertow.Handlers;
import io.undertow.Undertow;
import io.undertow.UndertowOptions;
import io.undertow.server.handlers.proxy.LoadBalancingProxyClient;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.PemKeyCertOptions;
import io.vertx.httpproxy.HttpProxy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.net.ssl.SSLContext;
import okhttp3.tls.HandshakeCertificates;
import okhttp3.tls.HeldCertificate;
import org.eclipse.jetty.alpn.server.ALPNServerConnectionFactory;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.http2.server.HTTP2ServerConnectionFactory;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/**
 * The proxies of the Java world that ours is measured beside, as each one's documentation sets it up. The only setting is the
 * number of connections to the upstream, of which nobody should have to wait for one.
 */
final class Others {
    private static final String LOOPBACK = "127.0.0.1";
    private static final int CONNECTIONS = 4096;

    private Others() {}

    /**
     * Runs one until the process is ended.
     *
     * @param args its name, the port to listen on, the upstream's port, and the file of a certificate and its key, or {@code -}
     *     for no TLS
     */
    public static void main(String[] args) throws Exception {
        int port = Integer.parseInt(args[1]);
        int target = Integer.parseInt(args[2]);
        Path certificate = args[3].equals("-") ? null : Path.of(args[3]);
        switch (args[0]) {
            case "undertow" -> undertow(port, target, certificate);
            case "vertx" -> vertx(port, target, certificate);
            case "jetty" -> jetty(port, target, certificate);
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private static void undertow(int port, int target, Path certificate) throws IOException {
        var upstream = new LoadBalancingProxyClient().setConnectionsPerThread(CONNECTIONS); // read when a host is added
        upstream.addHost(URI.create("http://" + LOOPBACK + ":" + target));
        var builder = Undertow.builder().setHandler(Handlers.proxyHandler(upstream));
        if (certificate == null) builder.addHttpListener(port, LOOPBACK);
        else {
            builder.setServerOption(UndertowOptions.ENABLE_HTTP2, true)
                    .addHttpsListener(port, LOOPBACK, tls(certificate));
        }
        builder.build().start();
    }

    /** A verticle for each event loop, which is how Vert.x uses several cores. */
    private static void vertx(int port, int target, Path certificate) {
        int loops = Runtime.getRuntime().availableProcessors();
        var vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(loops));
        var server = new HttpServerOptions().setPort(port).setHost(LOOPBACK);
        if (certificate != null) {
            String pem = certificate.toString();
            server.setSsl(true)
                    .setUseAlpn(true)
                    .setKeyCertOptions(new PemKeyCertOptions().setCertPath(pem).setKeyPath(pem));
        }
        for (int i = 0; i < loops; i++) {
            vertx.deployVerticle(new io.vertx.core.AbstractVerticle() {
                @Override
                public void start() {
                    var client = vertx.createHttpClient(new HttpClientOptions().setMaxPoolSize(CONNECTIONS));
                    var proxy = HttpProxy.reverseProxy(client).origin(target, LOOPBACK);
                    vertx.createHttpServer(server).requestHandler(proxy).listen();
                }
            });
        }
    }

    private static void jetty(int port, int target, Path certificate) throws Exception {
        var http = new HttpConfiguration();
        ConnectionFactory[] protocols = {new HttpConnectionFactory(http)};
        if (certificate != null) {
            var tls = new SslContextFactory.Server();
            tls.setSslContext(tls(certificate));
            var alpn = new ALPNServerConnectionFactory("h2", "http/1.1");
            protocols = new ConnectionFactory[] {
                new SslConnectionFactory(tls, alpn.getProtocol()),
                alpn,
                new HTTP2ServerConnectionFactory(http),
                new HttpConnectionFactory(http)
            };
        }
        var server = new Server();
        var connector = new ServerConnector(server, protocols);
        connector.setHost(LOOPBACK);
        connector.setPort(port);
        server.addConnector(connector);
        String base = "http://" + LOOPBACK + ":" + target;
        var proxy = new ProxyHandler.Reverse(
                request -> HttpURI.from(base + request.getHttpURI().getPathQuery())) {
            @Override
            protected void configureHttpClient(org.eclipse.jetty.client.HttpClient client) {
                super.configureHttpClient(client);
                client.setMaxConnectionsPerDestination(CONNECTIONS);
            }
        };
        server.setHandler(proxy);
        server.start();
    }

    private static SSLContext tls(Path certificate) {
        try {
            var held = HeldCertificate.decode(Files.readString(certificate));
            return new HandshakeCertificates.Builder()
                    .heldCertificate(held)
                    .build()
                    .sslContext();
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }

    /** The upstream of those who have no nginx, and of all uploads: nginx would answer before it has read one. */
    static final class Upstream {
        private Upstream() {}

        /** Starts it in a process of its own, which writes to that folder. */
        static Running start(Path folder) throws IOException, InterruptedException {
            int port = Running.freePort();
            List<String> command = Peer.java(
                    List.of("-Xmx256m"), "-classpath", Peer.CLASSES, Upstream.class.getName(), String.valueOf(port));
            return new Running(command, port, folder);
        }

        /**
         * Runs it until the process is ended.
         *
         * @param args the port
         */
        public static void main(String[] args) {
            byte[] small = Answers.body(Answers.SMALL);
            byte[] medium = Answers.body(Answers.MEDIUM);
            byte[] large = Answers.body(Answers.LARGE);
            Vertx.vertx(new VertxOptions().setEventLoopPoolSize(2))
                    .createHttpServer()
                    .requestHandler(request -> request.end().onSuccess(whole -> {
                        byte[] body = switch (request.path()) {
                            case Answers.MEDIUM_PATH -> medium;
                            case Answers.LARGE_PATH -> large;
                            default -> small;
                        };
                        request.response().end(Buffer.buffer(body));
                    }))
                    .listen(Integer.parseInt(args[0]), LOOPBACK);
        }
    }
}
