package pitfalls.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import pitfalls.support.RawConnection;

/**
 * What the bench does on a connection, and how it is written in Java.
 *
 * @param java what follows the name of the connection: {@code .reset();}
 * @param action the same, done
 */
record Call(String java, Action action) {

    /** A call on one end of a connection. */
    interface Action {
        void on(RawConnection connection) throws Exception;
    }

    static Call send(String text) {
        return new Call(".send(" + literal(text) + ");", connection -> connection.send(text));
    }

    /** Sends these lines, and the empty one: a head. */
    static Call sendHead(List<String> lines) {
        List<String> all = new ArrayList<>();
        for (String line : lines) all.add(line + "\r\n");
        all.add("\r\n");
        return new Call(
                ".send(" + all.stream().map(Call::literal).collect(Collectors.joining(" + ")) + ");",
                connection -> connection.send(String.join("", all)));
    }

    /** A string is written in Java as it is in JSON. */
    static String literal(String text) {
        return Json.of(text);
    }
}
