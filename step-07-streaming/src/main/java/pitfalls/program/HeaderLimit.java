package pitfalls.program;

import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Request;

/**
 * Answers 431 to a request over HTTP/2 whose header is too long. Jetty would end the connection, and with it the requests of everybody
 * who shares it.
 *
 * @param maxBytes as RFC 9113, section 6.5.2, counts them: 32 more for each field than it has
 */
record HeaderLimit(int maxBytes) implements HttpConfiguration.Customizer {
    private static final int PER_FIELD = 32;

    @Override
    public Request customize(Request request, HttpFields.Mutable responseHeaders) {
        String target = request.getHttpURI().getPathQuery();
        long bytes = target == null ? 0 : target.length(); // CONNECT has none
        for (HttpField field : request.getHeaders()) {
            String value = field.getValue();
            bytes += PER_FIELD + field.getName().length() + (value == null ? 0 : value.length());
        }
        if (bytes <= maxBytes) return request;
        throw new HttpException.RuntimeException(HttpStatus.REQUEST_HEADER_FIELDS_TOO_LARGE_431);
    }
}
