package pitfalls.lab;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;

/**
 * What a client of the bench got when it read a response.
 *
 * @param messages the response, and the interim ones before it
 * @param ending how it ended
 * @param isHead whether it answers a HEAD, and has no body
 */
record Receipt(List<RawMessage> messages, Ending ending, boolean isHead) {
    private static final int FINAL = 200;
    private static final int SWITCHING = 101;
    private static final int NO_CONTENT = 204;
    private static final int NOT_MODIFIED = 304;

    /** How a response ends. */
    enum Ending {
        WHOLE("the whole response"),
        CUT("and then the connection ends: the response is not whole"),
        STALLED("and then the client gives up waiting for the rest"),
        NO_HTTP("and then something that is not HTTP");

        private final String words;

        Ending(String words) {
            this.words = words;
        }
    }

    /** Reads the next response. */
    static Receipt read(RawConnection client, boolean isHead) {
        List<RawMessage> messages = new ArrayList<>();
        Ending ending = Ending.WHOLE;
        try {
            RawMessage message;
            do {
                message = new RawMessage(client.receiveHead(), "", true);
                messages.add(message);
            } while (message.status() < FINAL && message.status() != SWITCHING);
            if (!isHead && hasBody(message.status())) {
                message = client.receiveBodyOf(message);
                messages.set(messages.size() - 1, message);
                if (!message.complete()) ending = Ending.CUT;
            }
        } catch (SocketTimeoutException silence) {
            ending = Ending.STALLED;
        } catch (IOException ended) {
            ending = Ending.CUT;
        } catch (RuntimeException unreadable) {
            ending = Ending.NO_HTTP;
        }
        return new Receipt(List.copyOf(messages), ending, isHead);
    }

    private static boolean hasBody(int status) {
        return status >= FINAL && status != NO_CONTENT && status != NOT_MODIFIED;
    }

    /** For the page. */
    String told() {
        if (messages.isEmpty() && ending == Ending.STALLED) return "nothing, and gives up waiting";
        if (messages.isEmpty() && ending == Ending.CUT) return "no response: the connection ends";
        return messages.stream()
                        .map(message -> message.startLine().replaceFirst("HTTP/1\\.1 ", ""))
                        .collect(Collectors.joining(", then "))
                + ", " + ending.words;
    }

    /** What a test in Java says of it, with {@code response} and its number as the name of the response. */
    List<String> assertions(String name) {
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < messages.size(); i++) {
            RawMessage message = messages.get(i);
            boolean isLast = i == messages.size() - 1;
            boolean isWhole = !isLast || ending == Ending.WHOLE || ending == Ending.CUT && message.status() >= FINAL;
            if (isHead && isLast || !isWhole) {
                lines.add("assertThat(client.receiveHead()).as(\"the head of the response\").startsWith("
                        + Call.literal("HTTP/1.1 " + message.status()) + ");");
                continue;
            }
            String each = isLast ? name : name + "Interim" + (i + 1);
            lines.add("var " + each + " = client.receiveResponse();");
            lines.add("assertThat(" + each + ".status()).as(\"the status that the client gets\").isEqualTo("
                    + message.status() + ");");
            if (isLast)
                lines.add("assertThat(" + each + ".complete()).as(\"whether the response is whole\").is"
                        + (ending == Ending.WHOLE ? "True" : "False") + "();");
        }
        if (messages.isEmpty() && ending == Ending.STALLED)
            lines.add(
                    "assertThat(client.receivesNothingFor(Duration.ofMillis(900))).as(\"whether nothing comes\").isTrue();");
        if (messages.isEmpty() && ending == Ending.CUT)
            lines.add("assertThat(client.ended()).as(\"whether the connection ends without a response\").isTrue();");
        return lines;
    }
}
