package pitfalls.support;

import static org.junit.platform.commons.support.AnnotationSupport.findAnnotation;
import static org.junit.platform.commons.support.AnnotationSupport.isAnnotated;

import java.lang.reflect.Method;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.DynamicTestInvocationContext;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;
import org.opentest4j.TestAbortedException;

/** What {@link Exercise} does. */
final class ExerciseExtension implements InvocationInterceptor, ExecutionCondition {
    private final Set<String> told = new HashSet<>();
    private boolean lessonFailed;

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext test) {
        return lessonFailed && !isLesson(test)
                ? ConditionEvaluationResult.disabled("fine print, for when the tests above are green")
                : ConditionEvaluationResult.enabled("");
    }

    private static boolean isLesson(ExtensionContext test) {
        return isAnnotated(test.getElement(), Headline.class) || isAnnotated(test.getElement(), Guard.class);
    }

    @Override
    public void interceptTestMethod(
            Invocation<Void> invocation, ReflectiveInvocationContext<Method> method, ExtensionContext test) {
        explainFailure(invocation, test);
    }

    @Override
    public void interceptDynamicTest(
            Invocation<Void> invocation, DynamicTestInvocationContext dynamicTest, ExtensionContext test) {
        explainFailure(invocation, test.getParent().orElseThrow());
    }

    /** In full for the first of several failures of one method. */
    private void explainFailure(Invocation<Void> invocation, ExtensionContext method) {
        var clientBefore = LoopbackTest.loopback.lastClient();
        try {
            invocation.proceed();
        } catch (TestAbortedException aborted) {
            throw aborted;
        } catch (Throwable failure) {
            if (isLesson(method)) lessonFailed = true;
            var client = LoopbackTest.loopback.lastClient();
            boolean isTold = told.add(method.getUniqueId()) && !client.equals(clientBefore);
            String last = isLesson(method) ? "Hints: " + hintsOf(method) : "This is a bonus: the exercise is solved.";
            throw explained(failure, client.filter(any -> isTold), last);
        }
    }

    private static String hintsOf(ExtensionContext test) {
        for (var context = Optional.of(test);
                context.isPresent();
                context = context.get().getParent()) {
            var exercise = findAnnotation(context.get().getTestClass(), Exercise.class);
            if (exercise.isPresent()) return exercise.get().value() + "/README.md, under \"Your turn\"";
        }
        return "the README of the step";
    }

    /** The places in the code are told only where they say something: those of an assertion are the contract's. */
    private static AssertionError explained(Throwable failure, Optional<RawConnection> client, String last) {
        var message = new StringBuilder("\n");
        if (failure instanceof AssertionError)
            message.append(failure.getMessage().strip());
        else message.append("There was no result to look at: ").append(failure);
        client.ifPresent(wire -> message.append("\n\nThe client sent:\n")
                .append(indented(wire.sent()))
                .append("\nand received:\n")
                .append(indented(wire.received())));
        message.append("\n\n").append(last).append('\n');
        var error = new AssertionError(message.toString(), failure instanceof AssertionError ? null : failure);
        if (failure instanceof AssertionError) error.setStackTrace(new StackTraceElement[0]);
        return error;
    }

    private static String indented(String bytes) {
        return bytes.isEmpty()
                ? "    (nothing)"
                : bytes.replaceAll("[^\\P{Cntrl}\\n]", "")
                        .stripTrailing()
                        .indent(4)
                        .stripTrailing();
    }
}
