package pitfalls.step05;

import java.util.HexFormat;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import pitfalls.step02.ProxyError;
import pitfalls.step03.Upstream;
import pitfalls.step04.RetryingProxy;

/**
 * The {@link RetryingProxy}, with an end to loops: a request that comes back is refused with 508 Loop Detected. What is
 * said to this hop alone stays on it, in both directions.
 *
 * <p>In {@code Via} it calls itself by a random pseudonym, unless {@link #setViaHost(String)} gives it another one;
 * Jetty would tell the machine's host name. Replicas of one proxy should share a pseudonym, or a loop
 * through a load balancer lasts until it meets a replica again. Danger: two proxies of a chain must not share one, or
 * they take each other's requests for their own.
 */
public class HopDetectingProxy extends RetryingProxy {

    /** The request has been forwarded by this proxy before, or by another one with the same mark. */
    public static final ProxyError.Kind LOOP = new ProxyError.Kind(
            508,
            "proxy_loop_detected",
            "The request came back to a proxy that had forwarded it. Someone has to correct the configuration.");

    private HopMark hopMark = HopMark.via();

    /**
     * A proxy to one target.
     *
     * @param target an address as {@link Upstream#parse} reads it
     * @throws IllegalArgumentException if it is none, in one sentence
     */
    public HopDetectingProxy(String target) {
        super(target);
    }

    @Override
    public boolean handle(
            Request clientToProxyRequest, Response proxyToClientResponse, Callback proxyToClientCallback) {
        if (MaxForwards.isZero(clientToProxyRequest)) {
            MaxForwards.answer(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
            return true;
        }
        if (hopMark.isOn(clientToProxyRequest.getHeaders(), getViaHost())) {
            var loop = new ProxyError(LOOP, null);
            refuse(loop, clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
            return true;
        }
        return super.handle(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
    }

    /** Called when the client's fields are copied, those aside that {@code Connection} names: none can undo this. */
    @Override
    protected void addProxyHeaders(
            Request clientToProxyRequest, org.eclipse.jetty.client.Request proxyToServerRequest) {
        super.addProxyHeaders(clientToProxyRequest, proxyToServerRequest);
        proxyToServerRequest.headers(fields -> {
            hopMark.putOn(fields);
            MaxForwards.decrement(clientToProxyRequest, fields);
        });
    }

    /** {@return how a request that comes back is known; {@link HopMark#via()} unless set} */
    public HopMark getHopMark() {
        return hopMark;
    }

    /**
     * Sets how a request that comes back is known. Set it before the proxy is started.
     *
     * @param hopMark not {@code null}
     */
    public void setHopMark(HopMark hopMark) {
        this.hopMark = Objects.requireNonNull(hopMark);
    }

    /**
     * The same as {@code setHopMark(HopMark.field(name))}.
     *
     * @param name as in {@link HopMark#field(String)}
     */
    public void setHopMark(String name) {
        setHopMark(HopMark.field(name));
    }

    @Override
    protected void doStart() throws Exception {
        if (getViaHost() == null)
            setViaHost("proxy-"
                    + HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextInt()));
        super.doStart();
    }

    /**
     * {@code Host} belongs to the request's target, and {@code Expect} to its body, which Jetty holds back for the
     * upstream's 100: neither can be left out, whatever {@code Connection} names.
     */
    @Override
    protected void copyRequestHeaders(
            Request clientToProxyRequest, org.eclipse.jetty.client.Request proxyToServerRequest) {
        super.copyRequestHeaders(clientToProxyRequest, proxyToServerRequest);
        HttpFields fields = clientToProxyRequest.getHeaders();
        proxyToServerRequest.headers(copied -> {
            if (getProxyToServerHost() == null) copied.put(HttpHeader.HOST, fields.get(HttpHeader.HOST));
            copied.put(HttpHeader.EXPECT, fields.get(HttpHeader.EXPECT));
        });
    }

    /** Adds a line of its own, instead of reading those of others: Jetty refuses a quote in their comments. */
    @Override
    protected void addViaHeader(Request clientToProxyRequest, org.eclipse.jetty.client.Request proxyToServerRequest) {
        String protocol = clientToProxyRequest.getConnectionMetaData().getProtocol();
        String version = protocol.startsWith("HTTP/") ? protocol.substring("HTTP/".length()) : protocol;
        proxyToServerRequest.headers(fields -> fields.add(HttpHeader.VIA, version + " " + getViaHost()));
    }

    @Override
    protected org.eclipse.jetty.client.Response.CompleteListener newServerToProxyResponseListener(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        return new EndToEndListener(
                clientToProxyRequest, proxyToServerRequest, proxyToClientResponse, proxyToClientCallback);
    }

    /** Passes a response on, without the fields that end at this hop. */
    protected class EndToEndListener extends ProxyResponseListener {

        /**
         * A listener for one exchange.
         *
         * @param clientToProxyRequest the client's request
         * @param proxyToServerRequest the request that was made of it
         * @param proxyToClientResponse the response to be made
         * @param proxyToClientCallback completed when it was sent
         */
        public EndToEndListener(
                Request clientToProxyRequest,
                org.eclipse.jetty.client.Request proxyToServerRequest,
                Response proxyToClientResponse,
                Callback proxyToClientCallback) {
            super(clientToProxyRequest, proxyToServerRequest, proxyToClientResponse, proxyToClientCallback);
        }

        @Override
        public void onHeaders(org.eclipse.jetty.client.Response serverToProxyResponse) {
            super.onHeaders(HopByHop.endToEnd(serverToProxyResponse));
        }
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
}
