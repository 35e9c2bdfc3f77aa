package pitfalls.docs;

import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.commonmark.node.FencedCodeBlock;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Handler;
import org.junit.jupiter.api.Nested;
import pitfalls.step01.MinimalProxy;
import pitfalls.step02.ErrorHandlingProxy;
import pitfalls.step03.Upstream;
import pitfalls.step03.UrlNormalizingProxy;
import pitfalls.step04.RetriesContract;
import pitfalls.step04.RetryPolicy;
import pitfalls.step04.RetryingProxy;
import pitfalls.step05.HopDetectingProxy;
import pitfalls.step06.DirectedProxy;
import pitfalls.step06.Director;
import pitfalls.support.Exercise;
import pitfalls.support.LogLines;
import pitfalls.support.Loopback;
import pitfalls.support.RawMessage;
import pitfalls.support.ScriptedUpstream;
import pitfalls.support.ScriptedUpstream.Script;
import pitfalls.workshop.Run;
import pitfalls.workshop.Run.Result;
import pitfalls.workshop.Run.Status;

/**
 * What the pages show as output is made here once more. Ports are told as 8080 for the proxy and 8081 for the upstream;
 * a pseudonym and a pause are told as one of many; {@code ...} stands for the lines that say nothing. A page may break a long
 * line where it likes.
 */
final class Outputs {
    private static final String TREE = "┬─ ";

