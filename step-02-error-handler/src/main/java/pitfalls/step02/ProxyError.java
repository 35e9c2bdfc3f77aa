package pitfalls.step02;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.ProtocolException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.UnresolvedAddressException;
import java.security.cert.CertificateException;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import javax.net.ssl.SSLException;
import org.eclipse.jetty.client.HttpResponseException;
import org.eclipse.jetty.client.RetryableRequestException;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpStatus;

/**
 * Why the proxy, and not the upstream, has to answer a request.
 *
 * @param kind what happened, in terms that may be shown to a client
 * @param cause what Java threw, or {@code null}; for the log only, since it names addresses and classes
 */
public record ProxyError(Kind kind, Throwable cause) {

    /** Nothing listens at the upstream's address. */
    public static final Kind CONNECTION_REFUSED = new Kind(
            502,
            "connection_refused",
            "The upstream server refused the connection. It may be starting or stopped: try again soon.");

    /** The upstream's name has no address. */
    public static final Kind UNKNOWN_HOST = new Kind(
            502, "dns_error", "The name of the upstream server is unknown. Someone has to correct the configuration.");

    /** There is no way to the upstream's address: no route, or no free port here. */
    public static final Kind UNREACHABLE = new Kind(
            502, "destination_ip_unroutable", "The upstream server cannot be reached from here. Try again later.");

    /** The upstream presented a certificate that is not trusted here. */
    public static final Kind TLS_CERTIFICATE = new Kind(
            502,
            "tls_certificate_error",
            "The upstream server's certificate is not trusted. Someone has to correct the configuration.");

    /** No encrypted connection came about. */
    public static final Kind TLS_PROTOCOL = new Kind(
            502,
            "tls_protocol_error",
            "No encrypted connection to the upstream server came about. Someone has to correct the configuration.");

    /** The connection ended, by FIN or RST, before the first byte of a response. */
    public static final Kind CONNECTION_TERMINATED = new Kind(
            502,
            "connection_terminated",
            "The upstream server ended the connection without an answer. Whether it acted on the request is unknown.");

    /**
     * The upstream has said that it did nothing with the request, as HTTP/2 can (RFC 9113, section 8.7): by REFUSED_STREAM, or by a
     * GOAWAY that leaves the request out.
     */
    public static final Kind NOT_PROCESSED = new Kind(
            503,
            "destination_unavailable",
            "The upstream server takes no more requests at the moment, and has done nothing with this one. Send it again.");

    /** The connection ended in the middle of the response. */
    public static final Kind RESPONSE_INCOMPLETE = new Kind(
            502, "http_response_incomplete", "The upstream server ended the connection in the middle of its answer.");

    /** What came is not HTTP. */
    public static final Kind PROTOCOL_ERROR =
            new Kind(502, "http_protocol_error", "The upstream server's answer is not understandable as HTTP.");

    /** The response's fields are longer than {@link ErrorHandlingProxy} accepts. */
    public static final Kind RESPONSE_TOO_LARGE = new Kind(
            502,
            "http_response_header_section_size",
            "The header of the upstream server's answer is too long. Someone has to correct the upstream server.");

    /** No connection to the upstream came about in time, its name's look-up included: 5 s and 15 s unless configured. */
    public static final Kind CONNECT_TIMEOUT = new Kind(
            504, "connection_timeout", "The upstream server did not accept a connection in time. Try again later.");

    /** The upstream did not answer, or stopped answering, for the idle timeout: 30 s unless configured. */
    public static final Kind RESPONSE_TIMEOUT = new Kind(
            504,
            "http_response_timeout",
            "The upstream server did not answer in time. Whether it acted on the request is unknown.");

    /** Too many requests wait for a connection to the upstream already, 1024 unless configured. */
    public static final Kind CONNECTION_LIMIT = new Kind(
            503, "connection_limit_reached", "Too many requests wait for the upstream server. Try again later.");

    /** The client's own upload broke: no fault of the upstream. */
    public static final Kind CLIENT_UPLOAD = new Kind(
            400, "http_request_error", "The request's body ended too early or was malformed. Send the request again.");

    /** The client stopped sending in the middle of its upload. */
    public static final Kind CLIENT_TIMEOUT =
            new Kind(408, "http_request_error", "The request's body did not arrive in time. Send the request again.");

