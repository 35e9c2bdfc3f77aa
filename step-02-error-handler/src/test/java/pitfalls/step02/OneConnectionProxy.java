package pitfalls.step02;

import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.transport.HttpClientTransportOverHTTP;
import org.eclipse.jetty.io.ClientConnector;

/** A proxy with one connection to its upstream, by its own transport or by Jetty's. */
class OneConnectionProxy extends ErrorHandlingProxy {
    private final ClientConnector connector;

    /**
     * A proxy to that target.
     *
     * @param connector of Jetty's own transport; {@code null} for the transport of the step
     */
    OneConnectionProxy(String target, ClientConnector connector) {
        super(target);
        this.connector = connector;
    }

    @Override
    protected HttpClient newHttpClient() {
        return connector == null ? super.newHttpClient() : new HttpClient(new HttpClientTransportOverHTTP(connector));
    }

    @Override
    protected void configureHttpClient(HttpClient httpClient) {
        super.configureHttpClient(httpClient);
        httpClient.setMaxConnectionsPerDestination(1);
    }
}
