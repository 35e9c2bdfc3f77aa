package pitfalls.support;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Says why a test of a contract rejects an answer that people give. An attendee reads it in the failure. */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface Why {
    /** What goes wrong otherwise, and for whom. */
    String value();
}
