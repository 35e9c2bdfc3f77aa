package pitfalls.workshop;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.platform.commons.support.AnnotationSupport;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.LauncherSession;
import org.junit.platform.launcher.LauncherSessionListener;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;
import pitfalls.support.Guard;
import pitfalls.support.Headline;
import pitfalls.workshop.LessonResults.Found;
import pitfalls.workshop.LessonResults.TestClass;

/**
 * Prints the tests of a module as a tree of sentences, in place of Surefire, where the property {@code lesson.tree} is set: a
 * line for each class of details, and then the lesson, {@code Broken} and {@code Fixed}, so that it is what the screen shows
 * at last. The rows of one test are one line. A failure is shown once, behind the tree, with what was logged meanwhile.
 *
 * <p>Surefire may give a module's classes to several JVMs, one class at a time. The last of these JVMs prints the tree.
 */
public final class LessonTree implements LauncherSessionListener, TestExecutionListener {
    private static final int MOST_FRAMES = 8;
    private static final int MOST_LOGGED = 8;

    private final boolean isOn;
    private final boolean isFull = System.getProperty("bonus") != null;
    private final LessonResults results;
    private final Consumer<String> printer;
    private final Map<Class<?>, Map<String, Row>> classes = new LinkedHashMap<>();
    private final List<String> failures = new ArrayList<>();
    private final ByteArrayOutputStream printed = new ByteArrayOutputStream();
    private final boolean isAscii = "ASCII".equals(System.getProperty("lesson.tree"));
    private PrintStream out;
    private TestPlan plan;

    public LessonTree() {
        this(
                System.getProperty("lesson.tree") != null,
                new LessonResults(Path.of("target", "lesson-tree")),
                line -> System.out.println(line));
    }

    /** For tests: shares its results there, and prints in that way. */
    LessonTree(boolean isOn, LessonResults results, Consumer<String> printer) {
        this.isOn = isOn;
        this.results = results;
        this.printer = printer;
    }

    @Override
    public void launcherSessionOpened(LauncherSession session) {
        if (!isOn) return;
        results.begin();
        session.getLauncher().registerTestExecutionListeners(this);
    }

    @Override
    public void launcherSessionClosed(LauncherSession session) {
        if (!isOn) return;
        for (String line : lines(results.end(found()))) printer.accept(isAscii ? ascii(line) : line);
    }

    /** A test method with its rows. */
    private static final class Row {
        private final String sentence;
        private final boolean isFinePrint;
        private int tests;
        private int failed;
        private int skipped;

        Row(String sentence, boolean isFinePrint) {
            this.sentence = sentence;
            this.isFinePrint = isFinePrint;
        }

        @Override
        public String toString() {
            String sign = failed > 0 ? "✘ " : skipped > 0 && skipped == tests ? "- " : "✔ ";
            return sign + sentence + (tests > 1 ? " (" + tests + ")" : "");
        }
    }

    @Override
    public void testPlanExecutionStarted(TestPlan plan) {
        this.plan = plan;
        out = System.out;
        System.setOut(new PrintStream(printed, true, UTF_8));
    }

    @Override
    public void testPlanExecutionFinished(TestPlan plan) {
        System.setOut(out);
    }

    @Override
    public void executionStarted(TestIdentifier test) {
        if (test.isTest()) printed.reset();
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
        rowOf(test).ifPresent(row -> {
            row.tests++;
            row.skipped++;
        });
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        boolean isFailed = result.getStatus() == TestExecutionResult.Status.FAILED;
        if (isFailed) failures.add(explained(test, result.getThrowable()));
        if (!test.isTest() && !isFailed) return;
        rowOf(test).ifPresent(row -> {
            row.tests++;
            if (isFailed) row.failed++;
            if (result.getStatus() == TestExecutionResult.Status.ABORTED) row.skipped++;
        });
    }

    private Optional<Row> rowOf(TestIdentifier test) {
        return sources(test)
                .filter(MethodSource.class::isInstance)
                .map(MethodSource.class::cast)
                .findFirst()
                .map(source -> {
                    var method = source.getJavaMethod();
                    boolean isLesson = AnnotationSupport.isAnnotated(method, Headline.class)
                            || AnnotationSupport.isAnnotated(method, Guard.class);
                    Class<?> owner = sources(test)
                            .filter(ClassSource.class::isInstance)
                            .<Class<?>>map(at -> ((ClassSource) at).getJavaClass())
                            .findFirst()
                            .orElse(source.getJavaClass());
                    return classes.computeIfAbsent(owner, any -> new LinkedHashMap<>())
                            .computeIfAbsent(method.getName(), name -> new Row(name.replace('_', ' '), !isLesson));
                });
    }

    private Stream<Object> sources(TestIdentifier test) {
        return Stream.iterate(Optional.of(test), Optional::isPresent, at -> at.flatMap(plan::getParent))
                .flatMap(Optional::stream)
                .flatMap(at -> at.getSource().stream());
    }

