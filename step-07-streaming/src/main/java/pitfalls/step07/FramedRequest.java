package pitfalls.step07;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.util.EnumSet;
import java.util.Set;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import pitfalls.step02.ProxyError;
import pitfalls.step02.Refused;
import pitfalls.step07.http2.LengthField;

/**
 * A request over HTTP/2 as HTTP/1.1 would frame it, in chunks if its body has no length. Jetty's proxy asks for one of
 * {@code Content-Length} and {@code Transfer-Encoding}, and loses a body that has neither. Cookies come in one field: a
 * browser splits them for HTTP/2, and HTTP/1.1 has one {@code Cookie} field per request (RFC 9113, section 8.2.3).
 */
final class FramedRequest extends Request.Wrapper {
    /** What belongs to a connection of HTTP/1.1, and to no message of HTTP/2 (RFC 9113, section 8.2.2). */
    private static final Set<HttpHeader> OF_HTTP_1 = EnumSet.of(
            HttpHeader.CONNECTION,
            HttpHeader.KEEP_ALIVE,
            HttpHeader.PROXY_CONNECTION,
            HttpHeader.TRANSFER_ENCODING,
            HttpHeader.UPGRADE);

    private static final ProxyError.Kind MALFORMED = new ProxyError.Kind(
            400,
            "http_request_error",
            "The request has a header that HTTP/2 does not have, such as Transfer-Encoding.");
    private static final ProxyError.Kind NO_LENGTH =
            new ProxyError.Kind(400, "http_request_error", "The Content-Length of the request is not one number.");
    private static final ProxyError.Kind TWO_HOSTS = new ProxyError.Kind(
            400, "http_request_error", "The request names two hosts, one in :authority and another one in Host.");

    private static final ProxyError.Kind NOT_UTF_8 =
            new ProxyError.Kind(400, "http_request_error", "The path or the query of the request is not UTF-8.");

    private final HttpFields fields;
    private final HttpURI uri;
    private Content.Chunk first;

    private FramedRequest(Request clientToProxyRequest) {
        super(clientToProxyRequest);
        refuseMalformed(clientToProxyRequest);
        var framed = HttpFields.build(clientToProxyRequest.getHeaders());
        if (framed.contains(HttpHeader.COOKIE)) {
            framed.put(HttpHeader.COOKIE, String.join("; ", framed.getValuesList(HttpHeader.COOKIE)));
        }
        if (clientToProxyRequest.getLength() < 0) {
            first = clientToProxyRequest.read();
            boolean hasBody = first == null || first.hasRemaining() || !first.isLast();
            if (hasBody) framed.put(HttpHeader.TRANSFER_ENCODING, HttpHeaderValue.CHUNKED.asString());
        }
        fields = framed.asImmutable();
        uri = inUtf8(clientToProxyRequest.getHttpURI());
    }

    /** Jetty takes each byte of a target for a character, and over HTTP/1.1 it reads UTF-8. */
    private static HttpURI inUtf8(HttpURI uri) {
        String target = uri.getPathQuery();
        boolean isAscii = target == null || target.chars().allMatch(c -> c < 0x80);
        if (isAscii) return uri;
        try {
            var bytes = ByteBuffer.wrap(target.getBytes(ISO_8859_1));
            String decoded = UTF_8.newDecoder().decode(bytes).toString();
            return HttpURI.build(uri).pathQuery(decoded).asImmutable();
        } catch (CharacterCodingException x) {
            throw new Refused(NOT_UTF_8);
        }
    }

    @Override
    public HttpURI getHttpURI() {
        return uri;
    }

    /** Jetty lets such requests pass, and an upstream might read another message in them than the proxy does. */
    private static void refuseMalformed(Request clientToProxyRequest) {
        HttpFields fields = clientToProxyRequest.getHeaders();
        boolean wasUpgraded = fields.contains(HttpHeader.HTTP2_SETTINGS); // it came in HTTP/1.1, with its fields
        for (HttpField field : fields) {
            boolean frames = field.getHeader() == HttpHeader.TRANSFER_ENCODING;
            if (frames || !wasUpgraded && OF_HTTP_1.contains(field.getHeader())) throw new Refused(MALFORMED);
        }
        if (!LengthField.isWellFormed(fields)) throw new Refused(NO_LENGTH);
        String authority = clientToProxyRequest.getHttpURI().getAuthority();
        for (String host : fields.getValuesList(HttpHeader.HOST)) {
            boolean isOther = authority != null && !authority.equalsIgnoreCase(host);
            if (isOther) throw new Refused(TWO_HOSTS); // RFC 9113, section 8.3.1
        }
    }

    /** The request as HTTP/1.1 frames it, which it may do already. */
    static Request of(Request clientToProxyRequest) {
        boolean isFramed =
                clientToProxyRequest.getConnectionMetaData().getHttpVersion().getVersion()
                        < HttpVersion.HTTP_2.getVersion();
        return isFramed ? clientToProxyRequest : new FramedRequest(clientToProxyRequest);
    }

    /** Lets go of what was read and will not be sent. */
    void release() {
        if (first != null) first.release();
        first = null;
    }

    @Override
    public HttpFields getHeaders() {
        return fields;
    }

    @Override
    public Content.Chunk read() {
        Content.Chunk chunk = first;
        if (chunk == null) return super.read();
        first = Content.Chunk.next(chunk);
        return chunk;
    }

    @Override
    public void demand(Runnable task) {
        if (first == null) super.demand(task);
        else task.run();
    }
}
