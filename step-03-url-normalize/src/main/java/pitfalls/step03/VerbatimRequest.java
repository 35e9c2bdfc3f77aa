package pitfalls.step03;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URI;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.transport.HttpConversation;
import org.eclipse.jetty.client.transport.HttpRequest;
import org.eclipse.jetty.http.HttpURI;

/**
 * A request that puts its method and its target on the wire as they are. Jetty's own sends the target through
 * {@link URI}, which refuses <code>{</code> and {@code my_service}, and takes what follows {@code //} for a host; and it
 * writes {@code get} as {@code GET}, which is another method. For the same reason {@link #getURI()} may be {@code null}:
 * ask for host and port.
 */
class VerbatimRequest extends HttpRequest {
    private static final URI REPLACED = URI.create("http://replaced");

    private final String path;
    private final String query;

    private VerbatimRequest(HttpClient client, String method, HttpURI uri) {
        super(client, new HttpConversation(), REPLACED);
        // Jetty reads a target as UTF-8 and writes it as ISO-8859-1: this keeps its bytes beyond ASCII.
        String target = new String(uri.getPathQuery().getBytes(UTF_8), ISO_8859_1);
        int questionMark = target.indexOf('?');
        path = questionMark < 0 ? target : target.substring(0, questionMark);
        query = questionMark < 0 ? null : target.substring(questionMark + 1);
        method(method).scheme(uri.getScheme()).host(uri.getHost()).port(uri.getPort());
    }

    /** A request with this method and target, to the upstream of this URI. */
    static VerbatimRequest of(HttpClient client, String method, HttpURI uri) {
        if (method.chars().noneMatch(Character::isLowerCase)) return new VerbatimRequest(client, method, uri);
        return new VerbatimRequest(client, method, uri) {
            @Override
            public String getMethod() {
                return method;
            }
        };
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
