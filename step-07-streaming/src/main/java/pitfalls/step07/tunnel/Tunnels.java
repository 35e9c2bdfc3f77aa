package pitfalls.step07.tunnel;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.client.ProtocolHandler;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Components;
import org.eclipse.jetty.util.component.AbstractLifeCycle;
import pitfalls.step02.Exchange;
import pitfalls.step02.UpstreamTransport;
import pitfalls.step07.UpstreamProtocol;
import pitfalls.step07.http2.Http2Transport;

/**
 * The upgraded connections that are open. Nothing in them tells where they could end, so they stay while a server shuts down, and
 * are closed when the proxy stops.
 */
public final class Tunnels extends AbstractLifeCycle {
    private final Set<EndPoint> endPoints = ConcurrentHashMap.newKeySet();
    private volatile boolean stopped;
    private Duration idleTimeout = Duration.ZERO;
    private UpstreamProtocol upstreamProtocol = UpstreamProtocol.HTTP_1_1;

    /** No tunnel yet. */
    public Tunnels() {}

    /**
     * Sets how long a tunnel may be quiet; for ever unless set.
     *
     * @param idleTimeout zero for ever
     */
    public void setIdleTimeout(Duration idleTimeout) {
        this.idleTimeout = idleTimeout;
    }

    /**
     * Sets what is spoken to upstreams, of which only HTTP/1.1 has upgrades.
     *
     * @param upstreamProtocol what is spoken to those whose address does not say it
     */
    public void setUpstreamProtocol(UpstreamProtocol upstreamProtocol) {
        this.upstreamProtocol = upstreamProtocol;
    }

    /** {@return what takes a 101 in a proxy's client, beside the handlers for other interim responses} */
    public static ProtocolHandler newProtocolHandler() {
        return new UpgradeHandler();
    }

    /**
     * Offers to the upstream what the client offers, if it offers another protocol. If the upstream accepts, the two
     * connections of the exchange become a tunnel.
     *
     * @param proxyToServerRequest the request of the attempt, which is about to be sent
     */
    public void offer(Exchange exchange, org.eclipse.jetty.client.Request proxyToServerRequest) {
        if (!exchange.clientToProxyRequest.getHeaders().contains(HttpHeader.UPGRADE)) return;
        Upgrade upgrade = Upgrade.offeredBy(exchange.clientToProxyRequest);
        if (upgrade == null || !canUpgrade(proxyToServerRequest)) return;
        if (upstreamProtocol == UpstreamProtocol.AUTO) proxyToServerRequest.transport(Http2Transport.HTTP_1_ONLY);
        UpgradeHandler.upgrade(proxyToServerRequest, new TunnelUpgrader(upgrade, exchange, this, idleTimeout));
    }

    /** HTTP/2 has no upgrade (RFC 9113, section 8.6): without the offer, the upstream answers the request as any other. */
    private boolean canUpgrade(org.eclipse.jetty.client.Request proxyToServerRequest) {
        return upstreamProtocol != UpstreamProtocol.HTTP_2
                && proxyToServerRequest.getTransport() != UpstreamTransport.HTTP_2_PRIOR_KNOWLEDGE;
    }

    /** Makes a tunnel; returns the client's side of it, which opens the upstream's when it is opened. */
    TunnelConnection between(EndPoint client, EndPoint upstream, Components components) {
        var toClient = new TunnelConnection(upstream, client, components, this, null);
        return new TunnelConnection(client, upstream, components, this, toClient);
    }

    /** {@return how many tunnels are open; one whose ends are being closed counts until both are} */
    public int open() {
        return (endPoints.size() + 1) / 2;
    }

    void opened(EndPoint endPoint) {
        endPoints.add(endPoint);
        if (stopped) endPoint.close();
    }

    void closed(EndPoint endPoint) {
        endPoints.remove(endPoint);
    }

    @Override
    protected void doStart() {
        stopped = false;
    }

    @Override
    protected void doStop() {
        stopped = true;
        endPoints.forEach(EndPoint::close);
    }
}