    private String explained(TestIdentifier test, Optional<Throwable> failure) {
        var text = new StringBuilder("\n✘ ");
        sources(test)
                .filter(ClassSource.class::isInstance)
                .findFirst()
                .ifPresent(at -> text.append(((ClassSource) at).getClassName()).append(": "));
        text.append(test.getDisplayName()).append('\n');
        failure.ifPresent(thrown -> {
            text.append(
                            thrown.getMessage() == null
                                    ? thrown
                                    : thrown.getMessage().strip())
                    .append('\n');
            for (Throwable at = thrown; at != null; at = at.getCause()) {
                if (!(at instanceof AssertionError)) text.append(at).append('\n');
                Stream.of(at.getStackTrace())
                        .filter(frame -> frame.getClassName().startsWith("pitfalls."))
                        .limit(MOST_FRAMES)
                        .forEach(frame -> text.append("    at ").append(frame).append('\n'));
            }
        });
        List<String> logged = printed.toString(UTF_8).lines().toList();
        if (!logged.isEmpty()) text.append("It was logged:\n");
        logged.stream().limit(MOST_LOGGED).forEach(line -> text.append(line).append('\n'));
        if (logged.size() > MOST_LOGGED)
            text.append("(and ").append(logged.size() - MOST_LOGGED).append(" more lines)\n");
        return text.toString().stripTrailing();
    }

    /** What the tests of this JVM have shown. */
    private Found found() {
        Map<Class<?>, List<Class<?>>> tops = new LinkedHashMap<>();
        for (Class<?> owner : classes.keySet())
            tops.computeIfAbsent(topOf(owner), any -> new ArrayList<>()).add(owner);
        var found = new Found(new ArrayList<>(), new ArrayList<>(failures));
        tops.forEach((top, owners) -> found.classes()
                .add(new TestClass(top.getName(), isLesson(top), inOneLine(top, owners), tree(top, owners))));
        return found;
    }

    private List<String> lines(List<Found> all) {
        List<TestClass> shown = all.stream()
                .flatMap(found -> found.classes().stream())
                .sorted(Comparator.comparing(TestClass::name))
                .toList();
        Predicate<TestClass> isTree = tests -> shown.size() == 1 || isFull || tests.isLesson();
        List<String> lines = new ArrayList<>();
        shown.stream().filter(isTree.negate()).map(TestClass::line).forEach(lines::add);
        shown.stream().filter(isTree).map(TestClass::tree).forEach(lines::addAll);
        all.stream().map(Found::failures).forEach(lines::addAll);
        return lines;
    }

    /** The class that has the nested ones: a test class may stand in another without being a part of it. */
    private static Class<?> topOf(Class<?> owner) {
        Class<?> top = owner;
        while (top.isAnnotationPresent(Nested.class)) top = top.getEnclosingClass();
        return top;
    }

    private static boolean isLesson(Class<?> top) {
        return Stream.of(top.getDeclaredClasses())
                .anyMatch(nested -> nested.getSimpleName().equals("Broken"));
    }

    private String inOneLine(Class<?> top, List<Class<?>> owners) {
        var rows = owners.stream()
                .flatMap(owner -> classes.get(owner).values().stream())
                .toList();
        boolean isRed = rows.stream().anyMatch(row -> row.failed > 0);
        return (isRed ? "✘ " : "✔ ") + top.getName() + " ("
                + rows.stream().mapToInt(row -> row.tests).sum() + ")";
    }

    private ArrayList<String> tree(Class<?> top, List<Class<?>> owners) {
        var lines = new ArrayList<String>();
        lines.add("┬─ " + top.getName());
        for (int i = 0; i < owners.size(); i++) {
            Class<?> owner = owners.get(i);
            boolean isLast = i == owners.size() - 1;
            String indent = "";
            if (owner != top) {
                lines.add((isLast ? "└─ ── " : "├─ ── ") + owner.getSimpleName().replace('_', ' '));
                indent = (isLast ? " " : "│") + "     ";
            }
            List<String> rows = shown(owner);
            for (int j = 0; j < rows.size(); j++)
                lines.add(indent + (j == rows.size() - 1 ? "└─ " : "├─ ") + rows.get(j));
        }
        return lines;
    }

    /** Of a contract, its headlines and guards, what failed, and how much more there is; of others, all. */
    private List<String> shown(Class<?> owner) {
        var rows = classes.get(owner).values();
        boolean hasLesson = rows.stream().anyMatch(row -> !row.isFinePrint);
        List<String> lines = new ArrayList<>();
        int left = 0;
        int leftTests = 0;
        for (Row row : rows) {
            if (isFull || !hasLesson || !row.isFinePrint || row.failed > 0) {
                lines.add(row.toString());
            } else {
                left++;
                leftTests += row.tests;
            }
        }
        if (left > 0)
            lines.add("✔ and the fine print: " + left + " more, " + (leftTests == 1 ? "1 test" : leftTests + " tests")
                    + " (-Dbonus lists them)");
        return lines;
    }

    private static String ascii(String line) {
        return line.replace("✔", "[OK]")
                .replace("✘", "[XX]")
                .replaceAll("[┬├└]", "+")
                .replace('─', '-')
                .replace('│', '|');
    }
}
