package pitfalls.lab;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.LoopbackTest;
import pitfalls.workshop.ExerciseCompiler;
import pitfalls.workshop.ExerciseFile;

/**
 * A test of an exercise: what an attendee has on the left, what is wanted on the right. Of a test with rows it is the first that fails
 * on the left, or the first one if none does.
 *
 * @param step the number of the step, 1 to 7
 * @param test the name of a test of its exercise's contract
 */
record Attempt(int step, String test) {
    private static final Pattern ID = Pattern.compile("mine/([1-7])/(\\w{1,200})");

    /** The attempt that is named {@code mine/4/a_dropped_connection_costs_a_GET_nothing}. */
    static Optional<Attempt> find(String id) {
        Matcher matcher = ID.matcher(id);
        return matcher.matches()
                ? Optional.of(new Attempt(Integer.parseInt(matcher.group(1)), matcher.group(2)))
                : Optional.empty();
    }

    /** Compiles the exercise as it is now, and plays the test on it and on the proxy of its step. */
    Comparison play(Path root, Consumer<Map<String, Object>> marks) {
        ExerciseFile file = ExerciseFile.all(root).get(step - 1);
        ExerciseCompiler.Outcome compiled = new ExerciseCompiler().compile(file);
        if (!compiled.complaints().isEmpty())
            throw new IllegalStateException(
                    "Your exercise does not compile: " + String.join(" ", compiled.complaints()));
        Method method = method(compiled.exercise());
        List<String> rows = rows(method, instance(compiled.exercise()));
        Comparison first = null;
        for (String row : rows) {
            var scene = new Scene(step, contract(method), test, row, "");
            var played = Player.play(scene, () -> scene.playOn(instance(compiled.exercise())), marks);
            if (!played.left().passed()) return played;
            if (first == null) first = played;
        }
        return first;
    }

    private Method method(Class<?> exercise) {
        return Stream.of(exercise.getMethods())
                .filter(method -> method.getName().equals(test) && method.getParameterCount() == 0)
                .filter(method ->
                        method.isAnnotationPresent(Test.class) || method.isAnnotationPresent(TestFactory.class))
                .findFirst()
                .orElseThrow(() ->
                        new IllegalStateException("'" + test + "' is no test of the exercise of step " + step + "."));
    }

    /** The exercise has its own copy of its package's classes: see {@link ExerciseCompiler}. */
    private static Class<? extends LoopbackTest> contract(Method method) {
        try {
            return Class.forName(method.getDeclaringClass().getName()).asSubclass(LoopbackTest.class);
        } catch (ClassNotFoundException x) {
            throw new IllegalStateException(x);
        }
    }

    private static List<String> rows(Method method, Object tests) {
        if (method.isAnnotationPresent(Test.class)) return List.of("");
        try {
            Object rows = method.invoke(tests);
            Stream<?> all = rows instanceof Collection<?> list ? list.stream() : (Stream<?>) rows;
            return all.map(row -> ((DynamicTest) row).getDisplayName()).toList();
        } catch (IllegalAccessException | InvocationTargetException x) {
            throw new IllegalStateException(x);
        }
    }

    private static Object instance(Class<?> exercise) {
        try {
            var constructor = exercise.getDeclaredConstructor();
            constructor.setAccessible(true);
            return constructor.newInstance();
        } catch (ReflectiveOperationException x) {
            throw new IllegalStateException(x);
        }
    }

    /** The repository that this folder is in. */
    static Path root() {
        Path folder = Path.of("").toAbsolutePath();
        while (folder != null && !Files.exists(folder.resolve("step-01-minimal"))) folder = folder.getParent();
        if (folder == null) throw new IllegalStateException("The lab has to be started within the repository.");
        return folder;
    }
}
