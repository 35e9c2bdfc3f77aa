package pitfalls.step07;

import org.eclipse.jetty.client.EarlyHintsProtocolHandler;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.server.Response;
import pitfalls.step02.Exchange;
import pitfalls.step05.HopByHop;

/**
 * Passes on the interim responses (1xx) for which Jetty's client has no handler, and which it would take for the final one:
 * all but 102, 103 and an awaited 100. It is an early-hints handler because only there Jetty has what it takes to go on
 * after an interim response.
 */
final class InterimResponses extends EarlyHintsProtocolHandler {
    private static final String ATTRIBUTE = InterimResponses.class.getName();

    /** Those that answer one request. */
    private static final class Received {
        private final Exchange exchange;
        private int status;

        private Received(Exchange exchange) {
            this.exchange = exchange;
        }
    }

    /** Has those that answer this request passed on to the exchange's client. */
    static void passOn(Exchange exchange, org.eclipse.jetty.client.Request proxyToServerRequest) {
        proxyToServerRequest.attribute(ATTRIBUTE, new Received(exchange));
    }

    /** Whether this client knows them: an HTTP/1.0 client would take one for the final response (RFC 9110, section 15.2). */
    static boolean understands(org.eclipse.jetty.server.Request clientToProxyRequest) {
        return clientToProxyRequest.getConnectionMetaData().getHttpVersion() != HttpVersion.HTTP_1_0;
    }

    /**
     * Sends the client its 100 before its body is read. Jetty's server leaves the 100 out where some of the body is there already, but a
     * client that has begun unasked may wait for it before it goes on, as that of CUPS does for a second (RFC 9110, section 15.2).
     *
     * @param sendBody what Jetty does when the 100 comes; {@code null} if there is no body, which stays so
     */
    static Runnable continueThen(Runnable sendBody, Response proxyToClientResponse) {
        if (sendBody == null || !understands(proxyToClientResponse.getRequest())) return sendBody;
        return () -> proxyToClientResponse
                .writeInterim(HttpStatus.CONTINUE_100, HttpFields.EMPTY)
                .whenComplete((sent, notExpected) -> sendBody.run());
    }

    @Override
    public String getName() {
        return "interim-responses";
    }

    @Override
    public boolean accept(
            org.eclipse.jetty.client.Request proxyToServerRequest,
            org.eclipse.jetty.client.Response serverToProxyResponse) {
        int status = serverToProxyResponse.getStatus();
        Object awaited = proxyToServerRequest.getAttributes().get(Expectation.ATTRIBUTE);
        if (!HttpStatus.isInterim(status)) {
            if (awaited instanceof Expectation expectation) expectation.onFinalResponse();
            return false;
        }
        if (!(proxyToServerRequest.getAttributes().get(ATTRIBUTE) instanceof Received received)) {
            return status != HttpStatus.CONTINUE_100; // it answers somebody else who uses the client
        }
        received.status = status;
        boolean isAwaited = status == HttpStatus.CONTINUE_100
                && awaited instanceof Expectation expectation
                && expectation.isMetBy100();
        return !isAwaited;
    }

    @Override
    protected void onEarlyHints(org.eclipse.jetty.client.Request proxyToServerRequest, HttpFields fields) {
        if (!(proxyToServerRequest.getAttributes().get(ATTRIBUTE) instanceof Received received)) return;
        boolean mayPass = received.status != HttpStatus.CONTINUE_100; // which is Jetty's own to send
        if (mayPass && understands(received.exchange.clientToProxyRequest)) {
            HttpFields endToEnd = HttpFields.build(HopByHop.endToEnd(fields)).remove(HttpHeader.CONTENT_LENGTH);
            received.exchange.proxyToClientResponse.writeInterim(received.status, endToEnd);
        }
    }
}
