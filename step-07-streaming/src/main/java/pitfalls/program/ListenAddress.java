package pitfalls.program;

import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.Server;
import picocli.CommandLine.TypeConversionException;
import pitfalls.step03.Upstream;

/**
 * Where a server listens, as operators write it.
 *
 * @param host {@code null} for every interface
 * @param port 0 for any free port
 */
record ListenAddress(String host, int port) {

    /** Reads {@code :8080}, {@code 8080}, {@code 127.0.0.1:8080} or {@code [::1]:8080}. */
    static ListenAddress parse(String address) {
        boolean anyPort = address.matches("(.*:)?0");
        Upstream checked = check(address, anyPort ? address.replaceAll("0$", "1") : address);
        boolean everywhere = address.matches(":?[0-9]+|0\\.0\\.0\\.0:.*|\\[[0:]+]:.*");
        return new ListenAddress(everywhere ? null : checked.host(), anyPort ? 0 : checked.port());
    }

    private static Upstream check(String address, String withPort) {
        try {
            boolean hasPort = withPort.matches("(.*:)?[0-9]+");
            if (hasPort && !withPort.contains("/")) return Upstream.parse(withPort);
        } catch (IllegalArgumentException x) {
            // told below
        }
        throw new TypeConversionException(
                "'" + address + "' is not an address to listen on. Write :8080, 8080, 127.0.0.1:8080 or [::1]:8080");
    }

    /** A connector that listens here, for these protocols. */
    LimitedConnector newConnector(Server server, ConnectionFactory... protocols) {
        var connector = new LimitedConnector(server, protocols);
        connector.setHost(host);
        connector.setPort(port);
        return connector;
    }

    /** The URL for somebody on this machine, once the port is known. */
    String url(String scheme, int port) {
        return scheme + "://" + (host == null ? "127.0.0.1" : host) + ":" + port;
    }

    @Override
    public String toString() {
        return (host == null ? "" : host) + ":" + port;
    }
}