    /** The request's fields are longer than {@link ErrorHandlingProxy} can send on, with those that it adds. */
    public static final Kind REQUEST_TOO_LARGE = new Kind(
            431,
            "http_request_error",
            "The request's header is too long. Send fewer or shorter fields; often cookies are the cause.");

    /** The client stopped reading in the middle of the response. For the log: the client can only be cut off. */
    public static final Kind CLIENT_STALLED =
            new Kind(408, "http_request_error", "The response was not read in time. Send the request again.");

    /** The client left while it was being sent the response. For the log: nobody is there to be answered. */
    public static final Kind CLIENT_LEFT =
            new Kind(400, "http_request_error", "The connection ended before the response did.");

    /** The fault is the proxy's own. */
    public static final Kind INTERNAL =
            new Kind(500, "proxy_internal_error", "The proxy failed. Its log tells its operator more.");

    /** What Jetty calls the error codes of HTTP/2 with which a server ends a stream for reasons that are no fault of the request. */
    private static final Set<String> RESETS = Set.of(
            "no_error", "internal_error", "stream_closed_error", "cancel_stream_error", "enhance_your_calm_error");

    private static final String NO_DESCRIPTOR = "Too many open files"; // as Linux and the other Unixes put it

    /**
     * A kind of error. The constants of {@link ProxyError} are those of this step; whoever has another reason to refuse
     * a request makes a kind for it.
     *
     * @param status the status code of the answer
     * @param type the error type of RFC 9209, section 2.3
     * @param detail one or two sentences for the person at the client: what happened, and what to do
     */
    public record Kind(int status, String type, String detail) {}

    /** How far an exchange with an upstream had come. */
    public enum Progress {
        /** There was no connection yet: the upstream has seen nothing of the request. */
        NOT_SENT,
        /** The request was being sent, or had been. */
        REQUEST_BEGUN,
        /** A part of the response had arrived. */
        RESPONSE_BEGUN
    }

    /**
     * An error of that kind.
     *
     * @param kind not {@code null}
     * @param cause {@code null} where nothing was thrown
     */
    public ProxyError {
        Objects.requireNonNull(kind);
    }

    /**
     * Why there is no response of the upstream's.
     *
     * @param failure what Jetty's client reports
     * @param progress how far the exchange had come
     * @return the error, blamed on the upstream
     */
    public static ProxyError ofUpstream(Throwable failure, Progress progress) {
        if (failure instanceof Refused refused) return refused.error();
        if (failure instanceof UncheckedIOException reset) return ofUpstream(reset.getCause(), progress);
        return new ProxyError(progress == Progress.NOT_SENT ? unsent(failure) : sent(failure, progress), failure);
    }

    /**
     * Why a request's body could not be read from the client.
     *
     * @param failure what reading it ended with
     * @return the error, blamed on the client
     */
    public static ProxyError ofClient(Throwable failure) {
        return new ProxyError(failure instanceof TimeoutException ? CLIENT_TIMEOUT : CLIENT_UPLOAD, failure);
    }

    /**
     * Why the proxy itself does not forward a request. Code that runs for a request can throw {@link Refused} to choose the
     * answer, or Jetty's {@link HttpException} to choose its status.
     *
     * @param failure what was thrown
     * @return the error, blamed on the proxy, or on the client if the exception does so
     */
    public static ProxyError ofProxy(Throwable failure) {
        if (failure instanceof Refused refused) return refused.error();
        if (!(failure instanceof HttpException chosen)) return new ProxyError(INTERNAL, failure);
        String detail = chosen.getReason() == null ? HttpStatus.getMessage(chosen.getCode()) : chosen.getReason();
        return new ProxyError(new Kind(chosen.getCode(), "http_request_denied", detail), failure);
    }

    /** {@return whether the client is to blame, and not the upstream or the proxy} */
    public boolean isClientFault() {
        return kind.status() < 500
                || kind.status() == HttpStatus.NOT_IMPLEMENTED_501
                || kind.status() == HttpStatus.HTTP_VERSION_NOT_SUPPORTED_505;
    }

    /** {@return the cause, or a stand-in where nothing was thrown, for those who must be told with an exception} */
    public Throwable failure() {
        return cause != null ? cause : new Refused(kind);
    }

