package pitfalls.fuzz;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import pitfalls.fuzz.Finding.Kind;
import pitfalls.fuzz.FuzzUpstream.Received;
import pitfalls.fuzz.ResponseInput.Meaning;

/** Has an upstream answer what should not pass, and clients that look at everything that does. */
final class ResponseFuzzer extends Fuzzer implements FuzzUpstream.Service {
    private static final String NEXT = "/next-";

    private final Map<String, ResponseInput> byTag = new ConcurrentHashMap<>();

    ResponseFuzzer(InetSocketAddress proxy, FuzzUpstream upstream, long seed) {
        super(proxy, upstream, seed);
    }

    @Override
    Input input(long number) {
        var input = ResponseInput.of(seed, number);
        byTag.put(input.tag(), input);
        return input;
    }

    @Override
    void forgetBefore(long number) {
        byTag.values().removeIf(old -> old.number() < number);
    }

    @Override
    void fuzz(FuzzClient client, Input any) throws IOException, StrictReader.Malformed, StrictReader.BrokenOff {
        var input = (ResponseInput) any;
        String body = input.method().equals("POST") ? "Content-Length: 5\r\n\r\nhello" : "\r\n";
        client.send(input.method() + " /r-" + input.tag() + " HTTP/1.1\r\nHost: fuzz.example\r\n" + body);
        var reader = new StrictReader(client.in());
        boolean isWhole = false;
        try {
            StrictReader.Head head = readFinalHead(reader);
            if (head != null && !checkInternal(input, head)) checkEcho(input, head);
            byte[] received = head == null ? null : readBody(reader, head, input.method());
            isWhole = received != null;
            report.countAnswer(head == null ? "cut" : String.valueOf(head.status()));
            check(input, head, received);
        } catch (IOException | StrictReader.BrokenOff x) {
            if (!(x instanceof FuzzClient.Hangs)) check(input, null, null);
            throw x;
        }
        if (isWhole) checkNext(client, reader, input);
    }

    private static StrictReader.Head readFinalHead(StrictReader reader)
            throws IOException, StrictReader.Malformed, StrictReader.BrokenOff {
        StrictReader.Head head;
        do head = reader.readResponseHead();
        while (head != null && head.status() < 200);
        return head;
    }

    private static byte[] readBody(StrictReader reader, StrictReader.Head head, String method)
            throws IOException, StrictReader.Malformed, StrictReader.BrokenOff {
        byte[] body = reader.readBody(head, StrictReader.framingOfResponse(head, method));
        reader.checkTrailers();
        return body;
    }

    /** What is malformed may be forgiven in several ways; in all of them it is a response to this request. */
    private void checkEcho(ResponseInput input, StrictReader.Head head) {
        StrictReader.Head meant = input.meaning().head();
        for (String echo : head.values("X-Echo")) {
            boolean isRight = meant == null
                    ? echo.contains(input.tag()) || input.text().contains(echo.split(" ")[0])
                    : meant.values("X-Echo").contains(echo);
            boolean isOfSomebodyElse = !isRight && Tags.isIn(echo);
            if (isOfSomebodyElse) found(Kind.ANSWER_FOR_SOMEBODY_ELSE, input, "the answer is for " + echo);
        }
    }

    /** Compares what the client got with what the upstream sent: {@code received} is {@code null} if it was cut. */
    private void check(ResponseInput input, StrictReader.Head head, byte[] received) {
        Meaning meaning = input.meaning();
        boolean isProxysOwn =
                head != null && head.status() >= 500 && head.values("X-Echo").isEmpty();
        if (meaning.body() == null) {
            if (meaning.head() != null && received != null && !isProxysOwn && !meaning.mayBeForgiven())
                found(
                        Kind.BROKEN_ANSWER_WHOLE,
                        input,
                        "the client got " + head.status() + " and " + asText(received) + " as complete");
        } else if (received == null) {
            found(Kind.ANSWER_CHANGED, input, "the client got no whole answer");
        } else if (isProxysOwn) {
            report.countAnswer("refused");
        } else if (head.status() == 205 && received.length == 0) {
            report.countAnswer("205 without the content that it must not have");
        } else if (head.status() != meaning.head().status() || !Arrays.equals(received, meaning.body())) {
            found(Kind.ANSWER_CHANGED, input, "the client got " + head.status() + " and " + asText(received));
        }
    }

    /** Reports a 500 of the proxy's own; returns whether it is one. */
    private boolean checkInternal(ResponseInput input, StrictReader.Head head) {
        boolean isInternal =
                head.status() == 500 && !head.values("X-Echo").stream().anyMatch(Tags::isIn);
        if (isInternal && !input.text().contains(" 500 ")) found(Kind.INTERNAL_ERROR, input, "the client got " + head);
        return isInternal;
    }

    private static String asText(byte[] body) {
        return "'" + Finding.printable(new String(body, ISO_8859_1)) + "'";
    }

    /** What follows on the client's connection is the answer to its next request, or the end. */
    private void checkNext(FuzzClient client, StrictReader reader, ResponseInput input) throws StrictReader.Malformed {
        try {
            String next = NEXT + input.tag();
            client.send("GET " + next + " HTTP/1.1\r\nHost: fuzz.example\r\nConnection: close\r\n\r\n");
            for (var head = reader.readResponseHead(); head != null; head = reader.readResponseHead()) {
                boolean isError = head.status() > 500 && head.values("X-Echo").isEmpty();
                if (isError) report.countAnswer("next " + head.status()); // it met the end of the upstream's connection
                else if (!checkInternal(input, head) && !head.values("X-Echo").contains(next))
                    found(Kind.ANSWER_FOR_SOMEBODY_ELSE, input, "the next request got " + head);
                readBody(reader, head, "GET");
            }
        } catch (IOException | StrictReader.BrokenOff x) {
            report.countAnswer("cut before the next");
        }
    }

    @Override
    FuzzUpstream.Service service() {
        return this;
    }

    @Override
    public boolean answer(StrictReader.Head head, Received received, OutputStream out)
            throws IOException, StrictReader.Malformed, StrictReader.BrokenOff {
        received.readBody(head);
        ResponseInput input = head.target().startsWith("/r-") ? byTag.get(Tags.lastIn(head.target())) : null;
        if (input == null) {
            out.write(FuzzUpstream.answer(head.target(), head.method(), false));
            return true;
        }
        input.writeTo(out);
        return input.meaning().staysOpen();
    }

    @Override
    public void onMalformed(Received received, String complaint) {
        // the fuzzer of requests looks at what a proxy sends
    }
}
