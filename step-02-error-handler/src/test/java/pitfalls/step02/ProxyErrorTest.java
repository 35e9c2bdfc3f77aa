package pitfalls.step02;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.step02.ProxyError.Progress.NOT_SENT;
import static pitfalls.step02.ProxyError.Progress.REQUEST_BEGUN;
import static pitfalls.step02.ProxyError.Progress.RESPONSE_BEGUN;

import java.io.EOFException;
import java.io.IOException;
import java.net.BindException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.ProtocolException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.UnresolvedAddressException;
import java.security.cert.CertificateException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLHandshakeException;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step02.ProxyError.Kind;
import pitfalls.step02.ProxyError.Progress;

class ProxyErrorTest {

    @TestFactory
    Stream<DynamicTest> an_exception_has_a_kind_that_depends_on_how_far_the_exchange_had_come() {
        var untrusted = new SSLHandshakeException("PKIX path building failed");
        untrusted.initCause(new CertificateException("unknown authority"));
        return Stream.of(
                row(new ConnectException("Connection refused"), NOT_SENT, ProxyError.CONNECTION_REFUSED),
                row(new UnknownHostException("h"), NOT_SENT, ProxyError.UNKNOWN_HOST),
                row(new UnresolvedAddressException(), NOT_SENT, ProxyError.UNKNOWN_HOST),
                row(new NoRouteToHostException("No route to host"), NOT_SENT, ProxyError.UNREACHABLE),
                row(new BindException("Cannot assign requested address"), NOT_SENT, ProxyError.UNREACHABLE),
                row(new SocketException("Too many open files"), NOT_SENT, ProxyError.CONNECTION_LIMIT),
                row(new SocketException("Could not connect to h:1"), NOT_SENT, ProxyError.UNREACHABLE),
                row(new SocketTimeoutException("Connect Timeout"), NOT_SENT, ProxyError.CONNECT_TIMEOUT),
                row(new TimeoutException("DNS timeout 15000 ms"), NOT_SENT, ProxyError.CONNECT_TIMEOUT),
                row(new RejectedExecutionException("Max requests queued"), NOT_SENT, ProxyError.CONNECTION_LIMIT),
                row(new IllegalArgumentException("Invalid URI scheme"), NOT_SENT, ProxyError.INTERNAL),
                row(new EOFException(), REQUEST_BEGUN, ProxyError.CONNECTION_TERMINATED),
                row(new SocketException("Connection reset"), REQUEST_BEGUN, ProxyError.CONNECTION_TERMINATED),
                row(new ClosedChannelException(), REQUEST_BEGUN, ProxyError.CONNECTION_TERMINATED),
                row(new EOFException(), RESPONSE_BEGUN, ProxyError.RESPONSE_INCOMPLETE),
                row(untrusted, NOT_SENT, ProxyError.TLS_CERTIFICATE), // where the version of HTTP is agreed on first
                row(new SSLHandshakeException("no_application_protocol"), NOT_SENT, ProxyError.TLS_PROTOCOL),
                row(new ProtocolException("no HTTP/2"), NOT_SENT, ProxyError.PROTOCOL_ERROR),
                row(new IOException("frame_size_error/invalid_frame_length"), NOT_SENT, ProxyError.PROTOCOL_ERROR),
                row(new IOException("refused_stream_error"), REQUEST_BEGUN, ProxyError.NOT_PROCESSED),
                row(new IllegalStateException("session closed"), REQUEST_BEGUN, ProxyError.NOT_PROCESSED),
                row(new IOException("internal_error"), REQUEST_BEGUN, ProxyError.CONNECTION_TERMINATED),
                row(new IOException("cancel_stream_error/x"), REQUEST_BEGUN, ProxyError.CONNECTION_TERMINATED),
                row(new IOException("protocol_error"), REQUEST_BEGUN, ProxyError.PROTOCOL_ERROR),
                row(new IOException("refused_stream_error"), RESPONSE_BEGUN, ProxyError.RESPONSE_INCOMPLETE),
                row(new IOException("Bad chunk"), REQUEST_BEGUN, ProxyError.PROTOCOL_ERROR),
                row(new IOException("Bad chunk"), RESPONSE_BEGUN, ProxyError.RESPONSE_INCOMPLETE),
                row(new TimeoutException("Idle timeout expired"), REQUEST_BEGUN, ProxyError.RESPONSE_TIMEOUT),
                row(new TimeoutException("Total timeout 1000 ms elapsed"), REQUEST_BEGUN, ProxyError.RESPONSE_TIMEOUT),
                row(new SSLException("Unsupported record version"), REQUEST_BEGUN, ProxyError.TLS_PROTOCOL),
                row(untrusted, REQUEST_BEGUN, ProxyError.TLS_CERTIFICATE),
                row(
                        new IllegalArgumentException("Request headers too large"),
                        REQUEST_BEGUN,
                        ProxyError.REQUEST_TOO_LARGE),
                row(new IllegalArgumentException("a bug"), REQUEST_BEGUN, ProxyError.INTERNAL));
    }

    private static DynamicTest row(Throwable failure, Progress progress, Kind kind) {
        return DynamicTest.dynamicTest(
                failure + ", " + progress,
                () -> assertThat(ProxyError.ofUpstream(failure, progress).kind())
                        .isEqualTo(kind));
    }

    @Test
    void a_client_is_blamed_for_what_is_below_500_and_for_what_no_server_here_can_do() {
        assertThat(new ProxyError(ProxyError.CLIENT_UPLOAD, null).isClientFault())
                .isTrue();
        assertThat(new ProxyError(new Kind(501, "http_request_denied", ""), null).isClientFault())
                .isTrue();
        assertThat(new ProxyError(new Kind(505, "http_request_denied", ""), null).isClientFault())
                .isTrue();
        assertThat(new ProxyError(ProxyError.INTERNAL, null).isClientFault()).isFalse();
        assertThat(new ProxyError(ProxyError.CONNECTION_REFUSED, null).isClientFault())
                .isFalse();
    }
}
