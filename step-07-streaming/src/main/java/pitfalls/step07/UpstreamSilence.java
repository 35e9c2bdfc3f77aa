package pitfalls.step07;

import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.IdleTimeout;
import pitfalls.step07.http2.StreamLimit;

/**
 * How long the upstream of an attempt may be silent. The time runs only while the proxy waits for the upstream. It stops while the
 * proxy waits for the client, for more of its upload or until it has taken what it was sent: a client that pauses is no
 * reason to give up the upstream.
 *
 * <p>It is the idle timeout of the upstream's connection, which Jetty sets back when the attempt is over; over HTTP/2, that of the
 * request's stream.
 */
final class UpstreamSilence {
    private final org.eclipse.jetty.client.Request proxyToServerRequest;
    private final Timeouts timeouts;
    private boolean responseBegun;
    private volatile boolean uploading = true;
    private boolean uploadPauses;
    private boolean downloadPauses;

    /** Called with bytes of the response in hand: from now on it is the client that has to take them. */
    final Runnable onBytes;

    /** Called at the end of the response, which may come before the end of the upload. */
    final Runnable onEnd;

    UpstreamSilence(org.eclipse.jetty.client.Request proxyToServerRequest, Timeouts timeouts) {
        this.proxyToServerRequest = proxyToServerRequest;
        this.timeouts = timeouts;
        proxyToServerRequest.onRequestSuccess(sent -> uploading = false);
        this.onBytes = () -> {
            synchronized (this) {
                downloadPauses = true;
                if (proxyToServerRequest.getConnection() instanceof Connection connection) {
                    connection.getEndPoint().setIdleTimeout(0);
                } else {
                    StreamLimit.set(proxyToServerRequest, 0);
                }
            }
        };
        this.onEnd = () -> {
            synchronized (this) {
                downloadPauses = false;
                if (uploading) awaitBody();
            }
        };
    }

    /** The request has got its stream, whose limit may be another one than that of its connection. */
    synchronized void onStream() {
        if (uploadPauses || downloadPauses) StreamLimit.set(proxyToServerRequest, 0);
        else run();
    }

    /** The client has taken all that there was, and the upstream owes it more. */
    synchronized void awaitBody() {
        responseBegun = true;
        downloadPauses = false;
        if (!uploadPauses) run();
    }

    /** The client owes more of its upload, or does no more. */
    synchronized void awaitUpload(boolean pauses) {
        uploadPauses = pauses;
        if (pauses && proxyToServerRequest.getConnection() instanceof Connection connection) {
            connection.getEndPoint().setIdleTimeout(0);
        } else if (pauses) {
            StreamLimit.set(proxyToServerRequest, 0);
        } else if (!pauses && !downloadPauses) {
            run();
        }
    }

    /** Whether the client has not yet taken what it was sent. */
    synchronized boolean isClientReading() {
        return downloadPauses;
    }

    /** The time runs from now on, whenever the last byte came or went. */
    private void run() {
        long limit = (responseBegun ? timeouts.stream() : timeouts.response()).toMillis();
        if (!(proxyToServerRequest.getConnection() instanceof Connection connection)) {
            StreamLimit.set(proxyToServerRequest, limit);
            return;
        }
        EndPoint endPoint = connection.getEndPoint();
        while (endPoint instanceof EndPoint.Wrapper wrapper) endPoint = wrapper.unwrap(); // of TLS
        if (endPoint instanceof IdleTimeout idle) idle.notIdle();
        endPoint.setIdleTimeout(limit);
    }
}
