package pitfalls.support;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Marks the reader's own attempt at a step's contract. It is solved when every {@link Headline} and every
 * {@link Guard} passes. The rest, the fine print, is a bonus, and runs with {@code -Dbonus} once it is solved. A failure
 * shows what was on the wire.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@ExtendWith(ExerciseExtension.class)
public @interface Exercise {
    /** The folder of the step. */
    String value();
}
