package pitfalls.step06;

import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.server.Request;
import pitfalls.step02.Refused;
import pitfalls.step03.Upstream;
import pitfalls.step05.HopByHop;

/** Where a request goes: to the upstream that the director chooses, with the client's path and query. */
final class Route implements Function<Request, HttpURI> {
    final Director director;
    TrustedPeers trustedPeers = TrustedPeers.NONE;

    Route(Director director) {
        this.director = Objects.requireNonNull(director);
    }

    @Override
    public HttpURI apply(Request clientToProxyRequest) {
        Optional<Upstream> upstream;
        try {
            upstream = director.upstreamOf(new AsForwarded(clientToProxyRequest));
        } catch (Exception x) {
            if (x instanceof Refused refused) throw refused;
            if (x instanceof HttpException && x instanceof RuntimeException chosen) throw chosen;
            throw new Refused(DirectedProxy.DIRECTOR_FAILED, x);
        }
        Upstream chosen = upstream.orElseThrow(() -> new Refused(DirectedProxy.NO_UPSTREAM));
        String pathQuery = clientToProxyRequest.getHttpURI().getPathQuery();
        var exchange = (DirectedExchange) clientToProxyRequest.getAttribute(DirectedExchange.KEY);
        exchange.upstream = chosen;
        exchange.strippedPrefix = chosen.prefixOf(pathQuery);
        return chosen.resolve(pathQuery);
    }

    /** The request as the upstream will see it: a client cannot choose by a field that goes no further. */
    private final class AsForwarded extends Request.Wrapper {
        private AsForwarded(Request clientToProxyRequest) {
            super(clientToProxyRequest);
        }

        @Override
        public HttpFields getHeaders() {
            HttpFields fields = HopByHop.endToEnd(super.getHeaders());
            return trustedPeers.contains(getWrapped()) ? fields : ForwardedFields.without(fields);
        }
    }
}
