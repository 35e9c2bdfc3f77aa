package pitfalls.fuzz;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** What is sent to a proxy, by a client or by an upstream. */
interface Input {
    /** Its number among those of a seed. */
    long number();

    /** Its bytes, as ISO-8859-1. */
    String text();

    /** Where it is cut into pieces that are written one by one. */
    int[] pieces();

    /** Writes it piece by piece. */
    default void writeTo(OutputStream out) throws IOException {
        int start = 0;
        for (int end : pieces()) {
            write(out, text().substring(start, end));
            start = end;
        }
        write(out, text().substring(start));
    }

    private static void write(OutputStream out, String piece) throws IOException {
        out.write(piece.getBytes(StandardCharsets.ISO_8859_1));
        out.flush();
    }
}
