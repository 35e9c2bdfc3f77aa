package pitfalls.program;

import org.eclipse.jetty.server.Server;

/**
 * Runs the program for a second, with an upstream of its own and no client but itself. At the end of such a run, Java can
 * write down the classes that it has loaded, and then the program starts in two thirds of the time:
 *
 * <pre>{@code
 * java -XX:ArchiveClassesAtExit=reverse-proxy.jsa -Xlog:disable -cp reverse-proxy.jar pitfalls.program.TrainingRun
 * java -XX:SharedArchiveFile=reverse-proxy.jsa -jar reverse-proxy.jar
 * }</pre>
 *
 * <p>An archive belongs to one version of Java and to one jar in one place: make it anew after you have copied either. Java starts without an
 * archive that does not fit, and says so in a line or two.
 */
public final class TrainingRun {
    private TrainingRun() {}

    /**
     * Runs it.
     *
     * @param args none
     * @throws Exception if it cannot start
     */
    public static void main(String[] args) throws Exception {
        ReverseProxy.configureLogging();
        var program = new ReverseProxy();
        ReverseProxy.commandLine(program, variable -> null)
                .parseArgs(
                        "--listen=127.0.0.1:0",
                        "--target=" + DemoUpstream.serve(),
                        "--health",
                        "--metrics=127.0.0.1:0");
        Server server = program.newServer();
        server.start();
        new WarmUp(program::newTwin).run();
        server.stop();
        System.exit(0); // the upstream's threads would keep it alive
    }
}
