package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The page of the table that only {@link BesideOthersProof} can make. */
class BesideOthersTest {

    @ParameterizedTest
    @EnumSource(Row.class)
    void the_page_has_each_row(Row row) {
        Page page = Page.read(Page.ROOT.resolve("docs/beside-others.md"));

        assertThat(page.text()).contains("\n" + row.begin() + " ");
    }
}
