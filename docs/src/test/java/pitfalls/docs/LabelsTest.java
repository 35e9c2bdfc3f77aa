package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.javaparser.ast.Node;
import com.github.javaparser.ast.body.MethodDeclaration;
import com.github.javaparser.ast.expr.MethodCallExpr;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.Guard;
import pitfalls.support.Headline;
import pitfalls.support.Why;
import pitfalls.workshop.ExerciseFile;

/** An assertion of a contract says what it looks at, because an attendee reads it before the code. */
class LabelsTest {

    @TestFactory
    Stream<DynamicTest> every_assertion_of_a_contract_has_a_label() {
        return Page.files("Contract.java")
                .filter(file -> file.toString().replace('\\', '/').matches(".*/step-.*/src/test/.*"))
                .map(file -> DynamicTest.dynamicTest(
                        file.getFileName().toString(),
                        () -> assertThat(unlabelled(file))
                                .as("assertions without .as(...), by line")
                                .isEmpty()));
    }

    @TestFactory
    Stream<DynamicTest> each_test_that_an_exercise_has_to_pass_says_why() {
        return ExerciseFile.all(Page.ROOT).stream()
                .map(exercise -> DynamicTest.dynamicTest(exercise.simpleName(), () -> {
                    String contract = exercise.simpleName().replace("Exercise", "Contract");
                    Path file = exercise.path().resolveSibling(contract + ".java");
                    assertThat(Sources.types(file).stream()
                                    .flatMap(type -> type.findAll(MethodDeclaration.class).stream())
                                    .filter(test -> test.isAnnotationPresent(Headline.class)
                                            || test.isAnnotationPresent(Guard.class)))
                            .isNotEmpty()
                            .as("has @Why, which tells an attendee more than the bytes do")
                            .allMatch(test -> test.isAnnotationPresent(Why.class));
                }));
    }

    private static List<String> unlabelled(Path file) {
        return Sources.types(file).stream()
                .flatMap(type -> type.findAll(MethodCallExpr.class).stream())
                .filter(call -> call.getNameAsString().equals("assertThat"))
                .filter(call -> !isLabelled(call))
                .map(call -> "line " + call.getBegin().orElseThrow().line + ": " + call)
                .toList();
    }

    private static boolean isLabelled(MethodCallExpr assertion) {
        Node at = assertion;
        while (at.getParentNode().orElse(null) instanceof MethodCallExpr next
                && next.getScope().orElse(null) == at) {
            if (next.getNameAsString().equals("as")) return true;
            at = next;
        }
        return false;
    }
}
