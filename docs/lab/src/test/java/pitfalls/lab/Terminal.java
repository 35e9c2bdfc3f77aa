package pitfalls.lab;

import java.util.stream.Collectors;

/** How to send to a proxy of your own, in a terminal, what the first client of a recording has sent before it got a response. */
final class Terminal {
    private static final int MOST_BYTES = 2000;

    private Terminal() {}

    /** The command; empty if no client has sent anything. */
    static String command(Recording recording) {
        String request = request(recording);
        if (request.isEmpty()) return "";
        String sent = "printf '" + quoted(request) + "'";
        if (request.length() > MOST_BYTES) {
            int head = request.indexOf("\r\n\r\n") + "\r\n\r\n".length();
            sent = "(printf '" + quoted(request.substring(0, head)) + "'; head -c " + (length(recording) - head)
                    + " /dev/zero)";
        }
        return sent + " | nc -w 2 127.0.0.1 8080";
    }

    /** What the first client has sent before it got a response, as far as it is kept. */
    static String request(Recording recording) {
        return recording.marks().stream()
                .takeWhile(mark -> mark.lane() != Lane.PROXY_TO_CLIENT || mark.connection() != 1)
                .filter(mark -> isOfFirstClient(mark))
                .map(Mark::bytes)
                .collect(Collectors.joining());
    }

    private static int length(Recording recording) {
        return recording.marks().stream()
                .takeWhile(mark -> mark.lane() != Lane.PROXY_TO_CLIENT || mark.connection() != 1)
                .filter(mark -> isOfFirstClient(mark))
                .mapToInt(mark -> mark.bytes().length() + mark.leftOut())
                .sum();
    }

    private static boolean isOfFirstClient(Mark mark) {
        return mark.lane() == Lane.CLIENT_TO_PROXY && mark.connection() == 1;
    }

    /** In the quotes of a shell, as a format of its {@code printf}. */
    private static String quoted(String text) {
        return text.chars().mapToObj(Terminal::quoted).collect(Collectors.joining());
    }

    private static String quoted(int c) {
        return switch (c) {
            case '\r' -> "\\r";
            case '\n' -> "\\n";
            case '\\' -> "\\\\";
            case '%' -> "%%";
            case '\'' -> "'\\''";
            default -> c >= ' ' && c <= '~' ? String.valueOf((char) c) : String.format("\\%03o", c);
        };
    }
}
