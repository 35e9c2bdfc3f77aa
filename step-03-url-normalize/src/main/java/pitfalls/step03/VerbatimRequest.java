package pitfalls.step03;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URI;
import java.util.Objects;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.Request;
import org.eclipse.jetty.client.transport.HttpConversation;
import org.eclipse.jetty.client.transport.HttpRequest;
import org.eclipse.jetty.http.HttpURI;
import pitfalls.step02.UpstreamTransport;

/**
 * A request that puts its method and its target on the wire as they are. Jetty's own does so with most of them. But it asks
 * {@link URI}, which refuses <code>{</code> and {@code my_service}, and takes what follows {@code //} for a host; and it
 * writes {@code get} as {@code GET}, which is another method. For the same reason {@link #getURI()} may be {@code null}:
 * ask for host and port.
 */
final class VerbatimRequest extends HttpRequest {
    private static final URI REPLACED = URI.create("http://replaced");

    private final String method;
    private final String path;
    private final String query;

    private VerbatimRequest(HttpClient client, String method, String path, String query) {
        super(client, new HttpConversation(), REPLACED);
        this.method = method;
        this.path = path;
        this.query = query;
    }

    /** A request with this method and target, to the upstream of this URI: Jetty's own if that has changed nothing. */
    static Request of(HttpClient client, String method, HttpURI uri) {
        // Jetty reads a target as UTF-8 and writes it as ISO-8859-1: this keeps its bytes beyond ASCII.
        String target = new String(uri.getPathQuery().getBytes(UTF_8), ISO_8859_1);
        int questionMark = target.indexOf('?');
        String path = questionMark < 0 ? target : target.substring(0, questionMark);
        String query = questionMark < 0 ? null : target.substring(questionMark + 1);

        Request own = new HttpRequest(client, new HttpConversation(), REPLACED)
                .method(method)
                .path(target);
        boolean isVerbatim =
                method.equals(own.getMethod()) && path.equals(own.getPath()) && Objects.equals(query, own.getQuery());
        Request request = isVerbatim ? own : new VerbatimRequest(client, method, path, query);
        request.scheme(uri.getScheme()).host(uri.getHost()).port(uri.getPort());
        boolean isH2c = Upstream.H2C.equals(uri.getScheme());
        return isH2c ? request.scheme("http").transport(UpstreamTransport.HTTP_2_PRIOR_KNOWLEDGE) : request;
    }

    @Override
    public String getMethod() {
        return method;
    }

    @Override
    public String getPath() {
        return path;
    }

    @Override
    public String getQuery() {
        return query;
    }
}
