package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** A link to a test leads to its line. {@code -Dupdate} writes the lines, which move with every change above them. */
class MethodLinksProof {

    @TestFactory
    Stream<DynamicTest> each_link_to_a_test_leads_to_its_line() {
        return Page.all()
                .map(page -> DynamicTest.dynamicTest(page.name(), () -> {
                    if (Page.UPDATE) MethodLink.update(page);
                    assertThat(MethodLink.in(Page.read(page.file())))
                            .extracting(MethodLink::complaint)
                            .allMatch(Objects::isNull);
                }));
    }
}
