package pitfalls.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import java.nio.ByteBuffer;
import java.util.Optional;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;
import pitfalls.step03.Upstream;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.Gate;
import pitfalls.support.LoopbackTest;

/** The answers of the page of questions that no lesson's test gives. */
class QuestionsTest implements LoopbackTest {

    @Test
    void Server_and_Date_are_those_of_the_upstream_and_come_once() throws Exception {
        String date = "Sun, 06 Nov 1994 08:49:37 GMT";
        var upstream = loopback.upstream(ok().addHeader("Server", "theirs").addHeader("Date", date));
        var client = loopback.connect(loopback.serve(new StreamingProxy(targetOf(upstream))));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.field("Server")).containsExactly("theirs");
        assertThat(response.field("Date")).containsExactly(date);
    }

    @Test
    void a_director_that_waits_holds_up_no_other_request() throws Exception {
        var waits = new Gate("the director waits");
        var served = new Gate("another request is served");
        var upstream = loopback.upstream(ok().body("one"), ok().body("two"));
        var target = Optional.of(Upstream.parse(targetOf(upstream)));
        var server = loopback.serve(new StreamingProxy(request -> {
            if (Request.getPathInContext(request).equals("/slow")) {
                waits.open();
                await(served);
            }
            return target;
        }));

        var slow = loopback.connect(server).sendRequest("GET /slow");
        waits.await();
        var other = loopback.connect(server).sendRequest("GET /other").receiveResponse();
        served.open();

        assertThat(other.body()).isEqualTo("one");
        assertThat(slow.receiveResponse().body()).isEqualTo("two");
    }

    private static void await(Gate gate) {
        try {
            gate.await();
        } catch (InterruptedException x) {
            throw new IllegalStateException(x);
        }
    }

    @Test
    void a_handler_in_front_can_change_a_response() throws Exception {
        var upstream = loopback.upstream(ok().body("hello"));
        var shouting = new Handler.Wrapper(new StreamingProxy(targetOf(upstream))) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                return super.handle(request, new Shouting(request, response), callback);
            }
        };
        var client = loopback.connect(loopback.serve(shouting));

        var response = client.sendRequest("GET /x").receiveResponse();

        assertThat(response.body()).isEqualTo("HELLO!");
    }

    /** Makes capital letters of small ones, and ends with an exclamation mark, so that the upstream's length is not right any more. */
    private static final class Shouting extends Response.Wrapper {
        private Shouting(Request request, Response response) {
            super(request, response);
        }

        @Override
        public void write(boolean last, ByteBuffer content, Callback callback) {
            if (!isCommitted()) getHeaders().remove(HttpHeader.CONTENT_LENGTH);
            ByteBuffer loud = ByteBuffer.allocate(content.remaining() + 1);
            while (content.hasRemaining()) {
                byte one = content.get();
                loud.put(one >= 'a' && one <= 'z' ? (byte) (one - 'a' + 'A') : one);
            }
            if (last) loud.put((byte) '!');
            super.write(last, loud.flip(), callback);
        }
    }

    @Test
    void a_handler_in_front_can_ask_who_the_client_is() throws Exception {
        var upstream = loopback.upstream(ok().body("for you"));
        var guarded = new Handler.Wrapper(new StreamingProxy(targetOf(upstream))) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                boolean isKnown = "Bearer secret".equals(request.getHeaders().get(HttpHeader.AUTHORIZATION));
                if (isKnown) return super.handle(request, response, callback);
                response.getHeaders().put(HttpHeader.WWW_AUTHENTICATE, "Bearer");
                Response.writeError(request, response, callback, HttpStatus.UNAUTHORIZED_401);
                return true;
            }
        };
        var client = loopback.connect(loopback.serve(guarded));

        var refusal = client.sendRequest("GET /x").receiveResponse();
        var answer =
                client.sendRequest("GET /x", "Authorization: Bearer secret").receiveResponse();

        assertThat(refusal.status()).isEqualTo(401);
        assertThat(refusal.field("WWW-Authenticate")).containsExactly("Bearer");
        assertThat(answer.body()).isEqualTo("for you");
        assertThat(upstream.getRequestCount()).isOne();
    }

    @Test
    void a_cookie_keeps_the_path_that_the_upstream_has_given_it() throws Exception {
        var upstream = loopback.upstream(ok().addHeader("Set-Cookie", "sid=1; Path=/"));
        var mounted = Optional.of(Upstream.parse(targetOf(upstream)).strippingPrefix("/app"));
        var client = loopback.connect(loopback.serve(new StreamingProxy(request -> mounted)));

        var response = client.sendRequest("GET /app/x").receiveResponse();

        assertThat(response.field("Set-Cookie")).containsExactly("sid=1; Path=/");
        assertThat(received(upstream).getHeaders().get("X-Forwarded-Prefix")).isEqualTo("/app");
    }
}
