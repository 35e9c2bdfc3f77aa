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
import pitfalls.http2.ClientTranslation;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.LoopbackTest;
import pitfalls.support.RawConnection;
import pitfalls.support.ScriptedUpstream;

/** Somebody's server with the proxy in it, and those who ask it. */
final class Embedded implements Closeable {
    final Wrapping wrapping;
    final StreamingProxy proxy;
    final Server server;
    private ScriptedUpstream translator;

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

    /** A client of the first connector. */
    RawConnection connect() throws IOException {
        return connect(0);
    }

    /** A client of one of the connectors. */
    RawConnection connect(int connector) throws IOException {
        int port = ((ServerConnector) server.getConnectors()[connector]).getLocalPort();
        return new RawConnection(new Socket("127.0.0.1", wrapping.isHttp2() ? translated(port) : port));
    }

    /** Where a client that speaks HTTP/1.1 is understood by those on that port, who get HTTP/2. */
    private synchronized int translated(int port) throws IOException {
        if (translator == null)
            translator = LoopbackTest.loopback.scripted(client -> {
                try (var direct = new RawConnection(new Socket("127.0.0.1", port))) {
                    new ClientTranslation().play(client, direct);
                }
            });
        return translator.port();
    }

    /** Whether the first connector accepts connections. */
    boolean isListening() {
        return ((ServerConnector) server.getConnectors()[0]).isOpen();
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
