package pitfalls.step03;

import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Request;
import pitfalls.step02.ErrorHandlingProxy;
import pitfalls.support.Exercise;

/** Your turn: {@code mvn test -pl step-03-url-normalize -Dtest=UrlExercise}. */
@Exercise("step-03-url-normalize")
public class UrlExercise implements UrlContract {

    static class MyProxy extends ErrorHandlingProxy {
        MyProxy(String target) {
            super(normalized(target));
        }

        private static String normalized(String target) {
            // TODO: make a URL of what operators write, and refuse what is no address.
            return target;
        }

        @Override
        protected org.eclipse.jetty.client.Request newProxyToServerRequest(Request clientToProxyRequest, HttpURI uri) {
            // TODO: pass the client's path and query on as they are. So far they go through java.net.URI.
            return super.newProxyToServerRequest(clientToProxyRequest, uri);
        }
    }

    @Override
    public ProxyHandler newProxy(String target) {
        return new MyProxy(target);
    }
}
