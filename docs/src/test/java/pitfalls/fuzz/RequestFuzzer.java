package pitfalls.fuzz;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import pitfalls.fuzz.Finding.Kind;
import pitfalls.fuzz.FuzzUpstream.Received;
import pitfalls.fuzz.RequestInput.Sent;

/** Has clients send what should not pass, and an upstream that looks at everything that does. */
final class RequestFuzzer extends Fuzzer implements FuzzUpstream.Service {
    private final Map<Long, Pending> pending = new ConcurrentHashMap<>();

    /** An input, and which of its requests have reached the upstream. */
    private record Pending(RequestInput input, boolean[] hasArrived) {
        /** Takes the first request that may have that target; {@code null} if there is none left. */
        private synchronized Sent take(String target) {
            for (int i = 0; i < hasArrived.length; i++) {
                if (hasArrived[i] || !input.sent().get(i).mayBeFor(target)) continue;
                hasArrived[i] = Tags.isIn(target); // without a tag it may be another client's
                return input.sent().get(i);
            }
            return null;
        }
    }

    RequestFuzzer(InetSocketAddress proxy, FuzzUpstream upstream, long seed) {
        super(proxy, upstream, seed);
    }

    @Override
    Input input(long number) {
        var input = RequestInput.of(seed, number);
        pending.putIfAbsent(number, new Pending(input, new boolean[input.sent().size()]));
        return input;
    }

    @Override
    void forgetBefore(long number) {
        pending.keySet().removeIf(old -> old < number);
    }

    @Override
    void fuzz(FuzzClient client, Input input) throws IOException, StrictReader.Malformed, StrictReader.BrokenOff {
        List<Sent> sent = ((RequestInput) input).sent();
        client.send(input);
        client.endOutputWhenQuiet();
        var reader = new StrictReader(client.in());
        int answered = 0;
        for (var head = reader.readResponseHead(); head != null; head = reader.readResponseHead()) {
            if (head.status() < 200) continue;
            report.countAnswer(String.valueOf(head.status()));
            if (head.status() == 500 && head.values("X-Echo").isEmpty())
                found(Kind.INTERNAL_ERROR, input, head.toString());
            boolean isOneTooMany = answered >= sent.size();
            boolean isError = head.status() >= 400 && head.values("X-Echo").isEmpty();
            if (isOneTooMany && !isError)
                found(Kind.ANSWER_FOR_SOMEBODY_ELSE, input, "there is one answer more than requests");
            boolean isToHead = !isOneTooMany && sent.get(answered).isHead();
            boolean isUnreadable = isToHead && !sent.get(answered).line().startsWith("HEAD /");
            if (isToHead && (isUnreadable || sent.get(answered).head() == null)) return; // a body may follow, or none
            var framing = StrictReader.framingOfResponse(head, isToHead ? "HEAD" : "GET");
            String body = new String(reader.readBody(head, framing), ISO_8859_1);
            reader.checkTrailers();
            checkEcho(input, sent, answered, head, body);
            if (++answered >= sent.size()) client.endOutput();
        }
    }

    /** An answer tells for which request it is. Behind a malformed request, the proxy may have left one out. */
    private void checkEcho(Input input, List<Sent> sent, int number, StrictReader.Head head, String body) {
        for (String echo : head.values("X-Echo")) {
            boolean isCertain = number < sent.size() && sent.get(number).head() != null;
            List<Sent> asked = isCertain ? List.of(sent.get(number)) : sent;
            if (asked.stream().noneMatch(request -> request.mayBeFor(echo)))
                found(Kind.ANSWER_FOR_SOMEBODY_ELSE, input, "answer " + (number + 1) + " is for " + echo);
            if (!body.isEmpty() && !body.equals("an answer to " + echo))
                found(Kind.ANSWER_CHANGED, input, "the body is '" + body + "'");
        }
    }

    @Override
    FuzzUpstream.Service service() {
        return this;
    }

    @Override
    public boolean answer(StrictReader.Head head, Received received, OutputStream out)
            throws IOException, StrictReader.Malformed, StrictReader.BrokenOff {
        Arrival arrival = arrival(head, received);
        if (head.values("Expect").contains("100-continue"))
            out.write("HTTP/1.1 100 Continue\r\n\r\n".getBytes(ISO_8859_1));
        byte[] body = received.readBody(head);
        received.reader().checkTrailers();
        if (arrival != null) compare(arrival, head, body);
        out.write(
                FuzzUpstream.answer(head.target(), head.method(), head.target().hashCode() % 2 == 0));
        return true;
    }

    @Override
    public void onMalformed(Received received, String complaint) {
        found(Kind.INVALID_REQUEST, guess(received), complaint);
    }

    /** A request that has arrived, and the input that it is from. */
    private record Arrival(RequestInput input, Sent request) {}

    /** The request that somebody has sent, and that has now arrived; {@code null} if nobody has. */
    private Arrival arrival(StrictReader.Head head, Received received) {
        for (Pending each : pending.values()) {
            Sent request = each.take(head.target());
            if (request != null) return new Arrival(each.input(), request);
        }
        found(Kind.REQUEST_OF_NOBODY, guess(received), "the upstream got " + head.method() + " " + head.target());
        return null;
    }

    private void compare(Arrival arrival, StrictReader.Head head, byte[] body) {
        Sent request = arrival.request();
        if (request.head() == null || !Tags.isIn(head.target())) return; // malformed, and forgiven; or another's
        if (!request.head().method().equals(head.method()))
            found(Kind.REQUEST_OF_NOBODY, arrival.input(), "the method has become " + head.method());
        if (request.body() == null)
            found(Kind.BROKEN_REQUEST_WHOLE, arrival.input(), "the upstream got as complete " + asText(body));
        else if (!Arrays.equals(request.body(), body))
            found(Kind.REQUEST_OF_NOBODY, arrival.input(), "the body has become " + asText(body));
    }

    private static String asText(byte[] body) {
        return "'" + Finding.printable(new String(body, ISO_8859_1)) + "'";
    }

    /** The input whose tag came last on that connection. */
    private Input guess(Received received) {
        String tag = Tags.lastIn(received.tail().text());
        return pending.values().stream()
                .map(Pending::input)
                .filter(input -> !tag.isEmpty() && input.text().contains(tag))
                .findFirst()
                .orElseGet(() -> RequestInput.unknown(received.tail().text()));
    }
}
