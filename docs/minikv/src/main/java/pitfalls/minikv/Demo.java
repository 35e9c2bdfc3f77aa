package pitfalls.minikv;

import java.io.IOException;
import java.io.PrintWriter;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Three nodes on this machine, what happens to them on the terminal and on a page, and buttons that kill them. */
@Command(
        name = "minikv-demo",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        usageHelpWidth = 120,
        description = "Starts three nodes of MiniKV on this machine, and shows what happens when you kill one.")
public final class Demo implements Callable<Integer> {
    private static final int NODES = 3;
    private static final int RAFT = 1000;

    @Option(
            names = "--port",
            paramLabel = "PORT",
            defaultValue = "8080",
            description =
                    "Show the page at this port of 127.0.0.1, the nodes at the three that follow, and their Raft a"
                            + " thousand above those. Default: ${DEFAULT-VALUE}.")
    private int port;

    @Spec
    private CommandSpec spec;

    /** Instances are made by picocli. */
    Demo() {}

    /**
     * Runs the demo until the process is told to stop.
     *
     * @param args the options: {@code --help} lists them
     */
    public static void main(String[] args) {
        MiniKv.configureLogging();
        System.exit(new CommandLine(new Demo())
                .setParameterExceptionHandler(MiniKv::tell)
                .execute(args));
    }

    @Override
    public Integer call() throws Exception {
        if (port < 1 || port > 65535 - RAFT - NODES) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--port must be between 1 and " + (65535 - RAFT - NODES) + ", not " + port + ".");
        }
        Integer taken = firstTaken();
        if (taken != null) {
            spec.commandLine()
                    .getErr()
                    .println(
                            "minikv-demo: port " + taken + " is in use. Choose other ports with"
                                    + " --port=18080: the demo takes that one, the three that follow, and three a thousand above.");
            return CommandLine.ExitCode.SOFTWARE;
        }
        PrintWriter out = spec.commandLine().getOut();
        Path folder = Files.createTempDirectory("minikv");
        String url = "http://127.0.0.1:" + port;
        var scene = new Scene(members(), folder, url, out);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            scene.close();
            delete(folder);
        }));
        var front = new Front(
                scene, IntStream.rangeClosed(port, port + NODES).boxed().toList());
        Server server = newServer(front);
        server.start();
        out.println(thingsToTry(url));
        out.flush();
        scene.start(front::tell);
        server.join();
        return CommandLine.ExitCode.OK;
    }

    private Server newServer(Front front) {
        var http = new HttpConfiguration();
        http.setSendServerVersion(false);
        http.setUriCompliance(UriCompliance.DEFAULT);
        var server = new Server(new QueuedThreadPool(16, 2));
        var connector = new ServerConnector(server, 1, 1, new HttpConnectionFactory(http));
        connector.setHost("127.0.0.1");
        connector.setPort(port);
        server.addConnector(connector);
        server.setHandler(front);
        return server;
    }

    private String members() {
        return String.join(
                ",",
                IntStream.rangeClosed(1, NODES)
                        .mapToObj(i -> i + "=127.0.0.1:" + (port + i) + "/127.0.0.1:" + (port + RAFT + i))
                        .toList());
    }

    private Integer firstTaken() throws IOException {
        List<Integer> ports = IntStream.concat(
                        IntStream.rangeClosed(port, port + NODES),
                        IntStream.rangeClosed(port + RAFT + 1, port + RAFT + NODES))
                .boxed()
                .toList();
        for (int each : ports) {
            try (var socket = new ServerSocket()) {
                socket.setReuseAddress(true);
                socket.bind(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), each));
            } catch (BindException x) {
                return each;
            }
        }
        return null;
    }

    private static void delete(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) Files.deleteIfExists(file);
        } catch (IOException x) {
            // it is a temporary folder: the system takes it away
        }
    }

    private String thingsToTry(String url) {
        return """
                Three nodes are starting. The page URL shows what happens; so do the lines below. Ctrl-C ends it.
                Things to try, in another terminal:
                  curl -X PUT -d hello N1/v1/kv/a            put a value through node 1
                  curl -i N2/v1/kv/a                         read it through node 2; X-MiniKV-Node says who has answered
                  curl -N N3/v1/replicate/stream?from=1      every change as a line, for as long as you like
                  curl N1/v1/status                          what node 1 knows; who leads, among other things
                  curl -X POST URL/demo/nodes/1/kill         kill -9 node 1; you can do so yourself, too
                  curl -X POST URL/demo/nodes/1/start        bring it back, with what it had
                  curl -X POST URL/demo/nodes/1/pause        kill -STOP node 1; resume lets it go on
                """.replace("URL", url)
                .replace("N1", "http://127.0.0.1:" + (port + 1))
                .replace("N2", "http://127.0.0.1:" + (port + 2))
                .replace("N3", "http://127.0.0.1:" + (port + 3));
    }
}
