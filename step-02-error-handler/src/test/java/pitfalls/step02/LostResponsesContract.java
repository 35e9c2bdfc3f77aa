package pitfalls.step02;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import pitfalls.support.LoopbackTest;

/** A proxy that loses no response, however often it has to give one at the worst moment. */
public interface LostResponsesContract extends LoopbackTest {
    /** How many uploads fail one after the other. */
    int UPLOADS = 20;

    /** The proxy under test, not started. */
    ProxyHandler newProxy(String target);

    @TestFactory
    default Stream<DynamicTest> no_response_is_lost_when_an_upstream_dies_during_an_upload() {
        return Stream.of("by FIN", "by RST")
                .map(how -> DynamicTest.dynamicTest(how, () -> {
                    var upstream = loopback.scripted(connection -> {
                        connection.receiveHead();
                        connection.receiveChunk();
                        if (how.equals("by RST")) connection.reset();
                    });
                    var proxy = loopback.serve(newProxy(upstream.target()));

                    for (int i = 1; i <= UPLOADS; i++) {
                        var response = loopback.connect(proxy)
                                .sendRequest("POST /x", "Transfer-Encoding: chunked")
                                .send("3\r\nabc\r\n")
                                .receiveResponse();

                        assertThat(response.status())
                                .as("the status of the response to upload %d", i)
                                .isEqualTo(502);
                    }
                }));
    }
}
