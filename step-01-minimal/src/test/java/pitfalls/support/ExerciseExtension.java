package pitfalls.support;

import static org.junit.platform.commons.support.AnnotationSupport.findAnnotation;
import static org.junit.platform.commons.support.AnnotationSupport.isAnnotated;

import java.io.IOException;
import java.lang.reflect.Method;
import java.net.SocketTimeoutException;
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
    /** The parameter with which the fine print runs, too. */
    static final String BONUS = "bonus";

    /** The parameter with which it runs whether the lesson is green or not. */
    static final String ALL = "all";

    /** Who waits for a test that fails does not want to wait for each of its rows. */
    private static final boolean IS_IMPATIENT = System.getProperty("patience") != null;

    private final Set<String> told = new HashSet<>();
    private final Set<String> silent = new HashSet<>();
    private boolean lessonFailed;

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext test) {
        if (test.getTestMethod().isEmpty() || isLesson(test)) return ConditionEvaluationResult.enabled("");
        if (test.getConfigurationParameter(ALL).isPresent()) return ConditionEvaluationResult.enabled("");
        if (lessonFailed) return ConditionEvaluationResult.disabled("fine print, for when the tests above are green");
        return test.getConfigurationParameter(BONUS).isPresent()
                ? ConditionEvaluationResult.enabled("")
                : ConditionEvaluationResult.disabled("fine print, a bonus: -D" + BONUS);
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
        var method = test.getParent().orElseThrow();
        if (IS_IMPATIENT && silent.contains(method.getUniqueId())) {
            invocation.skip();
            throw new TestAbortedException("the row before it has got no answer");
        }
        explainFailure(invocation, method);
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
            if (failure instanceof SocketTimeoutException) silent.add(method.getUniqueId());
            var client = LoopbackTest.loopback.lastClient();
            boolean isTold = told.add(method.getUniqueId()) && !client.equals(clientBefore);
            String last = isLesson(method) ? "Hints: " + hintsOf(method) : "This is a bonus: the exercise is solved.";
            throw explained(failure, why(method), client.filter(any -> isTold), last);
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

    /** An assertion fails in the contract, so its place in the code says nothing to a reader of the exercise. */
    private static ExerciseFailure explained(
            Throwable failure, String why, Optional<RawConnection> client, String last) {
        boolean isAssertion = failure instanceof AssertionError;
        String reason = isAssertion ? failure.getMessage().strip() : unanswered(failure);
        String wire = client.map(ExerciseExtension::wire).orElse("");
        return new ExerciseFailure(reason + why, wire, last, isAssertion ? null : failure);
    }

    private static String why(ExtensionContext method) {
        return findAnnotation(method.getElement(), Why.class)
                .map(why -> "\n\nWhy: " + why.value())
                .orElse("");
    }

    /** Why there is nothing to assert anything about. */
    private static String unanswered(Throwable failure) {
        String received =
                LoopbackTest.loopback.lastClient().map(RawConnection::received).orElse("");
        boolean isSilence = failure instanceof SocketTimeoutException;
        if (isSilence && received.isEmpty())
            return "[the response] none came: was an exception thrown, or was the callback never completed?";
        if (isSilence) return "[the response] half a response, then silence: was the callback completed?";
        if (failure instanceof IOException && received.isEmpty())
            return "[the response] the proxy closed the connection without an answer: " + failure;
        return "[the response] there was no result to look at: " + failure;
    }

    private static String wire(RawConnection client) {
        return "The client sent:\n" + indented(client.sent()) + "\nand received:\n" + indented(client.received());
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
