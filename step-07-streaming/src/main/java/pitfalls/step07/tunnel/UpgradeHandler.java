package pitfalls.step07.tunnel;

import org.eclipse.jetty.client.HttpUpgrader;
import org.eclipse.jetty.client.UpgradeProtocolHandler;

/** Takes every 101: for the upgrade that a request has offered, or for a failure where it has offered none. */
final class UpgradeHandler extends UpgradeProtocolHandler {
    private static final String ATTRIBUTE = HttpUpgrader.Factory.class.getName(); // where Jetty looks for it

    /** Has the upgrader offer what it has to this request's upstream, and go on with what is accepted. */
    static void upgrade(org.eclipse.jetty.client.Request proxyToServerRequest, HttpUpgrader upgrader) {
        proxyToServerRequest.attribute(ATTRIBUTE, (HttpUpgrader.Factory) version -> upgrader);
    }

    @Override
    protected boolean acceptHeaders(
            org.eclipse.jetty.client.Request proxyToServerRequest,
            org.eclipse.jetty.client.Response serverToProxyResponse) {
        boolean offered = proxyToServerRequest.getAttributes().containsKey(ATTRIBUTE);
        if (!offered) serverToProxyResponse.abort(Upgrade.notOffered(serverToProxyResponse));
        return true;
    }
}