    private static final Script ECHO = connection -> {
        String head = connection.receiveRequest().head();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + head.length() + "\r\n\r\n" + head);
    };
    private static final Script DIES = connection -> connection.receiveRequest();
    private static final Script VALUE = connection -> {
        connection.receiveRequest();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nvalue");
    };

    private static final Map<String, Scenario> SCENARIOS = new TreeMap<>(Map.ofEntries(
            Map.entry("a cookie for everybody", Outputs::cookie),
            Map.entry("refused, step 1", wire -> wire.curl(new MinimalProxy(wire.refusing()), "-i", "/v1/key")),
            Map.entry("refused, step 2", wire -> wire.curl(new ErrorHandlingProxy(wire.refusing()), "-i", "/v1/key")),
            Map.entry("refused, the log", wire -> wire.log(new ErrorHandlingProxy(wire.refusing()), "/v1/key")),
            Map.entry("localhost, step 2", wire -> wire.curl(new ErrorHandlingProxy("localhost:8081"), "", "/v1/key")),
            Map.entry("localhost, the log", wire -> wire.log(new ErrorHandlingProxy("localhost:8081"), "/v1/key")),
            Map.entry("an address refused", wire -> refusal("ftp://leader.internal")),
            Map.entry("dropped, step 3", Outputs::dropped),
            Map.entry("dropped, the log", wire -> wire.log(retrying(wire.scripted(DIES, VALUE)), "/v1/key")),
            Map.entry("a loop, step 5", Outputs::loop),
            Map.entry(
                    "the upstream's view, step 5",
                    wire -> wire.curl(
                            new HopDetectingProxy(wire.scripted(ECHO).target()),
                            "",
                            "/cart",
                            "Host: shop.example",
                            "X-Forwarded-For: 10.0.0.1")),
            Map.entry(
                    "the upstream's view, step 6",
                    wire -> wire.curl(
                            byTenant(wire.scripted(ECHO)),
                            "",
                            "/cart",
                            "Host: shop.example",
                            "X-Tenant: red",
                            "X-Forwarded-For: 10.0.0.1")),
            Map.entry(
                    "no upstream known",
                    wire -> wire.curl(byTenant(wire.scripted(ECHO)), "-i", "/cart", "X-Tenant: green")),
            Map.entry("a failed exercise", wire -> failedExercise())));

    private static final Map<String, String> PLAYED = new TreeMap<>();

    private Outputs() {}

    /** Plays a scene and returns what there was to read. */
    private interface Scenario {
        String play(Wire wire) throws Exception;
    }

    /** The complaint about a block of output; {@code null} if there is none. */
    static String check(Page page, FencedCodeBlock block) {
        if (block.getLiteral().startsWith(TREE)) return tree(block);
        String comment = Page.commentBefore(block);
        if (comment.equals("measured")) return null;
        String name = comment.replaceFirst("^output: ", "");
        if (!SCENARIOS.containsKey(name))
            return "output needs a comment before it, <!-- output: NAME --> or <!-- measured -->; the names are "
                    + SCENARIOS.keySet();
        String expected =
                PLAYED.computeIfAbsent(name, any -> play(SCENARIOS.get(name)).stripTrailing());
        if (Page.differOnlyInSpace(expected, block.getLiteral())) return null;
        if (!Page.UPDATE) return "this reads, when it is run:\n" + expected;
        page.rewrite(block, expected);
        return null;
    }

    private static String play(Scenario scenario) {
        var loopback = new Loopback();
        try {
            try {
                return scenario.play(new Wire(loopback));
            } finally {
                loopback.afterEach(null);
            }
        } catch (Exception x) {
            throw new IllegalStateException(x);
        }
    }

    /** A tree of tests has the sentences of its classes, in their order; {@code …} stands for others. */
    private static String tree(FencedCodeBlock block) {
        List<String> lines = block.getLiteral().lines().toList();
        List<String> sentences = List.of();
        int at = 0;
        boolean elided = false;
        try {
            Class<?> tests = Class.forName(lines.get(0).substring(TREE.length()));
            for (String line : lines.subList(1, lines.size())) {
                String text = line.replaceFirst("^[│├└─ ]*(✔ )?", "");
                if (line.matches("[├└]─ ── .*")) {
                    if (at < sentences.size() && at > 0 && !elided) return "'" + sentences.get(at) + "' is missing";
                    sentences = Run.sentences(nested(tests, text));
                    at = 0;
                    elided = false;
                } else if (text.equals("…")) {
                    elided = true;
                } else {
                    boolean row = at > 0 && text.startsWith(sentences.get(at - 1) + " ");
                    if (!row && (at == sentences.size() || !text.startsWith(sentences.get(at++))))
                        return "'" + text + "' is not what comes next: " + sentences;
                }
            }
        } catch (ClassNotFoundException x) {
            return "there is no class " + x.getMessage();
        }
        return null;
    }

    private static Class<?> nested(Class<?> tests, String name) throws ClassNotFoundException {
        for (Class<?> nested : tests.getDeclaredClasses())
            if (nested.isAnnotationPresent(Nested.class)
                    && nested.getSimpleName().equals(name)) return nested;
        throw new ClassNotFoundException(name + " in " + tests.getName());
    }

    private static String cookie(Wire wire) throws Exception {
        var upstream =
                wire.loopback.upstream(Loopback.ok().addHeader("Set-Cookie", "sid=alice; Path=/"), Loopback.ok());
        var proxy = new MinimalProxy(Loopback.targetOf(upstream));
        proxy.setHttpClient(new org.eclipse.jetty.client.HttpClient());
        URI server = wire.loopback.serve(proxy);
        var login = wire.loopback.connect(server).sendRequest("POST /login").receiveResponse();
        wire.loopback.connect(server).sendRequest("GET /inbox").receiveResponse();
        Loopback.received(upstream);
        String seen = Loopback.received(upstream).getHeaders().get("Cookie");
        return "$ curl -X POST http://127.0.0.1:8080/login      # Alice; the upstream answers Set-Cookie: "
                + login.field("Set-Cookie").get(0).split(";")[0]
                + "\n$ curl http://127.0.0.1:8080/inbox              # Bob; the upstream reads Cookie: " + seen;
    }

    private static String refusal(String address) {
        try {
            return Upstream.parse(address).toString();
        } catch (IllegalArgumentException x) {
            return x.toString();
        }
    }

    private static String dropped(Wire wire) throws Exception {
        URI server = wire.loopback.serve(
                new UrlNormalizingProxy(wire.scripted(DIES, VALUE).target()));
        return wire.curl(server, "", "/v1/key") + "\n" + wire.curl(server, "", "/v1/key");
    }

    private static Handler retrying(ScriptedUpstream upstream) {
        var proxy = new RetryingProxy(upstream.target());
        proxy.setRetryPolicy(RetryPolicy.idempotent());
        return proxy;
    }

    private static String loop(Wire wire) throws Exception {
        var server = wire.loopback.serveLater();
        server.serve(new HopDetectingProxy(server.address().toString()));
        return wire.curl(server.address(), "-i", "/");
    }

    private static Handler byTenant(ScriptedUpstream upstream) {
        return new DirectedProxy(Director.byField("X-Tenant", Map.of("red", upstream.target())));
    }

    /** The exercise as it is shipped, whatever an attendee has made of it. */
    @Exercise("step-04-retries")
    static class Unsolved implements RetriesContract {
        @Override
        public ProxyHandler newProxy(String target, RetryPolicy policy) {
            return new UrlNormalizingProxy(target);
        }
    }

    private static String failedExercise() {
        return Run.of(Unsolved.class).stream()
                .filter(result -> result.status() == Status.FAILED)
                .map(Result::failure)
                .map(Throwable::getMessage)
                .map(message ->
                        message.strip().replaceAll("(?m) +$", "").replaceAll("(?m)^( *)Date: .*", "$1Date: ..."))
                .findFirst()
                .orElseThrow();
    }

    /** A client, as {@code curl} is one. */
    private record Wire(Loopback loopback) {
        String refusing() throws Exception {
            return loopback.refusing();
        }

        ScriptedUpstream scripted(Script... scripts) throws Exception {
            return loopback.scripted(scripts);
        }

        String curl(Handler proxy, String option, String path, String... fields) throws Exception {
            return curl(loopback.serve(proxy), option, path, fields);
        }

        String curl(URI server, String option, String path, String... fields) throws Exception {
            var command = new StringBuilder("$ curl ").append(option.isEmpty() ? "" : option + " ");
            command.append("http://127.0.0.1:8080").append(path);
            for (String field : fields) command.append(" -H '").append(field).append("'");
            RawMessage response = request(server, path, fields);
            String told = option.equals("-i") ? head(response) + body(response) : response.body();
            return command + "\n" + normalized(told, server);
        }

        private RawMessage request(URI server, String path, String... fields) throws Exception {
            String host = "127.0.0.1:8080";
            var others = new StringBuilder();
            for (String field : fields) {
                if (field.startsWith("Host: ")) host = field.substring("Host: ".length());
                else others.append(field).append("\r\n");
            }
            return loopback.connect(server)
                    .send("GET " + path + " HTTP/1.1\r\nHost: " + host
                            + "\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n" + others + "\r\n")
                    .receiveResponse();
        }

        /** What the proxy logs first about such a request. */
        String log(Handler proxy, String path) throws Exception {
            try (var log = LogLines.of("pitfalls")) {
                URI server = loopback.serve(proxy);
                request(server, path);
                return normalized(log.first(), server);
            }
        }

        private static String head(RawMessage response) {
            return response.head()
                    .replaceFirst("(?m)^(Server|Date): .*\\R(Date: .*\\R)?", "...\n")
                    .replace("\r\n", "\n");
        }

        private static String body(RawMessage response) {
            String body = response.body();
            if (!body.startsWith("<html>")) return "\n" + body;
            return "\n<html>\n...\n"
                    + body.lines()
                            .filter(line -> line.contains("Powered by"))
                            .findFirst()
                            .orElseThrow();
        }

        private static String normalized(String text, URI server) {
            return text.replace("\r\n", "\n")
                    .replace(":" + server.getPort(), ":8080")
                    .replaceAll("127\\.0\\.0\\.1:(?!8080)\\d+", "127.0.0.1:8081")
                    .replaceAll("proxy-[0-9a-f]{8}", "proxy-28fd515d")
                    .replace("[request ID", "[request 4f2a9c01")
                    .replaceAll("\\b\\d+ ms", "12 ms")
                    .replaceAll("Connection refused: .*", "Connection refused") // Windows says more
                    .stripTrailing();
        }
    }
}
