package pitfalls.fuzz;

import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import pitfalls.step04.RetryAfterTarget;
import pitfalls.step06.TrustedPeersTarget;
import pitfalls.step07.TrailersTarget;

/** What reads text that somebody else has written, with a few texts to begin with. */
enum Target {
    UPSTREAM(
            UpstreamTarget.class,
            UpstreamTarget::fuzzerTestOneInput,
            ":8081",
            "leader.internal:8081",
            "[::1]:80",
            "https://a_b.example/base/?x=y",
            "http://u:p@h",
            "0.0.0.0:99999",
            "h:\r\n",
            "//a://b",
            "1.2.3"),
    HOP_MARK(
            HopMarkTarget.class,
            HopMarkTarget::fuzzerTestOneInput,
            "X-Mark",
            "Host",
            "1.1 edge-a (x)",
            "edge-a; v=1",
            ",",
            "a b"),
    TRUSTED_PEERS(
            TrustedPeersTarget.class,
            TrustedPeersTarget::fuzzerTestOneInput,
            "10.0.0.0/8",
            "::1",
            "fd00::/8",
            "0.0.0.0/0",
            "::/0",
            "1.2.3.4/33",
            "localhost",
            "::ffff:1.2.3.4",
            "1.2.3.4\n"),
    RETRY_AFTER(
            RetryAfterTarget.class,
            RetryAfterTarget::fuzzerTestOneInput,
            "1",
            "99999999999999999999",
            "Wed, 21 Oct 2065 07:28:00 GMT",
            "Wednesday, 21-Oct-65 07:28:00 GMT",
            "Wed Oct 21 07:28:00 2065",
            "-1",
            ""),
    TRAILERS(
            TrailersTarget.class,
            TrailersTarget::fuzzerTestOneInput,
            "close\nX-Sum: 4",
            "X-Sum\nX-Sum: 4\nETag: \"a\"",
            "\nHost: x\nForwarded: y");

    private final Class<?> type;
    private final Consumer<byte[]> method;
    private final List<String> samples;

    Target(Class<?> type, Consumer<byte[]> method, String... samples) {
        this.type = type;
        this.method = method;
        this.samples = List.of(samples);
    }

    /** The class with the method that Jazzer calls. */
    Class<?> type() {
        return type;
    }

    /** Texts to begin with. */
    List<String> samples() {
        return samples;
    }

    /** Fails if that input does what it should not. */
    void accept(byte[] input) {
        method.accept(input);
    }

    /** A name for a folder. */
    String folder() {
        return name().toLowerCase(Locale.ROOT);
    }
}
