package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import pitfalls.docs.SoakRequest.Client;
import pitfalls.docs.SoakRequest.Fault;

/** The soak tells what must not be. */
class SoakAccountsTest {
    private final SoakAccounts accounts = new SoakAccounts();

    @TempDir
    private Path folder;

    @Test
    void a_request_that_is_answered_and_came_once_is_in_order() throws Exception {
        accounts.add(0, post(Client.STAYS), "answered");

        assertThat(complaints("7 POST seen", "7 POST whole")).isEmpty();
    }

    @Test
    void a_POST_that_comes_twice_is_told() throws Exception {
        accounts.add(2, post(Client.STAYS), "answered");

        assertThat(complaints("7 POST seen", "7 POST whole", "7 POST seen"))
                .singleElement()
                .asString()
                .startsWith("more often at the upstream than it may be");
    }

    @Test
    void a_PUT_that_comes_more_often_than_the_attempts_is_told() throws Exception {
        var put = new SoakRequest(7, "PUT", Fault.NONE, Client.STAYS, 10, true);
        accounts.add(2, put, "answered");
        String[] records = IntStream.range(0, 5)
                .mapToObj(i -> i < 4 ? "7 PUT seen" : "7 PUT whole")
                .toArray(String[]::new);

        assertThat(complaints(records)).isEmpty();
        assertThat(complaints("7 PUT seen")).hasSize(1);
    }

    @Test
    void half_an_upload_that_comes_as_a_whole_one_is_told() throws Exception {
        accounts.add(0, post(Client.LEAVES_IN_UPLOAD), SoakClient.LEFT_IN_UPLOAD);

        assertThat(complaints("7 POST seen")).isEmpty();
        assertThat(complaints("7 POST whole")).singleElement().asString().startsWith("half a body is a whole one");
    }

    @Test
    void an_answer_that_the_upstream_cannot_have_given_is_told() throws Exception {
        accounts.add(0, post(Client.STAYS), "answered");

        assertThat(complaints()).singleElement().asString().startsWith("the upstream has never seen it");
    }

    @Test
    void a_request_that_nobody_sent_and_a_body_that_is_wrong_are_told() throws Exception {
        accounts.add(0, post(Client.STAYS), "refused: 502 connection_terminated");

        assertThat(complaints("8 GET seen")).containsExactly("nobody has sent 8 GET seen");
        assertThat(complaints("7 POST wrong")).singleElement().asString().startsWith("another body has come of");
    }

    private static SoakRequest post(Client client) {
        return new SoakRequest(7, "POST", Fault.NONE, client, 10, false);
    }

    private List<String> complaints(String... records) throws IOException {
        return accounts.complaints(Files.write(folder.resolve("records.txt"), List.of(records)));
    }
}
