package pitfalls.bench;

import static java.nio.charset.StandardCharsets.US_ASCII;

/** What the upstream has to offer. */
final class Answers {
    static final int SMALL = 124;
    static final int MEDIUM = 64 * 1024;
    static final int LARGE = 1024 * 1024;
    static final String SMALL_PATH = "/small";
    static final String MEDIUM_PATH = "/medium";
    static final String LARGE_PATH = "/large";

    private Answers() {}

    static byte[] body(int length) {
        return "x".repeat(length).getBytes(US_ASCII);
    }
}
