package pitfalls.docs;

import com.github.javaparser.ast.body.ClassOrInterfaceDeclaration;
import com.github.javaparser.ast.body.MethodDeclaration;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The map of the classes, and the way of a request through them, are drawn from the code. */
@Timeout(value = 2, unit = TimeUnit.MINUTES) // for a machine that is busy: all sources are parsed
class FloorsTest {
    private static final Set<String> HOOKS = Stream.of(ProxyHandler.class, ProxyHandler.Reverse.class)
            .flatMap(type -> Stream.of(type.getDeclaredMethods()))
            .map(Method::getName)
            .filter(name -> !name.startsWith("do")) // of the life cycle, and everybody's
            .collect(Collectors.toSet());

    private static final Set<String> PHASES = Set.of("newExchange", "forward", "onFailure");

    /** What Jetty and step 2 call for a request, in this order. */
    private static final List<Called> CALLED = List.of(
            new Called("once", "handle"),
            new Called("once", "newExchange"),
            new Called("once", "forward"),
            new Called("per attempt", "rewriteHttpURI"),
            new Called("per attempt", "newProxyToServerRequest"),
            new Called("per attempt", "copyRequestHeaders"),
            new Called("per attempt", "addViaHeader"),
            new Called("per attempt", "addForwardedHeader"),
            new Called("per attempt", "newProxyToServerRequestContent"),
            new Called("per attempt", "sendProxyToServerRequest"),
            new Called("per attempt", "newServerToProxyResponseListener"),
            new Called("per attempt", "onServerToProxyResponse102Processing"),
            new Called("per attempt", "onServerToProxyResponse103EarlyHints"),
            new Called("on failure", "onServerToProxyResponseFailure"),
            new Called("on failure", "onFailure"));

    /**
     * A method that is called for a request.
     *
     * @param phase in which phase of the exchange
     * @param method its name
     */
    private record Called(String phase, String method) {}

    /**
     * A step's proxy.
     *
     * @param step the step
     * @param proxy its class
     * @param others the other types of its package and those below, with their files
     */
    private record Floor(Step step, ClassOrInterfaceDeclaration proxy, Map<String, Path> others) {
        private static Floor of(Step step) {
            Path folder = Page.ROOT.resolve(step.folder()).resolve("src/main/java/pitfalls/step0" + step.number());
            try (var files = Files.walk(folder)) {
                Map<String, Path> others = new TreeMap<>();
                files.filter(file -> !Sources.types(file).isEmpty())
                        .forEach(file ->
                                others.put(Sources.types(file).get(0).getNameAsString(), folder.relativize(file)));
                String name = others.keySet().stream()
                        .filter(other -> other.endsWith("Proxy"))
                        .findFirst()
                        .orElseThrow();
                var proxy = Sources.types(folder.resolve(others.remove(name))).get(0);
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
                    .filter(name -> HOOKS.contains(name) || PHASES.contains(name))
                    .distinct()
                    .toList();
        }

        private String link() {
            return link(proxy.getNameAsString(), Path.of(proxy.getNameAsString() + ".java"));
        }

        private String link(String type, Path file) {
            return "[" + type + "](../" + step.folder() + "/src/main/java/pitfalls/step0" + step.number() + "/"
                    + file.toString().replace('\\', '/') + ")";
        }
    }

    @Test
    void the_map_shows_the_classes_and_the_hooks_that_they_override() throws Exception {
        List<Floor> floors = Stream.of(Step.values()).map(Floor::of).toList();
        Generated.assertEqual("docs/README.md", "floors", picture(floors));
        Generated.assertEqual("docs/README.md", "classes", table(floors));
    }

    @Test
    void the_way_of_a_request_shows_who_overrides_what() throws Exception {
        List<Floor> floors = Stream.of(Step.values()).map(Floor::of).toList();
        Generated.assertEqual("docs/request.md", "way", way(floors));
        Generated.assertEqual("docs/request.md", "state", state(floors));
    }

    private static String way(List<Floor> floors) {
        return "| phase | method | overridden in steps |\n|---|---|---|\n"
                + CALLED.stream().map(called -> line(called, floors)).collect(Collectors.joining());
    }

    private static String line(Called called, List<Floor> floors) {
        String steps = floors.stream()
                .filter(floor -> floor.hooks().contains(called.method))
                .map(floor -> String.valueOf(floor.step.number()))
                .collect(Collectors.joining(", "));
        return "| %s | `%s` | %s |\n".formatted(called.phase, called.method, orDash(steps));
    }

    /** A cell that says nothing has a dash, because an empty one looks as if it was forgotten. */
    private static String orDash(String cell) {
        return cell.isEmpty() ? "–" : cell;
    }

    /** What each exchange keeps: its fields, constants aside. */
    private static String state(List<Floor> floors) {
        var rows = new StringBuilder("| exchange | what it keeps |\n|---|---|\n");
        for (Floor floor : floors) {
            floor.others.forEach((name, file) -> {
                if (!name.endsWith("Exchange")) return;
                Path folder = Page.ROOT
                        .resolve(floor.step.folder())
                        .resolve("src/main/java/pitfalls/step0" + floor.step.number());
                String fields = Sources.types(folder.resolve(file)).get(0).getFields().stream()
                        .filter(field -> !field.isStatic())
                        .map(field -> "`" + field.getVariable(0).getNameAsString() + "`")
                        .collect(Collectors.joining(", "));
                rows.append("| ")
                        .append(floor.link(name, file))
                        .append(" | ")
                        .append(fields)
                        .append(" |\n");
            });
        }
        return rows.toString();
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
        return "| step | its proxy | hooks and phases that it overrides | beside it |\n|---|---|---|---|\n"
                + floors.stream().map(FloorsTest::row).collect(Collectors.joining());
    }

    private static String row(Floor floor) {
        var hooks = floor.hooks().stream().map(hook -> "`" + hook + "`").collect(Collectors.joining(", "));
        var others = floor.others.entrySet().stream()
                .map(other -> floor.link(other.getKey(), other.getValue()))
                .collect(Collectors.joining(", "));
        return "| %d | %s | %s | %s |\n"
                .formatted(
                        floor.step.number(),
                        floor.link(),
                        hooks.isEmpty() ? "none: it gives Jetty a function" : hooks,
                        orDash(others));
    }
}
