package pitfalls.embed;

import java.io.Closeable;
import java.io.IOException;
import java.net.Socket;
import java.util.stream.Stream;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.RawConnection;

/** Somebody's server with the proxy in it, and those who ask it. */
final class Embedded implements Closeable {
    final Wrapping wrapping;
    final StreamingProxy proxy;
    final Server server;

    Embedded(Wrapping wrapping, String target) throws Exception {
        this.wrapping = wrapping;
        proxy = new StreamingProxy(target);
        server = new Server(wrapping.threads());
        var http = new HttpConfiguration();
        var connector = new ServerConnector(
                server, 1, 1, new HttpConnectionFactory(http), new HTTP2CServerConnectionFactory(http));
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        wrapping.configure(server, http);
        server.setHandler(wrapping.around(proxy));
        server.start();
    }

    RawConnection connect() throws IOException {
        return new RawConnection(new Socket("127.0.0.1", ((ServerConnector) server.getConnectors()[0]).getLocalPort()));
    }

    /** Sends a request for what lies below the prefix, with what each request needs here. */
    RawConnection send(RawConnection client, String method, String path, String... fields) throws IOException {
        String[] all = Stream.of(fields, wrapping.fields).flatMap(Stream::of).toArray(String[]::new);
        return client.sendRequest(method + " " + wrapping.prefix + path, all);
    }

    @Override
    public void close() throws IOException {
        try {
            server.stop();
        } catch (Exception x) {
            throw new IOException(x);
        }
    }
}
