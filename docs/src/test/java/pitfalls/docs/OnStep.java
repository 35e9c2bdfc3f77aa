package pitfalls.docs;

import java.util.List;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.component.LifeCycle;
import pitfalls.http2.ClientTranslation;
import pitfalls.http2.UpstreamTranslation;
import pitfalls.step01.MinimalContract;
import pitfalls.step01.MinimalProxy;
import pitfalls.step02.ErrorHandlingProxy;
import pitfalls.step02.ErrorsContract;
import pitfalls.step02.HandlersInFrontContract;
import pitfalls.step02.LostResponsesContract;
import pitfalls.step03.Upstream;
import pitfalls.step03.UrlContract;
import pitfalls.step03.UrlNormalizingProxy;
import pitfalls.step04.RetriesContract;
import pitfalls.step04.RetryPolicy;
import pitfalls.step04.RetryingProxy;
import pitfalls.step04.StaleConnectionsContract;
import pitfalls.step05.HopDetectingProxy;
import pitfalls.step05.HopMark;
import pitfalls.step05.HopsContract;
import pitfalls.step06.DirectedProxy;
import pitfalls.step06.Director;
import pitfalls.step06.DirectorContract;
import pitfalls.step07.ClientLeavesContract;
import pitfalls.step07.StreamingContract;
import pitfalls.step07.StreamingProxy;
import pitfalls.step07.Timeouts;
import pitfalls.step07.UpgradeContract;
import pitfalls.step07.UpstreamProtocol;
import pitfalls.support.Exercise;
import pitfalls.support.LoopbackTest;
import pitfalls.workshop.Run;

/** The exercises, solved by the proxy of a step: their own step's, or an earlier or a later one's. */
public final class OnStep {
    /** An address at which nothing listens. */
    static final String NOBODY = "127.0.0.1:9";

    private static Step step;
    private static boolean isHttp2ToUpstream;
    private static boolean isTargetChosen;

    private OnStep() {}

    /** Runs the tests of a step's contracts on the proxy of a step. */
    static List<Run.Result> run(Step contracts, Step proxy) {
        step = proxy;
        isTargetChosen = false;
        return contracts.contracts().stream()
                .flatMap(tests -> Run.of(tests).stream())
                .toList();
    }

    /** Runs the tests of a contract on the finished proxy, where its clients and its upstreams speak these versions. */
    static List<Run.Result> run(Class<?> contract, boolean isHttp2ToProxy, boolean isHttp2ToUpstream) {
        step = Step.STREAMING;
        OnStep.isHttp2ToUpstream = isHttp2ToUpstream;
        LoopbackTest.loopback.translate(isHttp2ToProxy ? new ClientTranslation() : null);
        try {
            return Run.ofAll(contract);
        } finally {
            OnStep.isHttp2ToUpstream = false;
            LoopbackTest.loopback.translate(null);
        }
    }

    /**
     * The tests of a contract on the proxy of a step, until the next call. A proxy that knows no director gets the upstream that the
     * director would choose for everybody, if there is one.
     *
     * @param contract the interface
     * @param number of the step, 1 to 7; 0 for Jetty's own proxy with the two traps of step 1
     * @return an object whose methods are the tests
     */
    public static <T extends LoopbackTest> T tests(Class<T> contract, int number) throws ReflectiveOperationException {
        step = number == 0 ? null : Step.values()[number - 1];
        isTargetChosen = true;
        for (Class<?> tests : OnStep.class.getDeclaredClasses())
            if (contract.isAssignableFrom(tests))
                return contract.cast(tests.getDeclaredConstructor().newInstance());
        throw new IllegalArgumentException(contract + " is the contract of no step");
    }

    private static StreamingProxy finished(Director director) {
        if (!isHttp2ToUpstream) return new StreamingProxy(director);
        var proxy = new StreamingProxy(director) {
            @Override
            protected void configureHttpClient(HttpClient httpClient) {
                super.configureHttpClient(httpClient);
                httpClient.setSocketAddressResolver(new UpstreamTranslation(LoopbackTest.loopback));
            }
        };
        proxy.setUpstreamProtocol(UpstreamProtocol.HTTP_2);
        return proxy;
    }

