package pitfalls.support;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;

/**
 * A test, or a class of them, that takes half a second or more, because it has to wait or starts a process. It runs with the
 * proofs, and where you ask for its class with {@code -Dtest}; a plain {@code mvn test} leaves it out.
 */
@Tag("slow")
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.METHOD, ElementType.TYPE})
public @interface Slow {}