    private static Kind unsent(Throwable failure) {
        if (failure instanceof UnknownHostException || failure instanceof UnresolvedAddressException) {
            return UNKNOWN_HOST;
        }
        if (failure instanceof SocketTimeoutException || failure instanceof TimeoutException) return CONNECT_TIMEOUT;
        if (failure instanceof ConnectException) return CONNECTION_REFUSED;
        if (failure instanceof RejectedExecutionException) return CONNECTION_LIMIT; // Jetty's queue is full
        if (failure instanceof SSLException) return isCertificate(failure) ? TLS_CERTIFICATE : TLS_PROTOCOL;
        if (failure instanceof ProtocolException || isViolation(failure)) return PROTOCOL_ERROR; // it speaks no HTTP/2
        if (failure instanceof SocketException && NO_DESCRIPTOR.equals(failure.getMessage())) return CONNECTION_LIMIT;
        return failure instanceof IOException ? UNREACHABLE : INTERNAL;
    }

    private static Kind sent(Throwable failure, Progress progress) {
        if (failure instanceof TimeoutException) return RESPONSE_TIMEOUT;
        if (isUnprocessed(failure) && progress == Progress.REQUEST_BEGUN) return NOT_PROCESSED;
        if (failure instanceof SSLException && !isEndOfTls(failure))
            return isCertificate(failure) ? TLS_CERTIFICATE : TLS_PROTOCOL;
        if (isBadResponse(failure, "Too Large")) return RESPONSE_TOO_LARGE;
        if (failure instanceof HttpResponseException && !isBadResponse(failure, "Early EOF")) return PROTOCOL_ERROR;
        if (failure instanceof HttpResponseException
                || failure instanceof EOFException
                || failure instanceof SSLException
                || failure instanceof SocketException
                || failure instanceof ClosedChannelException
                || isReset(failure)) {
            return progress == Progress.RESPONSE_BEGUN ? RESPONSE_INCOMPLETE : CONNECTION_TERMINATED;
        }
        if (isRequestTooLarge(failure)) return REQUEST_TOO_LARGE;
        if (failure instanceof RuntimeException) return INTERNAL;
        return progress == Progress.RESPONSE_BEGUN ? RESPONSE_INCOMPLETE : PROTOCOL_ERROR;
    }

    /** The last ones are what Jetty says if the connection takes no stream any more, so that nothing was sent. */
    private static boolean isUnprocessed(Throwable failure) {
        String type = failure.getClass().getSimpleName(); // not the class, which is in the HTTP/2 of step 7
        String message = String.valueOf(failure.getMessage());
        return failure instanceof RetryableRequestException
                || type.equals("RetryableStreamException")
                || message.equals("refused_stream_error")
                || failure instanceof IllegalStateException
                        && (message.equals("session closed") || message.startsWith("Max local stream count"));
    }

    /** The message is the name of the code, and what follows if Jetty itself ends the stream, since its connection has ended. */
    private static boolean isReset(Throwable failure) {
        boolean isNamed = failure.getClass() == IOException.class && failure.getMessage() != null;
        return isNamed && RESETS.contains(failure.getMessage().split("/", 2)[0]);
    }

    /** As Jetty puts it: {@code frame_size_error/invalid_frame_length}. */
    private static boolean isViolation(Throwable failure) {
        return failure.getClass() == IOException.class
                && String.valueOf(failure.getMessage()).matches("[a-z_]+_error/[a-z_]+");
    }

    private static boolean isBadResponse(Throwable failure, String reason) {
        return failure instanceof HttpResponseException
                && failure.getCause() instanceof HttpException bad
                && String.valueOf(bad.getReason()).contains(reason);
    }

    private static boolean isRequestTooLarge(Throwable failure) {
        return failure instanceof IllegalArgumentException && "Request headers too large".equals(failure.getMessage());
    }

    /** Java has no exception of its own for a TLS connection that ends without a goodbye. */
    private static boolean isEndOfTls(Throwable failure) {
        return String.valueOf(failure.getMessage()).contains("close_notify");
    }

    private static boolean isCertificate(Throwable failure) {
        return Stream.iterate(failure, Objects::nonNull, Throwable::getCause)
                .anyMatch(CertificateException.class::isInstance);
    }
}
