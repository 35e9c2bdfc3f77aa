package pitfalls.fuzz;

import static org.assertj.core.api.Assertions.assertThatCode;

import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What reads text that somebody else has written, on texts that are a little wrong. {@link JazzerProof} looks for more. */
class TargetsTest {
    private static final int CHANGES = 300;

    @ParameterizedTest
    @EnumSource
    void each_keeps_its_promise_for_whatever_it_reads(Target target) {
        var random = new SplittableRandom(1);
        for (String sample : target.samples()) {
            check(target, sample);
            for (int i = 0; i < CHANGES; i++) check(target, changed(random, sample));
        }
    }

    private static String changed(SplittableRandom random, String sample) {
        String text = sample;
        for (int i = 0, n = 1 + random.nextInt(4); i < n; i++) text = Mutations.changeBytes(random, text);
        return text;
    }

    private static void check(Target target, String text) {
        assertThatCode(() -> target.accept(text.getBytes(StandardCharsets.ISO_8859_1)))
                .as(() -> Finding.printable(text))
                .doesNotThrowAnyException();
    }
}
