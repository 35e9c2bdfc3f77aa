package pitfalls.support;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Marks the reader's own attempt at a step's contract. It is solved when every {@link Headline} and every
 * {@link Guard} passes; until then the rest, the fine print, is skipped. A failure tells what was on the wire.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@ExtendWith(ExerciseExtension.class)
public @interface Exercise {
    /** The folder of the step. */
    String value();
}
