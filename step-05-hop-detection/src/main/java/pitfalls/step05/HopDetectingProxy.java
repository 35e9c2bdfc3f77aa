package pitfalls.step05;

import java.util.HexFormat;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import pitfalls.step02.Exchange;
import pitfalls.step02.ProxyError;
import pitfalls.step02.Refused;
import pitfalls.step03.Upstream;
import pitfalls.step04.RetryingExchange;
import pitfalls.step04.RetryingProxy;

/**
 * The {@link RetryingProxy}, with an end to loops: a request that comes back is refused with 508 Loop Detected. What is
 * said to this hop alone stays on it, in both directions.
 *
 * <p>In {@code Via} it calls itself by a random pseudonym, unless {@link #setViaHost(String)} gives it another one;
 * Jetty would tell the machine's host name. With another mark there is no {@code Via}, unless {@link #setVia(boolean)} asks for
 * it. Replicas of one proxy should share a pseudonym, or a loop
 * through a load balancer lasts until it meets a replica again. Danger: two proxies of a chain must not share one, or
 * they take each other's requests for their own.
 */
public class HopDetectingProxy extends RetryingProxy {

    /** The request has been forwarded by this proxy before, or by another one with the same mark. */
    public static final ProxyError.Kind LOOP = new ProxyError.Kind(
            508,
            "proxy_loop_detected",
            "The request came back to a proxy that had forwarded it. Someone has to correct the configuration.");

    private static final ProxyError.Kind TRANSFER_CODING = new ProxyError.Kind(
            501,
            "http_request_denied",
            "The only transfer coding that is known here is chunked. Send the body without the other one.");

    private HopMark hopMark = HopMark.via();
    private Boolean via;
    private boolean writesVia;

    /**
     * A proxy to one target.
     *
     * @param target an address as {@link Upstream#parse} reads it
     * @throws IllegalArgumentException if it is none, in one sentence
     */
    public HopDetectingProxy(String target) {
        super(target);
    }

    /** A proxy for a later step, which knows better than by one address where a request goes. */
    protected HopDetectingProxy(Function<Request, HttpURI> httpURIRewriter) {
        super(httpURIRewriter);
    }

    /** Refuses what was here before; and answers what was sent to go no further. */
    @Override
    protected void forward(Exchange exchange) {
        if (MaxForwards.isZero(exchange.clientToProxyRequest)) {
            MaxForwards.answer(exchange);
            return;
        }
        HttpFields fields = exchange.clientToProxyRequest.getHeaders();
        if (hopMark.isOn(fields, getViaHost())) throw new Refused(LOOP);
        super.forward(exchange);
    }

    /**
     * Writes this hop's own fields: {@code Via} if wanted, the mark and {@code Max-Forwards}. It is called when the client's fields
     * have been copied, without those that {@code Connection} names, so no client can undo it.
     *
     * <p>{@code Via} gets a line of its own, instead of one that joins those of others: Jetty refuses a quote in their
     * comments.
     */
    @Override
    protected void addViaHeader(Request clientToProxyRequest, org.eclipse.jetty.client.Request proxyToServerRequest) {
        String protocol = clientToProxyRequest.getConnectionMetaData().getProtocol();
        String version = protocol.startsWith("HTTP/") ? protocol.substring("HTTP/".length()) : protocol;
        proxyToServerRequest.headers(fields -> {
            if (writesVia) fields.add(HttpHeader.VIA, version + " " + getViaHost());
            hopMark.putOn(fields, getViaHost());
            boolean counts = clientToProxyRequest.getHeaders().contains(HttpHeader.MAX_FORWARDS);
            if (counts) MaxForwards.decrement(clientToProxyRequest, fields);
        });
    }

