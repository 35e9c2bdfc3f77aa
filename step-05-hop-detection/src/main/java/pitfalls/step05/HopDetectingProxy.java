package pitfalls.step05;

import java.util.HexFormat;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import org.eclipse.jetty.client.transport.HttpResponse;
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
 * Jetty would tell the machine's host name. Danger: two proxies with the same pseudonym take each other's requests for
 * their own.
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
        if (hopMark.isOn(clientToProxyRequest.getHeaders(), getViaHost())) {
            var loop = new ProxyError(LOOP, null);
            refuse(loop, clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
            return true;
        }
        if (MaxForwards.isZero(clientToProxyRequest)) {
            MaxForwards.answer(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
            return true;
        }
        return super.handle(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
    }

    /** Called after the client's hop-by-hop fields were removed, so that what is put here arrives. */
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

    /** {@code Host} belongs to the request's target, whatever {@code Connection} says. */
    @Override
    protected void copyRequestHeaders(
            Request clientToProxyRequest, org.eclipse.jetty.client.Request proxyToServerRequest) {
        super.copyRequestHeaders(clientToProxyRequest, proxyToServerRequest);
        String host = clientToProxyRequest.getHeaders().get(HttpHeader.HOST);
        if (host != null && getProxyToServerHost() == null)
            proxyToServerRequest.headers(fields -> fields.put(HttpHeader.HOST, host));
    }

    @Override
    protected void sendProxyToServerRequest(
            Request clientToProxyRequest,
            org.eclipse.jetty.client.Request proxyToServerRequest,
            Response proxyToClientResponse,
            Callback proxyToClientCallback) {
        proxyToServerRequest.onResponseHeaders(serverToProxyResponse -> {
            if (serverToProxyResponse instanceof HttpResponse response) response.headers(HopByHop::removeNamed);
        });
        super.sendProxyToServerRequest(
                clientToProxyRequest, proxyToServerRequest, proxyToClientResponse, proxyToClientCallback);
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
