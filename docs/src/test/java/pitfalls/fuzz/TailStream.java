package pitfalls.fuzz;

import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/** Remembers the last bytes that were read. */
final class TailStream extends FilterInputStream {
    private static final int LENGTH = 2000;

    private final StringBuilder tail = new StringBuilder();

    TailStream(InputStream in) {
        super(new BufferedInputStream(in));
    }

    @Override
    public int read() throws IOException {
        int b = super.read();
        if (b < 0) return b;
        if (tail.length() == 2 * LENGTH) tail.delete(0, LENGTH);
        tail.append((char) b);
        return b;
    }

    String text() {
        return tail.toString();
    }
}
