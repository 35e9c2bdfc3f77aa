package pitfalls.lab;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;

/**
 * What was played on the bench, as a test in Java for the step's test tree. It asserts what the client got.
 *
 * @param bench what was put together
 * @param played how it went on the proxy of its step
 */
record BenchSource(Bench bench, Bench.Played played) {
    private static final List<String> PROXIES = List.of(
            "MinimalProxy",
            "ErrorHandlingProxy",
            "UrlNormalizingProxy",
            "RetryingProxy",
            "HopDetectingProxy",
            "DirectedProxy",
            "StreamingProxy");
    private static final int RETRIES = 4;
    private static final int HOPS = 5;
    private static final int STREAMING = 7;
    private static final String ENDED = "} catch (IOException ended) {\n    // The proxy has ended the connection.\n}";

    /** The file. */
    String java() {
        String body = indented(indented(String.join("\n", body())));
        return "package " + packageOf(bench.step()) + ";\n\n" + imports(body)
                + "\n\nclass BenchTest implements LoopbackTest {\n\n" + "    @Test\n    void " + name()
                + "() throws Exception {\n" + body + "\n    }\n}\n";
    }

    private String name() {
        String what = played.receipts().isEmpty()
                ? "the client leaves"
                : played.receipts().stream()
                        .map(Receipt::told)
                        .collect(Collectors.joining(" and ", "the client gets ", ""));
        return what.replaceAll("[^A-Za-z0-9]+", "_").replaceAll("_$", "");
    }

    private String imports(String body) {
        var all = new TreeSet<String>(List.of("org.junit.jupiter.api.Test", "pitfalls.support.LoopbackTest"));
        for (String each : List.of(
                "java.io.IOException",
                "java.time.Duration",
                "java.util.concurrent.CompletableFuture",
                "pitfalls.step04.RetryPolicy",
                "pitfalls.step05.HopMark",
                "pitfalls.support.Gate")) {
            String name = each.substring(each.lastIndexOf('.') + 1);
            if (body.matches("(?s).*\\b" + name + "\\b.*") && !each.equals(packageOf(bench.step()) + "." + name))
                all.add(each);
        }
        return "import static org.assertj.core.api.Assertions.assertThat;\n\n"
                + all.stream().map(each -> "import " + each + ";").collect(Collectors.joining("\n"));
    }

    private List<String> body() {
        List<String> lines = new ArrayList<>();
        var scripts = Move.scripts(bench.upstream(), new CompletableFuture<>());
        boolean isOver = played.isOver();
        boolean needsTarget = scripts.stream()
                .flatMap(List::stream)
                .anyMatch(call -> call.java().contains("target.get()"));
        if (needsTarget) lines.add("var target = new CompletableFuture<String>();");
        if (isOver) lines.add("var over = new Gate(\"the upstream has done its work, or has nobody to do it for\");");
        lines.add("var upstream = loopback.scripted("
                + scripts.stream().map(script -> script(script, isOver)).collect(Collectors.joining(", ")) + ");");
        if (needsTarget) lines.add("target.complete(upstream.target());");
        lines.addAll(proxy());
        lines.add("");
        lines.addAll(client());
        if (isOver) lines.add("over.await();");
        String requests = "connections that brought a request to the upstream";
        lines.add(
                bench.leaves() && played.requests() > 0
                        ? "upstream.awaitConnections(" + played.requests() + ");"
                        : "assertThat(upstream.connections()).as(\"" + requests + "\").isEqualTo(" + played.requests()
                                + ");");
        return lines;
    }

    private String script(List<Call> script, boolean isOver) {
        List<String> lines = new ArrayList<>(calls("connection", script, played.broken() || bench.leaves()));
        if (isOver) lines.add("over.open();");
        return "connection -> {\n" + indented(String.join("\n", lines)) + "\n}";
    }

    private List<String> proxy() {
        List<String> lines = new ArrayList<>();
        lines.add("var proxy = new " + PROXIES.get(bench.step() - 1) + "(upstream.target());");
        if (bench.step() >= RETRIES && bench.retries() > 0)
            lines.add("proxy.setRetryPolicy(RetryPolicy.idempotent().withAttempts(" + (1 + bench.retries())
                    + ").withBackoff(Duration.ZERO, Duration.ZERO));");
        if (bench.step() >= HOPS && !bench.mark().equals("via"))
            lines.add("proxy.setHopMark("
                    + (bench.mark().equals("cdn-loop")
                            ? "HopMark.cdnLoop()"
                            : "HopMark.field(" + Call.literal(bench.mark()) + ")")
                    + ");");
        if (bench.step() >= STREAMING && !bench.timeouts().isEmpty())
            lines.add("proxy.setTimeouts(Timeouts.defaults()"
                    + bench.timeouts().entrySet().stream()
                            .map(each -> ".with" + each.getKey().substring(0, 1).toUpperCase()
                                    + each.getKey().substring(1) + "(" + Move.java(Duration.ofMillis(each.getValue()))
                                    + ")")
                            .collect(Collectors.joining())
                    + ");");
        lines.add("var client = loopback.connect(loopback.serve(proxy));");
        if (bench.step() < STREAMING && bench.timeouts().containsKey("response"))
            lines.add("proxy.getHttpClient().setIdleTimeout(" + bench.timeouts().get("response") + ");");
        return lines;
    }

    private List<String> client() {
        List<String> lines = new ArrayList<>();
        var exchanges = bench.exchanges();
        int receipts = 0;
        for (int i = 0; i < exchanges.size(); i++) {
            lines.addAll(
                    calls("client", exchanges.get(i).calls(), played.failed().contains(i)));
            if (exchanges.get(i).isRead()) {
                Receipt receipt = played.receipts().get(receipts);
                lines.addAll(receipt.assertions(receipts == 0 ? "response" : "response" + (receipts + 1)));
                receipts++;
            }
        }
        return lines;
    }

    /** The calls; if they may fail, the test goes on. */
    private static List<String> calls(String name, List<Call> calls, boolean mayFail) {
        List<String> lines = calls.stream()
                .map(call -> name + call.java().replace(" + ", "\n        + "))
                .toList();
        if (!mayFail || lines.isEmpty()) return lines;
        return List.of("try {", indented(String.join("\n", lines)), ENDED);
    }

    private static String packageOf(int step) {
        return "pitfalls.step0" + step;
    }

    private static String indented(String lines) {
        return lines.indent(4).replaceAll("(?m)^ +$", "").stripTrailing();
    }
}
