package pitfalls.minikv;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** One node as a process. */
@Command(
        name = "minikv",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        usageHelpWidth = 120,
        description = "Runs one node of MiniKV, a key-value service on Raft. Ask any node: it forwards to the leader.")
public final class MiniKv implements Callable<Integer> {
    private static final String LOGGING = "logback.configurationFile";

    @Option(names = "--id", required = true, paramLabel = "NAME", description = "Which of the members this node is.")
    private String id;

    @Option(
            names = "--members",
            required = true,
            paramLabel = "NAME=HTTP/RAFT,...",
            description = "All nodes: the name of each, where it serves HTTP, and where Raft reaches it, such as"
                    + " 1=10.0.0.1:8080/10.0.0.1:9080. Give each node the same list. Nobody is asked for a password at"
                    + " either address: let nobody else reach them.")
    private String members;

    @Option(
            names = "--data",
            required = true,
            paramLabel = "FOLDER",
            description = "Where this node keeps its log. No other node may use it.")
    private Path data;

    @Option(names = "--demo", hidden = true, paramLabel = "URL", description = "The demo that this node is part of.")
    private String demo;

    @Option(
            names = "--until-end-of-input",
            description = "End with standard input, so that the node does not outlive the process that has started it.")
    private boolean untilEndOfInput;

    @Spec
    private CommandSpec spec;

    /** Instances are made by picocli. */
    MiniKv() {}

    /**
     * Runs a node until the process is told to stop.
     *
     * @param args the options: {@code --help} lists them
     */
    public static void main(String[] args) {
        configureLogging();
        System.exit(new CommandLine(new MiniKv())
                .setParameterExceptionHandler(MiniKv::tell)
                .execute(args));
    }

    /** Has Logback use its configuration for a node. */
    static void configureLogging() {
        if (System.getProperty(LOGGING) == null) System.setProperty(LOGGING, "pitfalls/minikv/logback.xml");
    }

    /** Says in a sentence what is wrong with the command line. */
    static int tell(ParameterException failure, String[] args) {
        failure.getCommandLine()
                .getErr()
                .println(failure.getCommandLine().getCommandName() + ": " + failure.getMessage());
        return CommandLine.ExitCode.USAGE;
    }

    @Override
    public Integer call() throws Exception {
        Node node;
        try {
            List<Member> all = Member.parseAll(members);
            node = new Node(id, all, data);
            if (demo != null) node.show(demo, System.out);
        } catch (IllegalArgumentException x) {
            throw new ParameterException(spec.commandLine(), x.getMessage(), x);
        }
        try {
            node.start();
        } catch (IOException x) {
            Throwable cause = x;
            while (cause.getCause() != null) cause = cause.getCause();
            spec.commandLine()
                    .getErr()
                    .println(
                            "minikv: node " + id + " cannot start: " + cause.getMessage()
                                    + ". Its addresses must be free and its own, and its folder must be used by no other node.");
            System.exit(CommandLine.ExitCode.SOFTWARE); // Raft may have left threads
        }
        spec.commandLine().getOut().println("minikv: node " + id + " serves " + node.url());
        spec.commandLine().getOut().flush();
        if (untilEndOfInput) {
            while (System.in.read() >= 0) {} // nobody has anything to say
            Runtime.getRuntime().halt(CommandLine.ExitCode.OK); // as if it were killed, which it is made for
        }
        node.join();
        return CommandLine.ExitCode.OK;
    }
}
