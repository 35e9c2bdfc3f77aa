package pitfalls.step01;

import static org.assertj.core.api.Assertions.assertThat;
import static pitfalls.support.Loopback.ok;
import static pitfalls.support.Loopback.received;
import static pitfalls.support.Loopback.targetOf;

import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Server;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import pitfalls.support.LoopbackTest;

class MinimalTest {

    /** Two traps that stand beside the short way, one call away from it. */
    @Nested
    class Broken implements LoopbackTest {

        @Test
        void the_regex_constructor_lets_the_client_pick_the_upstream() throws Exception {
            var upstream = loopback.upstream();
            var internal = loopback.upstream(ok().body("for colleagues only"));
            var proxy = loopback.serve(
                    new ProxyHandler.Reverse("(https?)://([a-z.]+)(:[0-9]+)?/(.*)", targetOf(upstream) + "/$4"));

            var response = loopback.connect(proxy)
                    .send("GET /x HTTP/1.1\r\nHost: 127.0.0.1:" + internal.getPort() + "\r\n\r\n")
                    .receiveResponse();

            assertThat(response.body())
                    .as("where the pattern does not match, nothing is replaced: the client's Host is the upstream")
                    .isEqualTo("for colleagues only");
        }

        @Test
        void a_plain_HttpClient_sends_the_cookie_of_one_user_for_another() throws Exception {
            var upstream = loopback.upstream(ok().addHeader("Set-Cookie", "sid=alice; Path=/"), ok());
            var handler = new MinimalProxy(targetOf(upstream));
            handler.setHttpClient(new HttpClient());
            var proxy = loopback.serve(handler);

            loopback.connect(proxy).sendRequest("POST /login").receiveResponse();
            loopback.connect(proxy).sendRequest("GET /inbox").receiveResponse();

            received(upstream);
            assertThat(received(upstream).getHeaders().get("Cookie"))
                    .as("what the upstream got from a second client, which sent no cookie")
                    .isEqualTo("sid=alice");
        }
    }

    @Nested
    class Fixed implements MinimalContract {

        @Override
        public ProxyHandler newProxy(String target) {
            return new MinimalProxy(target);
        }

        /** Not in the contract: where it fails, no test that starts a proxy of Jetty's can pass after it. */
        @Test
        void a_server_that_is_destroyed_takes_no_other_proxy_with_it() throws Exception {
            var upstream = loopback.upstream(ok());
            var first = new Server();
            first.setHandler(newProxy(targetOf(upstream)));
            first.start();
            first.stop();
            first.destroy();

            var response = loopback.connect(loopback.serve(newProxy(targetOf(upstream))))
                    .sendRequest("GET /x")
                    .receiveResponse();

            assertThat(response.status()).isEqualTo(200);
        }
    }
}
