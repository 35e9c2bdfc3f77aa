package pitfalls.docs;

import com.github.javaparser.ast.body.ClassOrInterfaceDeclaration;
import com.github.javaparser.ast.body.MethodDeclaration;
import com.github.javaparser.ast.body.TypeDeclaration;
import com.github.javaparser.ast.nodeTypes.NodeWithSimpleName;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.junit.jupiter.api.Test;

/** The map of the classes is drawn from the code. */
class FloorsTest {
    private static final Set<String> HOOKS = Stream.of(ProxyHandler.class, ProxyHandler.Reverse.class)
            .flatMap(type -> Stream.of(type.getDeclaredMethods()))
            .map(Method::getName)
            .filter(name -> !name.startsWith("do")) // of the life cycle, and everybody's
            .collect(Collectors.toSet());

    /**
     * A step's proxy.
     *
     * @param step the step
     * @param proxy its class
     * @param others the other types of its package
     */
    private record Floor(Step step, ClassOrInterfaceDeclaration proxy, List<String> others) {
        private static Floor of(Step step) {
            Path folder = Page.ROOT.resolve(step.folder()).resolve("src/main/java/pitfalls/step0" + step.number());
            try (var files = Files.list(folder)) {
                List<TypeDeclaration<?>> types = files.sorted()
                        .flatMap(file -> Sources.types(file).stream())
                        .toList();
                var proxy = types.stream()
                        .filter(type -> type.getNameAsString().endsWith("Proxy"))
                        .filter(type -> !type.getNameAsString().equals("ReverseProxy")) // the program
                        .findFirst()
                        .orElseThrow();
                var others = types.stream()
                        .filter(type -> type != proxy)
                        .map(NodeWithSimpleName::getNameAsString)
                        .toList();
                return new Floor(step, proxy.asClassOrInterfaceDeclaration(), others);
            } catch (IOException x) {
                throw new UncheckedIOException(x);
            }
        }

        private String below() {
            return proxy.getExtendedTypes(0).getNameWithScope();
        }

        /** The hooks that it overrides, the headline first. */
        private List<String> hooks() {
            return proxy.getMethods().stream()
                    .filter(method -> method.isAnnotationPresent(Override.class))
                    .map(MethodDeclaration::getNameAsString)
                    .filter(HOOKS::contains)
                    .distinct()
                    .toList();
        }

        private String link(String type) {
            return "[" + type + "](../" + step.folder() + "/src/main/java/pitfalls/step0" + step.number() + "/" + type
                    + ".java)";
        }
    }

    @Test
    void the_map_shows_the_classes_and_the_hooks_that_they_override() throws Exception {
        List<Floor> floors = Stream.of(Step.values()).map(Floor::of).toList();
        Generated.assertEqual("docs/README.md", "floors", picture(floors));
        Generated.assertEqual("docs/README.md", "classes", table(floors));
    }

    private static String picture(List<Floor> floors) {
        var lines = floors.stream()
                .map(floor -> "    s%d[\"step %d: %s%s\"] --> s%d\n"
                        .formatted(
                                floor.step.number(),
                                floor.step.number(),
                                floor.proxy.getNameAsString(),
                                floor.hooks().stream()
                                        .limit(1)
                                        .map(hook -> "<br>" + hook)
                                        .collect(Collectors.joining()),
                                floor.step.number() - 1))
                .collect(Collectors.joining());
        return "```mermaid\nflowchart BT\n    s0[\"Jetty's " + floors.get(0).below() + "\"]\n" + lines + "```\n";
    }

    private static String table(List<Floor> floors) {
        return "| step | its proxy | hooks of Jetty's that it overrides | beside it |\n|---|---|---|---|\n"
                + floors.stream().map(FloorsTest::row).collect(Collectors.joining());
    }

    private static String row(Floor floor) {
        var hooks = floor.hooks().stream().map(hook -> "`" + hook + "`").collect(Collectors.joining(", "));
        var others = floor.others.stream().map(floor::link).collect(Collectors.joining(", "));
        return "| %d | %s | %s | %s |\n"
                .formatted(
                        floor.step.number(),
                        floor.link(floor.proxy.getNameAsString()),
                        hooks.isEmpty() ? "none, it gives the constructor a function" : hooks,
                        others);
    }
}
