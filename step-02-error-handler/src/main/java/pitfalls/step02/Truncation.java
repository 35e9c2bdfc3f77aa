package pitfalls.step02;

import java.io.IOException;
import java.net.StandardSocketOptions;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.server.Request;

/** Lets a client tell half a response from a whole one (RFC 9112, section 8). */
final class Truncation {
    private Truncation() {}

    /**
     * Chunks a response of unknown length also where Jetty would let the end of the connection be its end: for a client
     * that sent {@code Connection: close}.
     */
    static void makeVisible(Exchange exchange, int status) {
        Request clientToProxyRequest = exchange.clientToProxyRequest;
        boolean knowsChunks = clientToProxyRequest.getConnectionMetaData().getHttpVersion() == HttpVersion.HTTP_1_1;
        boolean hasBody = !HttpMethod.HEAD.is(clientToProxyRequest.getMethod()) && !HttpStatus.hasNoBody(status);
        if (knowsChunks && hasBody) {
            exchange.proxyToClientResponse
                    .getHeaders()
                    .put(HttpHeader.TRANSFER_ENCODING, HttpHeaderValue.CHUNKED.asString());
        }
    }

    /** Ends the client's connection in the middle of a response. */
    static void abort(Exchange exchange, Throwable failure) {
        boolean endsWithConnection =
                exchange.clientToProxyRequest.getConnectionMetaData().getHttpVersion() == HttpVersion.HTTP_1_0
                        && !exchange.proxyToClientResponse.getHeaders().contains(HttpHeader.CONTENT_LENGTH);
        if (endsWithConnection) resetOnClose(exchange.clientToProxyRequest);
        exchange.failed(failure);
    }

    /** For an HTTP/1.0 client a FIN is the end of the body. An RST is not. */
    private static void resetOnClose(Request clientToProxyRequest) {
        EndPoint endPoint =
                clientToProxyRequest.getConnectionMetaData().getConnection().getEndPoint();
        while (endPoint instanceof EndPoint.Wrapper wrapper) endPoint = wrapper.unwrap(); // TLS
        if (!(endPoint instanceof SocketChannelEndPoint socket)) return;
        try {
            socket.getChannel().setOption(StandardSocketOptions.SO_LINGER, 0);
        } catch (IOException closed) {
            // The client has left, so nobody can mistake anything.
        }
    }
}
