package pitfalls.step07.http2;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http2.ErrorCode;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.NanoTime;
import pitfalls.step02.ErrorResponder;
import pitfalls.step02.ProxyError;
import pitfalls.step07.Timeouts;

/**
 * What a proxy has to know of gRPC (<a href="https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md">gRPC over
 * HTTP/2</a>): how a caller is told of an error, and how long it is willing to wait.
 */
public final class Grpc {
    private static final String TYPE = "application/grpc";
    private static final Pattern TIMEOUT = Pattern.compile("([0-9]{1,8})([HMSmun])");
    private static final Map<String, Duration> UNITS = Map.of(
            "H", Duration.ofHours(1),
            "M", Duration.ofMinutes(1),
            "S", Duration.ofSeconds(1),
            "m", Duration.ofMillis(1),
            "u", Duration.ofNanos(1000),
            "n", Duration.ofNanos(1));

    /** The caller and the upstream know the same deadline, and have this much time to say so before the proxy does. */
    private static final Duration GRACE = Duration.ofSeconds(1);

    private static final int DEADLINE_EXCEEDED = 4;
    private static final int RESOURCE_EXHAUSTED = 8;
    private static final int UNIMPLEMENTED = 12;
    private static final int INTERNAL = 13;
    private static final int UNAVAILABLE = 14;

    private Grpc() {}

    /**
     * Tells calls of gRPC from other requests.
     *
     * @param fields the fields of a request
     * @return whether it is a call; gRPC-Web, which is another protocol, is none
     */
    public static boolean isCall(HttpFields fields) {
        String type = fields.get(HttpHeader.CONTENT_TYPE);
        if (type == null || !type.toLowerCase(Locale.ROOT).startsWith(TYPE)) return false;
        return type.length() == TYPE.length() || "+;".indexOf(type.charAt(TYPE.length())) >= 0;
    }

    /**
     * Has calls of gRPC answered in its own way: with 200 and a {@code grpc-status}, in a response that is nothing but a header. An HTTP
     * status would reach the caller as a guess, and the sentence not at all.
     *
     * @param others answers all other requests
     * @return a responder for both
     */
    public static ErrorResponder responder(ErrorResponder others) {
        return others instanceof Responder ? others : new Responder(others);
    }

    private record Responder(ErrorResponder others) implements ErrorResponder {
        @Override
        public String respond(ProxyError error, Request request, Response response) throws Exception {
            if (!isCall(request.getHeaders())) return others.respond(error, request, response);
            response.setStatus(HttpStatus.OK_200);
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, TYPE);
            for (HttpField field : status(error, request)) response.getHeaders().put(field);
            return null;
        }
    }

    /**
     * What ends a call with this error, as the fields of a header or as trailers.
     *
     * @param error why the proxy ends the call
     * @return {@code grpc-status} and {@code grpc-message}
     */
    public static HttpFields status(ProxyError error, Request request) {
        return HttpFields.build()
                .put("grpc-status", String.valueOf(isLate(error, request) ? DEADLINE_EXCEEDED : statusOf(error.kind())))
                .put("grpc-message", encoded(error.kind().detail()))
                .asImmutable();
    }

    /**
     * Whether a server has ended a call because the time of its caller was over. Such a server says CANCEL, and the caller, who would have
     * ended the call itself a moment later, has to be told the same. A server that stops says CANCEL too, before that time.
     */
    private static boolean isLate(ProxyError error, Request request) {
        String cancel = ErrorCode.CANCEL_STREAM_ERROR.name().toLowerCase(Locale.ROOT);
        boolean isCancelled =
                error.failure() != null && cancel.equals(error.failure().getMessage());
        Duration time = isCancelled ? timeout(request) : null;
        return time != null && NanoTime.since(request.getHeadersNanoTime()) >= time.toNanos();
    }

    private static int statusOf(ProxyError.Kind kind) {
        if (kind == ProxyError.RESPONSE_TIMEOUT) return DEADLINE_EXCEEDED;
        return switch (kind.status()) {
            case HttpStatus.REQUEST_TIMEOUT_408 -> DEADLINE_EXCEEDED;
            case HttpStatus.TOO_MANY_REQUESTS_429, HttpStatus.REQUEST_HEADER_FIELDS_TOO_LARGE_431 -> RESOURCE_EXHAUSTED;
            case HttpStatus.NOT_FOUND_404, HttpStatus.NOT_IMPLEMENTED_501 -> UNIMPLEMENTED;
            case HttpStatus.BAD_GATEWAY_502, HttpStatus.SERVICE_UNAVAILABLE_503, HttpStatus.GATEWAY_TIMEOUT_504 ->
                UNAVAILABLE;
            default -> INTERNAL;
        };
    }

    /** Percent-encodes all but printable ASCII, as gRPC wants its messages. */
    private static String encoded(String message) {
        var encoded = new StringBuilder();
        for (byte b : message.getBytes(UTF_8)) {
            boolean isPlain = b >= ' ' && b <= '~' && b != '%';
            if (isPlain) encoded.append((char) b);
            else encoded.append(String.format("%%%02X", b));
        }
        return encoded.toString();
    }

    /**
     * Extends limits so that none of them cuts a call that has time left.
     *
     * @param clientToProxyRequest a request, which may say in {@code grpc-timeout} how long its caller will wait
     * @param timeouts the limits for all requests
     * @return those for this one
     */
    public static Timeouts limits(Request clientToProxyRequest, Timeouts timeouts) {
        Duration timeout = timeout(clientToProxyRequest);
        if (timeout == null) return timeouts;
        Duration time = timeout.plus(GRACE);
        return timeouts.withResponse(extended(timeouts.response(), time))
                .withStream(extended(timeouts.stream(), time))
                .withClient(extended(timeouts.client(), time));
    }

    /** How long the caller will wait; {@code null} if it does not say, or if this is not a call. */
    private static Duration timeout(Request request) {
        String text = request.getHeaders().get("grpc-timeout");
        Matcher timeout = text == null ? null : TIMEOUT.matcher(text);
        if (timeout == null || !timeout.matches() || !isCall(request.getHeaders())) return null;
        return UNITS.get(timeout.group(2)).multipliedBy(Long.parseLong(timeout.group(1)));
    }

    private static Duration extended(Duration limit, Duration time) {
        boolean isLonger = limit.isZero() || limit.compareTo(time) >= 0;
        return isLonger ? limit : time;
    }

    /**
     * Tells whether a response that has begun can still be ended with a status.
     *
     * @param proxyToClientResponse its response, of which a part was sent
     * @return whether it is a call of gRPC, whose status comes in trailers
     */
    public static boolean canEnd(Request clientToProxyRequest, Response proxyToClientResponse) {
        return proxyToClientResponse.getTrailersSupplier() != null && isCall(clientToProxyRequest.getHeaders());
    }
}
