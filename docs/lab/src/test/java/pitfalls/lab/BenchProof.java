package pitfalls.lab;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.lab.Move.Side;

/** What is copied from the bench as a test compiles in the test tree of its step, passes, and does what the bench has shown. */
class BenchProof {
    /** The step; its settings; the moves of the upstream; those of the client. Each kind of move is somewhere here. */
    private static final List<String> CASES = List.of(
            "1 | | take, answer hello\\r\\n | request GET /x, field Host: a, response, request GET /y, field Host: a, response",
            "1 | | take, head 200 OK, field Content-Length: 10, half 0123456789, close | request GET /x, field Host: a, response",
            "2 | | take, reset | request GET /x, field Host: a, field Accept: application/json, response",
            "2 | 'timeouts': {'response': 200} | take, wait 600 | request GET /x, field Host: a, response",
            "3 | | take, head 200 OK, field Content-Length: 5 | request HEAD /{id}, field Host: a, response",
            "4 | 'retries': 2 | take, close, next, take, reset, next, take, answer 3 | request GET /x, field Host: a, response",
            "4 | 'retries': 1 | take, answer ok | request POST /x, field Host: a, field Content-Length: 10, body hello, wait 100,"
                    + " body hello, response",
            "5 | 'mark': 'X-Mark' | take, answer ok | request GET /x, field Host: a, field X-Mark: 1, response",
            "5 | 'mark': 'cdn-loop' | take, answer ok | request GET /x, field Host: a, response",
            "6 | | take, redirect UPSTREAM/login | request GET /x, field Host: a, response",
            "6 | | take, redirect /login | request GET /x, field Host: a, response",
            "7 | | take, 103 Link: </a.css>; rel=preload, answer ok | request GET /x, field Host: a, response",
            "7 | | take, head 200 OK, field Transfer-Encoding: chunked, chunk one, wait 300, chunk two, trailer X-Sum: 2 | request GET"
                    + " /x, field Host: a, field TE: trailers, response",
            "7 | | take, head 200 OK, field Transfer-Encoding: chunked, wait 900, wait 900 | request GET /x, field Host: a, response",
            "7 | | take, wait 900, wait 900 | request GET /x, field Host: a, wait 100, close",
            "7 | | take, wait 900 | request GET /x, field Host: a, wait 100, reset",
            "7 | | take, 101 echo, read 5, body HELLO | request GET /x, field Host: a, field Connection: Upgrade, field Upgrade: echo,"
                    + " response, body hello, read 5, close",
            "7 | 'timeouts': {'response': 300, 'head': 50, 'stream': 300, 'client': 300} | take, wait 900 | request POST /x, field Host:"
                    + " a, field Transfer-Encoding: chunked, chunk one, trailer , response");

    @TempDir
    private Path folder;

    @Test
    void each_kind_of_move_is_tried() {
        for (Side side : Side.values())
            assertThat(CASES.stream()
                            .map(BenchProof::bench)
                            .flatMap(bench -> (side == Side.CLIENT ? bench.client() : bench.upstream()).stream())
                            .map(Move::kind)
                            .distinct())
                    .as(side.name())
                    .containsExactlyInAnyOrderElementsOf(side.kinds());
    }

    @TestFactory
    Stream<DynamicTest> the_test_in_Java_does_what_the_bench_has_shown() {
        return CASES.stream()
                .map(text -> DynamicTest.dynamicTest(text, () -> {
                    Bench bench = bench(text);
                    var played = bench.playOn(bench.step(), mark -> {});
                    String java = new BenchSource(bench, played).java();
                    Object test = compiled(bench.step(), java);
                    Method method = Stream.of(test.getClass().getDeclaredMethods())
                            .filter(each -> each.isAnnotationPresent(Test.class))
                            .findFirst()
                            .orElseThrow();
                    method.setAccessible(true);

                    var recording = Stage.play(bench.step(), () -> run(method, test), mark -> {});

                    assertThat(played.recording().failure())
                            .as("what went wrong on the bench")
                            .isEmpty();
                    assertThat(recording.failure())
                            .as("what this test says: %s", java)
                            .isEmpty();
                    assertThat(sent(recording)).as("what passes: %s", java).isEqualTo(sent(played.recording()));
                }));
    }

    private static void run(Method method, Object test) throws Throwable {
        try {
            method.invoke(test);
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }

    private static Bench bench(String text) {
        String[] parts = text.split(" \\|");
        return BenchTest.parse("{'step': " + parts[0] + (parts[1].isEmpty() ? "" : "," + parts[1]) + ", 'upstream': "
                + list(parts[2]) + ", 'client': " + list(parts[3]) + "}");
    }

    private static String list(String moves) {
        return Stream.of(moves.strip().split(", (?=[a-z0-9])"))
                .map(move -> "'" + move.replace("\\", "\\\\") + "'")
                .collect(Collectors.joining(", ", "[", "]"));
    }

    /** The test, compiled with nothing but what the test tree of its step has. */
    private Object compiled(int step, String java) throws Exception {
        Path source = folder.resolve("BenchTest.java");
        Files.writeString(source, java);
        var laterSteps = Pattern.compile("step-0[" + (step + 1) + "-8]-|[/\\\\]docs[/\\\\]");
        String classPath = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> !laterSteps.matcher(entry).find())
                .collect(Collectors.joining(File.pathSeparator));
        var complaints = new ByteArrayOutputStream();
        int failed = ToolProvider.getSystemJavaCompiler()
                .run(
                        null,
                        null,
                        complaints,
                        "-proc:none",
                        "-Xlint:all",
                        "-Werror",
                        "--release",
                        "17",
                        "-d",
                        folder.toString(),
                        "-classpath",
                        classPath,
                        source.toString());
        assertThat(failed).as("%s%n%s", java, complaints.toString(UTF_8)).isZero();
        var loader = new URLClassLoader(
                new URL[] {folder.toUri().toURL()}, getClass().getClassLoader());
        var constructor =
                loader.loadClass("pitfalls.step0" + step + ".BenchTest").getDeclaredConstructor();
        constructor.setAccessible(true);
        return constructor.newInstance();
    }

    /** The bytes that passed in each lane, however they were cut. */
    private static Map<Lane, String> sent(Recording recording) {
        Map<Lane, String> sent = new EnumMap<>(Lane.class);
        for (Mark mark : recording.marks())
            if (mark.kind() == Mark.Kind.DATA)
                sent.merge(mark.lane(), Comparison.normalized(mark.bytes()), String::concat);
        return sent;
    }
}