    private static ProxyHandler newProxy(String target) {
        if (step == null) return trapped(target);
        return switch (step) {
            case MINIMAL -> new MinimalProxy(target);
            case ERRORS -> new ErrorHandlingProxy(target);
            case URLS -> new UrlNormalizingProxy(target);
            case RETRIES -> new RetryingProxy(target);
            case HOPS -> new HopDetectingProxy(target);
            case DIRECTOR -> new DirectedProxy(target);
            case STREAMING -> finished(Director.fixed(target));
        };
    }

    /** The constructor with a pattern, which the client's URL may not match, and a client that keeps cookies. */
    private static ProxyHandler trapped(String target) {
        var proxy = new ProxyHandler.Reverse("(https?)://([a-z.]+)(:[0-9]+)?/(.*)", target + "/$4");
        proxy.setHttpClient(new HttpClient());
        return proxy;
    }

    private static String chosenFor(Request anybody, Director director) {
        try {
            return director.upstreamOf(anybody).map(Upstream::toString).orElse(NOBODY);
        } catch (Exception itDepends) {
            return NOBODY;
        }
    }

    /** What a proxy does not know yet, it does not heed. */
    private static ProxyHandler with(RetryPolicy policy, ProxyHandler proxy) {
        if (proxy instanceof RetryingProxy retrying) retrying.setRetryPolicy(policy);
        return proxy;
    }

    private static ProxyHandler with(Timeouts timeouts, ProxyHandler proxy) {
        if (proxy instanceof StreamingProxy streaming) streaming.setTimeouts(timeouts);
        else
            proxy.addEventListener(new LifeCycle.Listener() {
                @Override
                public void lifeCycleStarted(LifeCycle started) {
                    proxy.getHttpClient().setIdleTimeout(timeouts.response().toMillis());
                }
            });
        return proxy;
    }

    @Exercise("step-01-minimal")
    static class Minimal implements MinimalContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return OnStep.newProxy(target);
        }
    }

    @Exercise("step-02-error-handler")
    static class Errors implements ErrorsContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return OnStep.newProxy(target);
        }
    }

    @Exercise("step-03-url-normalize")
    static class Urls implements UrlContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return OnStep.newProxy(target);
        }
    }

    @Exercise("step-04-retries")
    static class Retries implements RetriesContract {
        @Override
        public ProxyHandler newProxy(String target, RetryPolicy policy) {
            return with(policy, OnStep.newProxy(target));
        }
    }

    @Exercise("step-05-hop-detection")
    static class Hops implements HopsContract {
        @Override
        public ProxyHandler newProxy(String target, HopMark mark) {
            ProxyHandler proxy = OnStep.newProxy(target);
            if (proxy instanceof HopDetectingProxy detecting) detecting.setHopMark(mark);
            return proxy;
        }
    }

    @Exercise("step-06-director")
    static class Directed implements DirectorContract {
        @Override
        public ProxyHandler newProxy(Director director, RetryPolicy policy, String... trustedPeers) {
            ProxyHandler proxy = switch (step) {
                case DIRECTOR -> new DirectedProxy(director);
                case STREAMING -> finished(director);
                default -> OnStep.newProxy(isTargetChosen ? chosenFor(null, director) : NOBODY);
            };
            if (proxy instanceof DirectedProxy directed) directed.setTrustedPeers(trustedPeers);
            return with(policy, proxy);
        }
    }

    @Exercise("step-07-streaming")
    static class Streaming implements StreamingContract {
        @Override
        public ProxyHandler newProxy(String target, Timeouts timeouts, int maxUpstreamConnections) {
            ProxyHandler proxy = OnStep.newProxy(target);
            if (proxy instanceof StreamingProxy streaming) streaming.setMaxUpstreamConnections(maxUpstreamConnections);
            return with(timeouts, proxy);
        }
    }

    @Exercise("step-07-streaming")
    static class ClientLeaves implements ClientLeavesContract {
        @Override
        public ProxyHandler newProxy(String target, RetryPolicy policy) {
            return with(policy, OnStep.newProxy(target));
        }
    }

    @Exercise("step-07-streaming")
    static class Upgrades implements UpgradeContract {
        @Override
        public ProxyHandler newProxy(String target, Timeouts timeouts, RetryPolicy policy) {
            return with(timeouts, with(policy, OnStep.newProxy(target)));
        }
    }

    static class StaleConnections implements StaleConnectionsContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return OnStep.newProxy(target);
        }
    }

    static class HandlersInFront implements HandlersInFrontContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return OnStep.newProxy(target);
        }
    }

    static class LostResponses implements LostResponsesContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return OnStep.newProxy(target);
        }
    }
}
