package pitfalls.workshop;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * What {@code mvn test -Dtest=…} does before Surefire runs: it runs the exercises among those tests, and refuses names that
 * no class has.
 */
public final class RequestedTests {
    /** Where a module's tests are; the second is compiled with the proofs alone. */
    private static final List<String> SOURCES = List.of("src/test/java", "src/proof/java");

    private final Path root;
    private final String module;
    private final boolean isChosen;
    private final PrintStream out;

    /**
     * @param root the top folder
     * @param module the folder of the module, from the top one
     * @param isChosen whether the module was named with {@code -pl}; then its tests are meant, otherwise those of any module
     * @param out where to print
     */
    RequestedTests(Path root, String module, boolean isChosen, PrintStream out) {
        this.root = root;
        this.module = module;
        this.isChosen = isChosen;
        this.out = out;
    }

    /**
     * Ends Maven, with exit code 1, where a name is wrong or an exercise is unsolved: then the last thing on the screen is
     * ours.
     *
     * @param args the top folder, the path of the module, {@code -pl} with its modules in brackets, and the tests
     */
    public static void main(String[] args) {
        boolean isChosen = !args[2].equals("-pl []");
        Path root = Path.of(args[0]);
        String module = root.relativize(Path.of(args[1])).toString().replace('\\', '/');
        var requested = new RequestedTests(root, module, isChosen, System.out);
        if (!requested.run(args[3], System.getProperty("bonus") != null)) {
            System.out.flush();
            System.exit(1);
        }
    }

    /** Whether all is well with these tests, as {@code -Dtest} has them. */
    boolean run(String tests, boolean bonus) {
        List<String> names = Stream.of(tests.split(","))
                .map(name -> name.strip().replaceFirst("#.*", ""))
                .filter(name -> name.matches("[\\w.]+"))
                .map(name -> name.substring(name.lastIndexOf('.') + 1))
                .toList();
        for (String name : names)
            if (!exists(name)) {
                out.println(noSuchTest(name));
                return false;
            }
        boolean isWell = true;
        for (ExerciseFile exercise : ExerciseFile.in(root, module))
            if (names.contains(exercise.simpleName())) isWell &= run(exercise, bonus);
        return isWell;
    }

    private boolean exists(String name) {
        return names().contains(name);
    }

    private String noSuchTest(String name) {
        return "There is no test '" + name + "'" + (isChosen ? " in " + module : "") + ". There are: "
                + String.join(", ", names()) + ".";
    }

    private Set<String> names() {
        Set<String> names = new TreeSet<>();
        for (Path any : isChosen ? List.of(root.resolve(module)) : modulesIn(root))
            for (String sources : SOURCES) addNames(any.resolve(sources), names);
        return names;
    }

    /** The folders that have a POM, and those in them. */
    private static List<Path> modulesIn(Path parent) {
        try (var folders = Files.list(parent)) {
            return folders.filter(folder -> Files.exists(folder.resolve("pom.xml")))
                    .flatMap(folder -> Stream.concat(Stream.of(folder), modulesIn(folder).stream()))
                    .toList();
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }

    private static void addNames(Path tests, Set<String> names) {
        if (!Files.isDirectory(tests)) return;
        try (var files = Files.walk(tests)) {
            files.filter(file -> !file.getParent().endsWith("support"))
                    .map(file -> file.getFileName().toString())
                    .filter(file -> file.matches(".+(Test|Proof|Exercise)\\.java"))
                    .forEach(file -> names.add(file.substring(0, file.length() - ".java".length())));
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }

    private boolean run(ExerciseFile exercise, boolean bonus) {
        var verdict = Verdict.of(exercise, new ExerciseCompiler(), bonus);
        List<String> failure = verdict.failure(Screen.USUAL);
        print(verdict.overview());
        out.println();
        print(failure);
        if (!failure.isEmpty()) out.println();
        print(verdict.summary());
        return verdict.isSolved();
    }

    private void print(List<String> lines) {
        for (String line : lines) Screen.USUAL.lines(line).forEach(out::println);
    }
}
