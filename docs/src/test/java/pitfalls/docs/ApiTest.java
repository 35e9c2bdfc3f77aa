package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.javaparser.ast.AccessSpecifier;
import com.github.javaparser.ast.Modifier.Keyword;
import com.github.javaparser.ast.body.BodyDeclaration;
import com.github.javaparser.ast.body.CallableDeclaration;
import com.github.javaparser.ast.body.ClassOrInterfaceDeclaration;
import com.github.javaparser.ast.body.EnumDeclaration;
import com.github.javaparser.ast.body.FieldDeclaration;
import com.github.javaparser.ast.body.MethodDeclaration;
import com.github.javaparser.ast.body.RecordDeclaration;
import com.github.javaparser.ast.body.TypeDeclaration;
import com.github.javaparser.ast.nodeTypes.NodeWithModifiers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import pitfalls.support.Slow;

/**
 * What other code can use of the steps, as it was when somebody last looked at it. There is no release yet with which a tool for that
 * could compare, so the signatures are kept in a file. {@code -Dupdate} writes them anew, and the difference shows what has changed.
 */
@Slow
@Timeout(value = 2, unit = TimeUnit.MINUTES) // for a machine that is busy: all sources are parsed
class ApiTest {
    private static final Path RECORDED = Page.ROOT.resolve("docs/src/test/resources/api.txt");

    @Test
    void what_other_code_can_use_has_not_changed_unnoticed() throws IOException {
        String api = Stream.of(Step.values()).map(ApiTest::api).collect(Collectors.joining());

        if (Page.UPDATE) Files.writeString(RECORDED, api);
        else
            assertThat(api)
                    .as("the public API; if it has to change, mvn test -pl docs -Dtest=ApiTest -Dupdate records it")
                    .isEqualTo(Page.textOf(RECORDED));
    }

    /** The page has what an embedder sets, and where it comes from. */
    @Test
    void the_page_shows_every_setting() throws IOException {
        var rows = new StringBuilder("| setting | of step | what it does |\n|---|---|---|\n");
        for (Step step : Step.values())
            types(step)
                    .filter(type -> type.getNameAsString().endsWith("Proxy"))
                    .flatMap(type -> type.getMethods().stream())
                    .filter(method -> method.getAccessSpecifier() == AccessSpecifier.PUBLIC)
                    .filter(method -> method.getNameAsString().startsWith("set"))
                    .forEach(setter -> rows.append(
                            "| `%s` | %d | %s |\n".formatted(signature(setter), step.number(), summary(setter))));
        Generated.assertEqual("docs/embed.md", "settings", rows.toString());
    }

    private static String signature(MethodDeclaration method) {
        return method.getNameAsString()
                + method.getParameters().stream()
                        .map(parameter -> parameter.getTypeAsString() + (parameter.isVarArgs() ? "..." : ""))
                        .collect(Collectors.joining(", ", "(", ")"));
    }

    /** The first sentence of its documentation. */
    private static String summary(MethodDeclaration method) {
        String text =
                method.getJavadoc().orElseThrow().getDescription().toText().replaceAll("\\s+", " ");
        String first = text.split("(?<=[.;]) ", 2)[0].replaceAll("[.;]$", "");
        return first.replaceAll("\\{@(?:code|link) (?:\\w+\\.)*#?([^}]*)}", "`$1`");
    }

    private static String api(Step step) {
        return types(step).map(type -> api("", type)).collect(Collectors.joining());
    }

    private static Stream<TypeDeclaration<?>> types(Step step) {
        Path folder = Page.ROOT.resolve(step.folder()).resolve("src/main/java/pitfalls/step0" + step.number());
        try (var files = Files.walk(folder)) {
            return files.sorted().flatMap(file -> Sources.types(file).stream()).toList().stream();
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }

    private static String api(String outer, TypeDeclaration<?> type) {
        if (!type.isPublic() && !type.isProtected() && outer.isEmpty()) return "";
        String name =
                outer.isEmpty() ? type.getFullyQualifiedName().orElseThrow() : outer + "." + type.getNameAsString();
        Set<String> lines = new TreeSet<>();
        boolean isInterface = type instanceof ClassOrInterfaceDeclaration declared && declared.isInterface();
        for (BodyDeclaration<?> member : type.getMembers()) {
            boolean isOpen = isInterface
                    || member instanceof NodeWithModifiers<?> modified
                            && (modified.hasModifier(Keyword.PUBLIC) || modified.hasModifier(Keyword.PROTECTED));
            if (!isOpen) continue;
            if (member instanceof CallableDeclaration<?> callable)
                lines.add("    " + callable.getDeclarationAsString(true, true, false) + "\n");
            if (member instanceof FieldDeclaration field)
                lines.add("    "
                        + field.getModifiers().stream().map(Object::toString).collect(Collectors.joining())
                        + field.getVariable(0).getTypeAsString() + " "
                        + field.getVariable(0).getNameAsString() + "\n");
        }
        if (type instanceof EnumDeclaration constants)
            constants.getEntries().forEach(constant -> lines.add("    " + constant.getNameAsString() + "\n"));
        String parts = type instanceof RecordDeclaration record
                ? record.getParameters().toString()
                : "";
        String nested = type.getMembers().stream()
                .filter(TypeDeclaration.class::isInstance)
                .map(member -> (TypeDeclaration<?>) member)
                .filter(member -> isInterface || member.isPublic() || member.isProtected())
                .map(member -> api(name, member))
                .collect(Collectors.joining());
        return name + parts + "\n" + String.join("", lines) + nested;
    }
}