    /**
     * Copies what does not end at this hop. A body in a transfer coding that only this hop was told of would be lost on the next
     * one, so it is refused (RFC 9112, section 6.1).
     */
    @Override
    protected void copyRequestHeaders(
            Request clientToProxyRequest, org.eclipse.jetty.client.Request proxyToServerRequest) {
        proxyToServerRequest.headers(copy -> {
            HttpFields fields = clientToProxyRequest.getHeaders();
            for (String coding : fields.getCSV(HttpHeader.TRANSFER_ENCODING, false)) {
                if (!HttpHeaderValue.CHUNKED.is(coding)) throw new Refused(TRANSFER_CODING);
            }
            HopByHop.copyEndToEnd(fields, copy);
            if (getProxyToServerHost() != null) copy.put(HttpHeader.HOST, getProxyToServerHost());
        });
    }

    @Override
    protected org.eclipse.jetty.client.Response.CompleteListener newServerToProxyResponseListener(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        return new EndToEndListener(RetryingExchange.of(clientToProxyRequest), proxyToServerRequest);
    }

    /** Passes a response on as step 4 does, without the fields that end at this hop. */
    protected class EndToEndListener extends AttemptListener {
        private final Response proxyToClientResponse;

        /**
         * A listener for one attempt, to be made just before its request is sent.
         *
         * @param proxyToServerRequest the request of the attempt
         */
        public EndToEndListener(RetryingExchange exchange, org.eclipse.jetty.client.Request proxyToServerRequest) {
            super(exchange, proxyToServerRequest);
            proxyToClientResponse = exchange.proxyToClientResponse;
        }

        @Override
        public void onHeaders(org.eclipse.jetty.client.Response serverToProxyResponse) {
            super.onHeaders(HopByHop.endToEnd(serverToProxyResponse));
            HttpHeader owed = HopByHop.owedBy(serverToProxyResponse.getStatus());
            if (owed != null) HopByHop.copyOwed(owed, serverToProxyResponse, proxyToClientResponse.getHeaders());
        }
    }

    @Override
    protected void onServerToProxyResponse102Processing(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            HttpFields fields,
            Response proxyToClientResponse) {
        super.onServerToProxyResponse102Processing(
                clientToProxyRequest, proxyToServerRequest, HopByHop.endToEnd(fields), proxyToClientResponse);
    }

    @Override
    protected void onServerToProxyResponse103EarlyHints(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            HttpFields fields,
            Response proxyToClientResponse) {
        super.onServerToProxyResponse103EarlyHints(
                clientToProxyRequest, proxyToServerRequest, HopByHop.endToEnd(fields), proxyToClientResponse);
    }

    /** {@return how a request that comes back is known; {@link HopMark#via()} unless set} */
    public HopMark getHopMark() {
        return hopMark;
    }

    /**
     * Sets how the proxy recognises a request that was here before. Set it before the proxy is started.
     *
     * @param hopMark not {@code null}
     */
    public void setHopMark(HopMark hopMark) {
        this.hopMark = Objects.requireNonNull(hopMark);
    }

    /** The same as {@code setHopMark(HopMark.field(name))}. */
    public void setHopMark(String name) {
        setHopMark(HopMark.field(name));
    }

    /**
     * Sets whether this proxy writes {@code Via}. Unless set, it does if its mark is {@link HopMark#via()}, and does not if it has
     * another mark. Set it before the proxy is started.
     *
     * <p>Danger: without it, those who read a log at the upstream cannot tell that a proxy was on the way, which is why HTTP asks
     * for it (RFC 9110, section 7.6.3); with it, some upstreams do not compress.
     *
     * @param via {@code false} only with another mark than {@link HopMark#via()}; otherwise the proxy does not start
     */
    public void setVia(boolean via) {
        this.via = via;
    }

    @Override
    protected void doStart() throws Exception {
        writesVia = via == null ? hopMark.usesVia() : via;
        if (hopMark.usesVia() && !writesVia) {
            throw new IllegalStateException(
                    "setVia(false) needs another mark than Via, or a loop could not be detected: setHopMark(HopMark.cdnLoop())");
        }
        if (getViaHost() == null) {
            setViaHost("proxy-"
                    + HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextInt()));
        }
        super.doStart();
    }
}
