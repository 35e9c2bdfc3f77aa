package pitfalls.docs;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Marks an exercise with an answer that people give, and that its contract must reject. */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@interface WrongAnswer {
    /** What it does, as the page for instructors calls it. */
    String value();

    /** The test that it fails. */
    String failsAt();
}
