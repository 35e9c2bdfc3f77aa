package pitfalls.step05;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.Request;
import org.eclipse.jetty.client.Response;
import org.eclipse.jetty.client.transport.HttpResponse;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpVersion;
import org.junit.jupiter.api.Test;

class HopByHopTest {
    private final Request request = new HttpClient().newRequest("http://127.0.0.1:1");

    @Test
    void a_response_whose_Connection_names_no_field_is_passed_on_as_it_is() {
        var silent = new HttpResponse(request).addHeader(new HttpField("ETag", "\"1\""));
        var closing = new HttpResponse(request).addHeader(new HttpField("Connection", "close"));

        assertThat(HopByHop.endToEnd(silent)).isSameAs(silent);
        assertThat(HopByHop.endToEnd(closing)).isSameAs(closing);
    }

    @Test
    void a_response_keeps_everything_but_the_fields_that_end_here() {
        var whole = new HttpResponse(request)
                .version(HttpVersion.HTTP_1_1)
                .status(404)
                .reason("Gone Fishing")
                .addHeader(new HttpField("Connection", "X-Hop"))
                .addHeader(new HttpField("X-Hop", "1"))
                .addHeader(new HttpField("ETag", "\"1\""))
                .trailer(new HttpField("X-Trailer", "2"));

        Response rest = HopByHop.endToEnd(whole);

        assertThat(rest.getHeaders()).containsExactly(new HttpField("ETag", "\"1\""));
        assertThat(rest)
                .extracting(
                        Response::getRequest,
                        Response::getVersion,
                        Response::getStatus,
                        Response::getReason,
                        Response::getTrailers)
                .containsExactly(request, HttpVersion.HTTP_1_1, 404, "Gone Fishing", whole.getTrailers());
    }

    @Test
    void a_response_can_be_aborted_also_without_the_fields_that_end_here() {
        var whole = new HttpResponse(request).addHeader(new HttpField("Connection", "X-Hop"));
        var failure = new IOException("nobody wants it");

        assertThat(HopByHop.endToEnd(whole).abort(failure)).isNotNull();

        assertThat(request.getAbortCause()).isSameAs(failure);
    }
}
