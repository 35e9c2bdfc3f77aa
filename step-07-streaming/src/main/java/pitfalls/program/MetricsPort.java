package pitfalls.program;

import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.MimeTypes;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.component.AbstractLifeCycle;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import pitfalls.step02.ServerErrorHandler;

/**
 * A port that answers {@code GET /metrics}, and nothing else. It has a server of its own, with few threads and connections, which it
 * does not share with clients. It is open until the last request in flight is over, so that the end of an instance can be watched.
 */
final class MetricsPort extends AbstractLifeCycle {
    private static final String PATH = "/metrics";
    private static final int THREADS = 4;
    private static final int CONNECTIONS = 16;

    private final ListenAddress address;
    private final Server server;
    private final ServerConnector connector;

    /**
     * A port that is opened with the server that it belongs to.
     *
     * @param address where it listens
     * @param metrics what it tells
     * @param errors answers what cannot be read
     */
    MetricsPort(ListenAddress address, Metrics metrics, ServerErrorHandler errors) {
        this.address = address;
        var threads = new QueuedThreadPool(THREADS, 1);
        threads.setName("metrics");
        server = new Server(threads);
        var http = new HttpConfiguration();
        http.setSendServerVersion(false);
        connector = new ServerConnector(server, 0, 1, new HttpConnectionFactory(http));
        connector.setHost(address.host());
        connector.setPort(address.port());
        connector.addBean(new NetworkConnectionLimit(CONNECTIONS, connector));
        server.addConnector(connector);
        server.setHandler(new Page(metrics));
        server.setErrorHandler(errors);
    }

    /** Where it can be read on this machine. */
    String url() {
        return address.url("http", connector.getLocalPort()) + PATH;
    }

    @Override
    protected void doStart() throws Exception {
        server.start();
    }

    @Override
    protected void doStop() throws Exception {
        server.stop();
    }

    private static final class Page extends Handler.Abstract {
        private final Metrics metrics;
        private final PrometheusTextFormatWriter format = PrometheusTextFormatWriter.create();

        private Page(Metrics metrics) {
            this.metrics = metrics;
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) throws IOException {
            response.getHeaders().put(HttpHeader.CACHE_CONTROL, "no-store");
            boolean reads = HttpMethod.GET.is(request.getMethod()) || HttpMethod.HEAD.is(request.getMethod());
            if (!PATH.equals(request.getHttpURI().getPath())) {
                refuse(response, HttpStatus.NOT_FOUND_404, "the metrics are at " + PATH + "\n", callback);
            } else if (!reads) {
                response.getHeaders().put(HttpHeader.ALLOW, "GET, HEAD");
                refuse(response, HttpStatus.METHOD_NOT_ALLOWED_405, "use GET\n", callback);
            } else {
                var text = new ByteArrayOutputStream();
                format.write(text, metrics.scrape());
                response.getHeaders().put(HttpHeader.CONTENT_TYPE, format.getContentType());
                response.write(true, ByteBuffer.wrap(text.toByteArray()), callback);
            }
            return true;
        }

        private static void refuse(Response response, int status, String text, Callback callback) {
            response.setStatus(status);
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, MimeTypes.Type.TEXT_PLAIN_UTF_8.asString());
            Content.Sink.write(response, true, text, callback);
        }
    }
}
