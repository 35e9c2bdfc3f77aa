package pitfalls.workshop;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.logging.LogManager;
import org.jline.terminal.Attributes;
import org.jline.terminal.Size;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.jline.utils.AttributedString;
import org.jline.utils.AttributedStyle;
import org.jline.utils.InfoCmp.Capability;
import org.jline.utils.NonBlockingReader;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The workshop program: it runs an exercise whenever you save it, and shows what is missing. */
@Command(
        name = "workshop",
        mixinStandardHelpOptions = true,
        description = {
            "Runs an exercise whenever you save its file, and shows the first test that fails.",
            "Without a terminal it runs once and prints plain text."
        })
final class Workshop implements Runnable {
    private static final int LOOK_MS = 50;

    @Option(names = "--list", description = "Print how far you are in the seven exercises, and end.")
    private boolean isList;

    @Option(names = "--once", description = "Run one exercise, print the result, and end. Exit code 0: it is solved.")
    private boolean isOnce;

    @Option(
            names = "--step",
            paramLabel = "N",
            description = "Begin with the exercise of step N, 1 to 7. Default: the one that you edited last.")
    private Integer step;

    @Option(names = "--check", hidden = true, description = "Say that all is ready, if it is.")
    private boolean isCheck;

    @Option(names = "--root", paramLabel = "FOLDER", description = "The folder of the repository.", hidden = true)
    private Path root = Path.of("").toAbsolutePath();

    private int exitCode;

    /**
     * Runs the program.
     *
     * @param args the command line
     */
    public static void main(String[] args) {
        LogManager.getLogManager().reset(); // MockWebServer's complaints about proxies that are wrong
        var workshop = new Workshop();
        int usage = new CommandLine(workshop).execute(args);
        System.out.flush();
        System.exit(usage != 0 ? usage : workshop.exitCode); // Jetty's threads need not be waited for
    }

    @Override
    public void run() {
        List<ExerciseFile> exercises = ExerciseFile.all(root);
        if (step != null && (step < 1 || step > exercises.size())) {
            System.err.println("--step must be between 1 and " + exercises.size() + ", not " + step + ".");
            exitCode = 2;
            return;
        }
        boolean hasTerminal = System.console() != null;
        if (isCheck) check(exercises);
        else if (isList) new Session(exercises, System.out::println, () -> Screen.USUAL).showList();
        else if (isOnce || !hasTerminal) once(exercises);
        else
            try {
                watch(exercises);
            } catch (IOException x) {
                System.err.println("The terminal cannot be used: " + x.getMessage() + ". Add --once to do without.");
                exitCode = 1;
            }
    }

    private void check(List<ExerciseFile> exercises) {
        var compiler = new ExerciseCompiler();
        long compiled = exercises.stream()
                .filter(exercise -> compiler.compile(exercise).complaints().isEmpty())
                .count();
        System.out.println("Java " + Runtime.version().feature() + ", all tests green, " + compiled + " of "
                + exercises.size() + " exercises compile. Your machine is ready.");
    }

    private void once(List<ExerciseFile> exercises) {
        var session = new Session(exercises, line -> System.out.println(line.replace("\f", "")), () -> Screen.USUAL);
        if (step != null) session.choose(step);
        exitCode = session.run(false).isSolved() ? 0 : 1;
    }

    private void watch(List<ExerciseFile> exercises) throws IOException {
        try (Terminal terminal = TerminalBuilder.builder().system(true).build()) {
            Attributes before = terminal.enterRawMode();
            try {
                var session = new Session(exercises, line -> print(terminal, line), () -> screenOf(terminal));
                if (step != null) session.choose(step);
                session.run(false);
                while (!session.isOver()) {
                    terminal.flush();
                    int key = terminal.reader().read(LOOK_MS);
                    if (key == NonBlockingReader.READ_EXPIRED) session.tick();
                    else session.key(key == NonBlockingReader.EOF ? 'q' : key);
                }
            } finally {
                terminal.setAttributes(before);
                terminal.flush();
            }
        }
    }

    /** Some terminals do not tell. */
    private static Screen screenOf(Terminal terminal) {
        Size size = terminal.getSize();
        return size.getRows() > 0 && size.getColumns() > 0
                ? new Screen(size.getRows(), size.getColumns())
                : Screen.USUAL;
    }

    private static void print(Terminal terminal, String line) {
        if (line.equals("\f")) {
            terminal.puts(Capability.clear_screen);
            return;
        }
        terminal.writer().print(new AttributedString(line, styleOf(line)).toAnsi(terminal) + "\r\n");
        terminal.flush();
    }

    private static AttributedStyle styleOf(String line) {
        if (line.contains("✔")) return AttributedStyle.DEFAULT.foreground(AttributedStyle.GREEN);
        if (line.startsWith("✘") || line.startsWith("Your code threw"))
            return AttributedStyle.DEFAULT.foreground(AttributedStyle.RED);
        if (line.startsWith("▶")) return AttributedStyle.DEFAULT.bold();
        return AttributedStyle.DEFAULT;
    }
}
