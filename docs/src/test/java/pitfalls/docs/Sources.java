package pitfalls.docs;

import com.github.javaparser.ParserConfiguration;
import com.github.javaparser.ParserConfiguration.LanguageLevel;
import com.github.javaparser.StaticJavaParser;
import com.github.javaparser.ast.CompilationUnit;
import com.github.javaparser.ast.body.BodyDeclaration;
import com.github.javaparser.ast.body.CallableDeclaration;
import com.github.javaparser.ast.body.EnumConstantDeclaration;
import com.github.javaparser.ast.body.EnumDeclaration;
import com.github.javaparser.ast.body.FieldDeclaration;
import com.github.javaparser.ast.body.MethodDeclaration;
import com.github.javaparser.ast.body.RecordDeclaration;
import com.github.javaparser.ast.body.TypeDeclaration;
import com.github.javaparser.ast.nodeTypes.NodeWithSimpleName;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The project's Java, as a parser sees it. */
final class Sources {
    private static final Map<Path, CompilationUnit> PARSED = new TreeMap<>();
    private static final Set<String> TEST_METHODS;

    static {
        StaticJavaParser.setConfiguration(new ParserConfiguration().setLanguageLevel(LanguageLevel.JAVA_17));
        try {
            for (Path file : Page.files(".java").toList()) PARSED.put(file, StaticJavaParser.parse(file));
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
        TEST_METHODS = PARSED.entrySet().stream()
                .filter(entry -> entry.getKey().toString().replace('\\', '/').contains("/src/test/"))
                .flatMap(entry -> entry.getValue().findAll(MethodDeclaration.class).stream())
                .map(NodeWithSimpleName::getNameAsString)
                .collect(Collectors.toSet());
    }

    private Sources() {}

    /** The types at the top of that file; empty if there is no such file. */
    static List<TypeDeclaration<?>> types(Path file) {
        var unit = PARSED.get(file.normalize());
        return unit == null ? List.of() : unit.getTypes();
    }

    /** The simple names of all classes that have a file. */
    static Set<String> classes() {
        return classes("/src/");
    }

    /** The same of those in test trees. */
    static Set<String> testClasses() {
        return classes("/src/test/");
    }

    private static Set<String> classes(String tree) {
        return PARSED.keySet().stream()
                .map(file -> file.toString().replace('\\', '/'))
                .filter(file -> file.contains(tree))
                .map(file -> file.substring(file.lastIndexOf('/') + 1, file.length() - ".java".length()))
                .collect(Collectors.toSet());
    }

    /** The names of all methods that stand in test trees. */
    static Set<String> testMethods() {
        return TEST_METHODS;
    }

    /** The members that a name such as {@code RetryPolicy.Backoff.after} stands for, in that file. */
    static List<BodyDeclaration<?>> members(Path file, String name) {
        List<BodyDeclaration<?>> found = new ArrayList<>(types(file));
        String[] parts = name.split("\\.");
        found.removeIf(type -> !named(type, parts[0]));
        for (int i = 1; i < parts.length; i++) {
            String part = parts[i];
            found = found.stream()
                    .flatMap(member -> member instanceof TypeDeclaration<?> type ? in(type) : Stream.of())
                    .filter(member -> named(member, part))
                    .collect(Collectors.toList());
        }
        return found;
    }

    private static Stream<BodyDeclaration<?>> in(TypeDeclaration<?> type) {
        Stream<BodyDeclaration<?>> members = type.getMembers().stream().map(member -> (BodyDeclaration<?>) member);
        return type instanceof EnumDeclaration constants
                ? Stream.concat(constants.getEntries().stream(), members)
                : members;
    }

    private static boolean named(BodyDeclaration<?> member, String name) {
        if (member instanceof TypeDeclaration<?> type)
            return type.getNameAsString().equals(name);
        if (member instanceof CallableDeclaration<?> callable)
            return callable.getNameAsString().equals(name);
        if (member instanceof EnumConstantDeclaration constant)
            return constant.getNameAsString().equals(name);
        return member instanceof FieldDeclaration field
                && field.getVariables().stream()
                        .anyMatch(variable -> variable.getNameAsString().equals(name));
    }

    /** Whether that name means something in that file: a type, a member, or a part of a record. */
    static boolean exists(Path file, String name) {
        if (!members(file, name).isEmpty()) return true;
        int dot = name.lastIndexOf('.');
        return dot > 0
                && members(file, name.substring(0, dot)).stream()
                        .filter(RecordDeclaration.class::isInstance)
                        .flatMap(type -> ((RecordDeclaration) type).getParameters().stream())
                        .anyMatch(part -> part.getNameAsString().equals(name.substring(dot + 1)));
    }

    /** The text of a member as it stands in that file, without its documentation, from the left margin. */
    static String text(Path file, BodyDeclaration<?> member) {
        try {
            List<String> lines = Files.readAllLines(file);
            var range = member.getRange().orElseThrow();
            String text = String.join("\n", lines.subList(range.begin.line - 1, range.end.line));
            return text.stripIndent();
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }
}
