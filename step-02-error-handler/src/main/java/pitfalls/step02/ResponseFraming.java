package pitfalls.step02;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.List;
import java.util.function.Predicate;
import org.eclipse.jetty.client.transport.HttpResponse;
import org.eclipse.jetty.http.HttpCompliance;
import org.eclipse.jetty.http.HttpCompliance.Violation;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.server.HttpStream;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;

/**
 * Where the body of an upstream's response ends, if the upstream says so in an unusual way or against the rules (RFC 9112,
 * section 6.3): what can be understood is understood, and passed on in the usual way.
 */
final class ResponseFraming {
    /** Whether there may be something to correct; most responses have one length and nothing else. */
    static final Predicate<org.eclipse.jetty.client.Response> UNUSUAL =
            response -> HttpStatus.hasNoBody(response.getStatus()) || !hasOneLengthOnly(response.getHeaders());

    private ResponseFraming() {}

    private static boolean hasOneLengthOnly(HttpFields fields) {
        int lengths = 0;
        for (HttpField field : fields) {
            if (field.getHeader() == HttpHeader.TRANSFER_ENCODING) return false;
            if (field.getHeader() == HttpHeader.CONTENT_LENGTH) lengths++;
        }
        return lengths == 1;
    }

    /** Accepts from an upstream what a recipient may accept; of a length that counts for nothing, {@link #correct} lets go. */
    static HttpCompliance tolerant(HttpCompliance compliance) {
        return compliance.with(
                "TOLERANT",
                Violation.TRANSFER_ENCODING_WITH_CONTENT_LENGTH,
                Violation.MULTIPLE_CONTENT_LENGTHS, // if they are equal
                Violation.MULTILINE_FIELD_VALUE, // RFC 9112, section 5.2
                Violation.WHITESPACE_AFTER_FIELD_NAME, // section 5.1
                Violation.LF_CHUNK_TERMINATION);
    }

    /**
     * Leaves one length at most, and only where it counts; where there is none, sees to it that the client can tell where the body
     * breaks off. Called when the head of a response has arrived, before it is passed on.
     */
    static void correct(Exchange exchange, org.eclipse.jetty.client.Response serverToProxyResponse) {
        HttpFields fields = serverToProxyResponse.getHeaders();
        int status = serverToProxyResponse.getStatus();
        if (status < HttpStatus.CONTINUE_100) { // which Jetty reads, as it reads 41 for 410 cut short
            exchange.stop(
                    serverToProxyResponse.getRequest(),
                    new ProxyError(ProxyError.PROTOCOL_ERROR, new IOException("status " + status)));
            return;
        }
        boolean hasBody = !HttpMethod.HEAD.is(exchange.clientToProxyRequest.getMethod())
                && status != HttpStatus.NO_CONTENT_204
                && status != HttpStatus.NOT_MODIFIED_304;
        List<String> codings = fields.getCSV(HttpHeader.TRANSFER_ENCODING, false);
        if (hasBody && codings.size() > 1) {
            // Nobody has asked for another coding, and to undo it is beyond a proxy.
            exchange.stop(
                    serverToProxyResponse.getRequest(),
                    new ProxyError(ProxyError.PROTOCOL_ERROR, new IOException("Transfer-Encoding: " + codings)));
            return;
        }
        List<HttpField> lengths = fields.getFields(HttpHeader.CONTENT_LENGTH);
        boolean counts =
                codings.isEmpty() && status != HttpStatus.NO_CONTENT_204 && status != HttpStatus.RESET_CONTENT_205;
        boolean hasLength = counts && !lengths.isEmpty();
        if (!hasLength) Truncation.makeVisible(exchange, status);
        if (lengths.size() != (hasLength ? 1 : 0)) {
            ((HttpResponse) serverToProxyResponse).headers(all -> {
                all.remove(HttpHeader.CONTENT_LENGTH);
                if (hasLength) all.put(lengths.get(0));
            });
        }
        if (status == HttpStatus.RESET_CONTENT_205)
            exchange.clientToProxyRequest.addHttpStreamWrapper(
                    stream -> new WithoutContent(stream, exchange.proxyToClientResponse));
    }

    /** The fields of an interim response, which has no body to be framed. */
    static HttpFields without(HttpFields fields) {
        return HttpFields.build(fields).remove(EnumSet.of(HttpHeader.CONTENT_LENGTH, HttpHeader.TRANSFER_ENCODING));
    }

    /** A 205 has no content (RFC 9110, section 15.3.6), although it may come with a body. */
    private static final class WithoutContent extends HttpStream.Wrapper {
        private final Response proxyToClientResponse;

        private WithoutContent(HttpStream stream, Response proxyToClientResponse) {
            super(stream);
            this.proxyToClientResponse = proxyToClientResponse;
        }

        @Override
        public void send(
                MetaData.Request request,
                MetaData.Response response,
                boolean last,
                ByteBuffer content,
                Callback callback) {
            boolean isReset = proxyToClientResponse.getStatus() == HttpStatus.RESET_CONTENT_205; // and no retry's
            super.send(request, response, last, isReset ? BufferUtil.EMPTY_BUFFER : content, callback);
        }
    }
}
