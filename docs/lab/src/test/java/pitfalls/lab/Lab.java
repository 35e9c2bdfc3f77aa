package pitfalls.lab;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.BindException;
import java.net.InetAddress;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.logging.LogManager;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.ResourceHandler;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.resource.ResourceFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import pitfalls.lab.Move.Side;

/** Shows the wire on both sides of a proxy, with the fix of a step and without it, in your browser. */
@Command(
        name = "lab",
        mixinStandardHelpOptions = true,
        description = {
            "Plays a test on the proxy of the step before and on that of its own step, and shows what passes on both",
            "sides of them, byte for byte, in your browser. It listens on 127.0.0.1 only."
        })
final class Lab implements Runnable {
    private static final int HIGHEST_PORT = 65535;

    @Option(
            names = "--port",
            paramLabel = "N",
            description = "Listen on this port of 127.0.0.1. Default: ${DEFAULT-VALUE}; 0: any free one.")
    private int port = 8090;

    private int exitCode;

    /**
     * Runs the program until it is stopped.
     *
     * @param args the command line
     */
    public static void main(String[] args) {
        LogManager.getLogManager().reset(); // MockWebServer's complaints about proxies that are wrong
        var lab = new Lab();
        int usage = new CommandLine(lab).execute(args);
        if (usage != 0 || lab.exitCode != 0) System.exit(usage != 0 ? usage : lab.exitCode);
    }

    @Override
    public void run() {
        try {
            if (port < 0 || port > HIGHEST_PORT) {
                fails("--port must be between 0 and " + HIGHEST_PORT + ", not " + port + ".");
                return;
            }
            Server server = server(port);
            server.start();
            warmUp();
            System.out.println("The lab is open: " + address(server) + " (Ctrl-C closes it)");
        } catch (Exception x) {
            if (!(x.getCause() instanceof BindException)) throw new IllegalStateException(x);
            fails("Port " + port + " is in use. Choose another with --port, or port 0 for any free one.");
        }
    }

    private void fails(String sentence) {
        System.err.println(sentence);
        exitCode = 2;
    }

    /** Loads the classes, so that the first scene that somebody plays starts at once. */
    static void warmUp() {
        Scene first = Scenes.all().get(0);
        Player.play(first, mark -> {});
    }

    /** The lab on that port of the loopback interface, not started. */
    static Server server(int port) {
        var server = new Server();
        var connector = new ServerConnector(server, 1, 1);
        connector.setHost(InetAddress.getLoopbackAddress().getHostAddress());
        connector.setPort(port);
        connector
                .getConnectionFactory(HttpConnectionFactory.class)
                .getHttpConfiguration()
                .setSendServerVersion(false);
        server.addConnector(connector);
        var page = new ResourceHandler();
        page.setBaseResource(ResourceFactory.of(server).newClassLoaderResource("pitfalls/lab/page/"));
        page.setDirAllowed(false);
        page.setWelcomeFiles("index.html");
        server.setHandler(new Guard(new Handler.Sequence(new Catalogue(), new Player(), page)));
        return server;
    }

    /** Where the lab is. */
    static URI address(Server server) {
        return URI.create("http://127.0.0.1:" + ((ServerConnector) server.getConnectors()[0]).getLocalPort() + "/");
    }

    /** {@code GET /scenes.json} and {@code GET /moves.json}: which scenes there are, and which moves the bench has. */
    private static final class Catalogue extends Handler.Abstract.NonBlocking {
        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            Object json = switch (Request.getPathInContext(request)) {
                case "/scenes.json" -> Scenes.all().stream().map(Scene::json).toList();
                case "/moves.json" -> Map.of("upstream", moves(Side.UPSTREAM), "client", moves(Side.CLIENT));
                default -> null;
            };
            if (json == null) return false;
            response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json;charset=utf-8");
            response.write(true, UTF_8.encode(Json.of(json)), callback);
            return true;
        }

        private static List<Map<String, Object>> moves(Side side) {
            return side.kinds().stream().map(Move.Kind::json).toList();
        }
    }
}
