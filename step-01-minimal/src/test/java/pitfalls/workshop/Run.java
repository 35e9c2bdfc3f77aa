package pitfalls.workshop;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.logging.LogManager;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;
import org.junit.platform.launcher.core.LauncherConfig;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import pitfalls.support.Guard;
import pitfalls.support.Headline;

/** Runs test classes that may fail, and keeps what became of each of their tests. */
public final class Run {
    private static final String DRY_RUN = "junit.platform.execution.dryRun.enabled";
    private static final Map<String, String> BONUS = Map.of("bonus", "true");
    private static final int REPEAT = Integer.getInteger("proof.repeat", 1);

    static {
        LogManager.getLogManager().reset(); // MockWebServer's complaints about proxies that are wrong
        for (int i = 0; i < Integer.getInteger("proof.busy", 0); i++) keepACoreBusy();
    }

    private Run() {}

    public enum Status {
        PASSED,
        FAILED,
        SKIPPED
    }

    /**
     * What became of a test.
     *
     * @param method the method that it is, or that made it
     * @param name its name as printed
     * @param status what became of it
     * @param failure the failure; {@code null} if there was none
     * @param log what was logged meanwhile
     */
    public record Result(Method method, String name, Status status, Throwable failure, TestLog.Excerpt log) {
        public boolean isHeadline() {
            return method.isAnnotationPresent(Headline.class);
        }

        public boolean isGuard() {
            return method.isAnnotationPresent(Guard.class);
        }

        /** The message of the failure, in one line. */
        public String message() {
            return String.valueOf(failure.getMessage()).strip().replaceAll("\\s+", " ");
        }

        @Override
        public String toString() {
            return outcome() + (failure == null ? "" : " " + failure);
        }

        /** The sentence that its name is. */
        public String sentence() {
            String sentence = method.getName().replace('_', ' ');
            return name.equals(sentence) ? sentence : sentence + ": " + name;
        }

        /** What must be the same each time. */
        private String outcome() {
            return method.getName() + " " + name + " " + status;
        }
    }

    /** The results of the tests of that class, which must be the same however often they run. */
    public static List<Result> of(Class<?> tests) {
        return repeated(tests, DiscoverySelectors.selectClass(tests));
    }

    /** The same of all tests of that class, also where a headline fails; once. */
    public static List<Result> ofAll(Class<?> tests) {
        return launched(Map.of("all", "true"), DiscoverySelectors.selectClass(tests));
    }

    /** The same of the headlines and guards alone, once. */
    public static List<Result> ofLesson(Class<?> tests) {
        return launched(Map.of(), lessonAnd(tests, ""));
    }

    /** The same of the headlines and guards alone, and of that method. */
    public static List<Result> of(Class<?> tests, String alsoMethod) {
        return repeated(tests, lessonAnd(tests, alsoMethod));
    }

    private static DiscoverySelector[] lessonAnd(Class<?> tests, String alsoMethod) {
        return Stream.of(tests.getMethods())
                .filter(method -> method.isAnnotationPresent(Headline.class)
                        || method.isAnnotationPresent(Guard.class)
                        || method.getName().equals(alsoMethod))
                .map(method -> DiscoverySelectors.selectMethod(tests, method))
                .toArray(DiscoverySelector[]::new);
    }

    private static List<Result> repeated(Class<?> tests, DiscoverySelector... selectors) {
        List<Result> first = launched(BONUS, selectors);
        for (int i = 1; i < REPEAT; i++)
            assertThat(launched(BONUS, selectors).stream().map(Result::outcome))
                    .as("the results of run %d of %s", i + 1, tests.getName())
                    .containsExactlyElementsOf(
                            first.stream().map(Result::outcome).toList());
        return first;
    }

    /** The sentences of the tests of that class, in the order in which they would run. */
    public static List<String> sentences(Class<?> tests) {
        return launched(Map.of(DRY_RUN, "true"), DiscoverySelectors.selectClass(tests)).stream()
                .map(Result::sentence)
                .toList();
    }

    private static List<Result> launched(Map<String, String> parameters, DiscoverySelector... selectors) {
        var collector = new Collector(parameters.containsKey(DRY_RUN));
        var config = LauncherConfig.builder()
                .enableTestExecutionListenerAutoRegistration(false)
                .enableLauncherSessionListenerAutoRegistration(false)
                .enableLauncherDiscoveryListenerAutoRegistration(false)
                .enablePostDiscoveryFilterAutoRegistration(false)
                .build();
        var request = LauncherDiscoveryRequestBuilder.request()
                .selectors(selectors)
                .configurationParameters(parameters)
                .build();
        try (collector.log) {
            LauncherFactory.create(config).execute(request, collector);
        }
        return collector.results;
    }

    private static void keepACoreBusy() {
        var thread = new Thread(
                () -> {
                    while (true) Thread.onSpinWait();
                },
                "busy");
        thread.setDaemon(true);
        thread.start();
    }

    private static final class Collector implements TestExecutionListener {
        private final List<Result> results = new ArrayList<>();
        private final TestLog log = new TestLog();
        private final boolean isDry;
        private TestPlan plan;

        private Collector(boolean isDry) {
            this.isDry = isDry; // then no method makes its tests
        }

        @Override
        public void testPlanExecutionStarted(TestPlan plan) {
            this.plan = plan;
        }

        @Override
        public void executionStarted(TestIdentifier test) {
            if (test.isTest()) log.begin();
        }

        @Override
        public void executionSkipped(TestIdentifier test, String reason) {
            methodOf(test).ifPresent(method -> add(method, test, Status.SKIPPED, null));
        }

        @Override
        public void executionFinished(TestIdentifier test, TestExecutionResult result) {
            Throwable failure = result.getThrowable().orElse(null);
            Status status = switch (result.getStatus()) {
                case SUCCESSFUL -> Status.PASSED;
                case FAILED -> Status.FAILED;
                case ABORTED -> Status.SKIPPED;
            };
            var method = methodOf(test);
            if (method.isPresent() && (test.isTest() || failure != null || isDry))
                add(method.get(), test, status, failure);
            else if (failure != null) throw new IllegalStateException(test.getDisplayName() + " failed", failure);
        }

        private void add(Method method, TestIdentifier test, Status status, Throwable failure) {
            results.add(new Result(method, test.getDisplayName(), status, failure, log.end(failure)));
        }

        private Optional<Method> methodOf(TestIdentifier test) {
            return Stream.iterate(Optional.of(test), Optional::isPresent, at -> at.flatMap(plan::getParent))
                    .flatMap(Optional::stream)
                    .flatMap(at -> at.getSource().stream())
                    .filter(MethodSource.class::isInstance)
                    .map(source -> ((MethodSource) source).getJavaMethod())
                    .findFirst();
        }
    }

    /** The chosen ones of these results, by the name of the method. */
    public static Map<String, List<Result>> byMethod(List<Result> results, Predicate<Result> chosen) {
        return results.stream()
                .filter(chosen)
                .collect(Collectors.groupingBy(result -> result.method().getName()));
    }
}
