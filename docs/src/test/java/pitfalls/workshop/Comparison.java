package pitfalls.workshop;

import com.github.difflib.DiffUtils;
import com.github.difflib.UnifiedDiffUtils;
import com.github.javaparser.JavaParser;
import com.github.javaparser.ParserConfiguration;
import com.github.javaparser.ParserConfiguration.LanguageLevel;
import com.github.javaparser.ast.Node;
import com.github.javaparser.ast.body.ClassOrInterfaceDeclaration;
import com.github.javaparser.ast.comments.Comment;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** How an answer differs from the step's own proxy: comments and layout do not count. */
final class Comparison {
    private static final int CONTEXT = 3;

    private Comparison() {}

    /** The difference in lines: {@code -} is the attendee's, {@code +} the solution's. */
    static List<String> of(ExerciseFile exercise, Path solution) throws IOException {
        String name = solution.getFileName().toString().replaceFirst("\\.java$", "");
        List<String> mine = lines(exercise.path(), "MyProxy", name);
        List<String> theirs = lines(solution, name, name);
        return UnifiedDiffUtils.generateUnifiedDiff(
                "yours: MyProxy", "the solution: " + name, mine, DiffUtils.diff(mine, theirs), CONTEXT);
    }

    private static List<String> lines(Path file, String name, String called) throws IOException {
        var parser = new JavaParser(new ParserConfiguration().setLanguageLevel(LanguageLevel.JAVA_17));
        var parsed = parser.parse(file).getResult().orElseThrow();
        var type = parsed.findFirst(
                        ClassOrInterfaceDeclaration.class,
                        found -> found.getNameAsString().equals(name))
                .orElseThrow();
        type.getAllContainedComments().forEach(Comment::remove);
        type.getComment().ifPresent(Node::remove);
        return type.toString().replaceAll("\\b" + name + "\\b", called).lines().toList();
    }
}
