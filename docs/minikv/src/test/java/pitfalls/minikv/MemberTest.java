package pitfalls.minikv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import pitfalls.minikv.Member.HostPort;

class MemberTest {

    @Test
    void members_are_read_as_operators_write_them() {
        assertThat(Member.parseAll("1=127.0.0.1:8081/127.0.0.1:9081, two=kv.internal:80/[::1]:9082"))
                .containsExactly(
                        new Member("1", new HostPort("127.0.0.1", 8081), new HostPort("127.0.0.1", 9081)),
                        new Member("two", new HostPort("kv.internal", 80), new HostPort("[::1]", 9082)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
                    1=127.0.0.1:8081                                  | it has 2 parts
                    1                                                 | it has 1 part
                    ""                                                | it has 1 part
                    a b=127.0.0.1:8081/127.0.0.1:9081                 | 'a b' is not a name
                    1=127.0.0.1/127.0.0.1:9081                        | '127.0.0.1' is not a host and a port
                    1=127.0.0.1:70000/127.0.0.1:9081                  | '127.0.0.1:70000' is not a host and a port
                    1=a:1/a:2,1=a:3/a:4                               | '1' was there before
                    1=a:1/a:1                                         | 'a:1' was there before
                    """)
    void what_is_no_list_of_members_is_refused_in_a_sentence(String list, String why) {
        assertThatThrownBy(() -> Member.parseAll(list))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("is not a member: " + why + ". Write a name,");
    }
}
