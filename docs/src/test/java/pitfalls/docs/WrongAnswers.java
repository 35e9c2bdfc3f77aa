package pitfalls.docs;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.BiPredicate;
import java.util.stream.Stream;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import pitfalls.step01.MinimalContract;
import pitfalls.step01.MinimalProxy;
import pitfalls.step02.ErrorHandlingProxy;
import pitfalls.step02.ErrorsContract;
import pitfalls.step02.Exchange;
import pitfalls.step02.ProxyError;
import pitfalls.step02.ProxyError.Progress;
import pitfalls.step02.Refused;
import pitfalls.step03.Upstream;
import pitfalls.step03.UrlContract;
import pitfalls.step03.UrlNormalizingProxy;
import pitfalls.step04.RetriesContract;
import pitfalls.step04.RetryPolicy;
import pitfalls.step04.RetryingProxy;
import pitfalls.step04.Verdict;
import pitfalls.step05.HopDetectingProxy;
import pitfalls.step05.HopMark;
import pitfalls.step05.HopsContract;
import pitfalls.step06.DirectedProxy;
import pitfalls.step06.Director;
import pitfalls.step06.DirectorContract;
import pitfalls.step07.StreamingContract;
import pitfalls.step07.StreamingProxy;
import pitfalls.step07.Timeouts;
import pitfalls.support.Exercise;

/** Answers that people give in a workshop: each does what its step is about, and breaks something else. */
final class WrongAnswers {
    private WrongAnswers() {}

    /** The answers, by the exercise that they are for. */
    static List<Class<?>> all() {
        return Stream.of(WrongAnswers.class.getDeclaredClasses())
                .filter(answer -> answer.isAnnotationPresent(WrongAnswer.class))
                .sorted(Comparator.comparing(
                        answer -> answer.getAnnotation(Exercise.class).value() + answer.getSimpleName()))
                .<Class<?>>map(answer -> answer)
                .toList();
    }

    @WrongAnswer(value = "only the path is forwarded", failsAt = "path_and_query_arrive_byte_for_byte")
    @Exercise("step-01-minimal")
    static class WithoutQuery implements MinimalContract {
        @Override
        public Handler newProxy(String target) {
            String base = target.replaceFirst("/$", "");
            return new ProxyHandler.Reverse(
                    request -> HttpURI.from(base + request.getHttpURI().getPath()));
        }
    }

    @WrongAnswer(
            value = "the base path of the target is replaced",
            failsAt = "the_base_path_of_the_target_is_joined_with_exactly_one_slash")
    @Exercise("step-01-minimal")
    static class WithoutBasePath implements MinimalContract {
        @Override
        public Handler newProxy(String target) {
            return new ProxyHandler.Reverse(request ->
                    HttpURI.build(target).pathQuery(request.getHttpURI().getPathQuery()));
        }
    }

    @WrongAnswer(value = "the constructor with a pattern", failsAt = "a_Host_field_never_picks_the_upstream")
    @Exercise("step-01-minimal")
    static class Pattern implements MinimalContract {
        @Override
        public Handler newProxy(String target) {
            String base = target.replaceFirst("/$", "");
            return new ProxyHandler.Reverse("(https?)://([a-z.]+)(:[0-9]+)?/(.*)", base + "/$4");
        }
    }

    @WrongAnswer(value = "an HttpClient of one's own, as it is", failsAt = "a_cookie_is_passed_on_and_never_kept")
    @Exercise("step-01-minimal")
    static class PlainClient implements MinimalContract {
        @Override
        public Handler newProxy(String target) {
            var proxy = new MinimalProxy(target);
            proxy.setHttpClient(new HttpClient());
            return proxy;
        }
    }

    @WrongAnswer(
            value = "the error is written over what the dead response has left",
            failsAt = "an_upstream_that_does_not_answer_is_told_apart")
    @Exercise("step-02-error-handler")
    static class WithoutReset implements ErrorsContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return new AnsweringProxy(target) {
                @Override
                void clear(Response proxyToClientResponse) {
                    // Nobody thinks of it.
                }
            };
        }
    }

    @WrongAnswer(
            value = "a response that has begun is answered once more",
            failsAt = "a_response_that_breaks_off_is_broken_off_for_the_client_too")
    @Exercise("step-02-error-handler")
    static class WithoutCommitted implements ErrorsContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return new AnsweringProxy(target);
        }
    }

    @WrongAnswer(value = "every failure is a 502", failsAt = "an_upstream_that_does_not_answer_is_told_apart")
    @Exercise("step-02-error-handler")
    static class AlwaysBadGateway implements ErrorsContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return new AnsweringProxy(target) {
                @Override
                ProxyError errorOf(Throwable failure, Progress progress) {
                    return new ProxyError(ProxyError.CONNECTION_REFUSED, failure);
                }
            };
        }
    }

    @WrongAnswer(
            value = "the client reads the text of the exception",
            failsAt = "a_refused_connection_becomes_a_502_that_says_so")
    @Exercise("step-02-error-handler")
    static class ExceptionForTheClient implements ErrorsContract {
        @Override
        public ProxyHandler newProxy(String target) {
            var proxy = new ErrorHandlingProxy(target);
            proxy.setErrorResponder((error, request, response) -> {
                response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/problem+json");
                return "{\"title\":\"Bad Gateway\",\"status\":502,\"detail\":\"" + error.cause() + "\"}";
            });
            return proxy;
        }
    }

    /** What an attendee writes first: an answer and nothing else. */
    private static class AnsweringProxy extends MinimalProxy {
        AnsweringProxy(String target) {
            super(target);
        }

        void clear(Response proxyToClientResponse) {
            proxyToClientResponse.reset();
        }

        ProxyError errorOf(Throwable failure, Progress progress) {
            return ProxyError.ofUpstream(failure, progress);
        }

        @Override
        protected void onServerToProxyResponseFailure(
                Request clientToProxyRequest,
                org.eclipse.jetty.client.Request proxyToServerRequest,
                org.eclipse.jetty.client.Response serverToProxyResponse,
                Response proxyToClientResponse,
                Callback proxyToClientCallback,
                Throwable failure) {
            boolean begun = serverToProxyResponse.getStatus() > 0;
            var error = errorOf(failure, begun ? Progress.RESPONSE_BEGUN : Progress.REQUEST_BEGUN);
            clear(proxyToClientResponse);
            proxyToClientResponse.setStatus(error.kind().status());
            proxyToClientResponse
                    .getHeaders()
                    .put("Proxy-Status", "reverse-proxy; error=" + error.kind().type())
                    .put(HttpHeader.CACHE_CONTROL, "no-store");
            var body = error.kind().detail().getBytes(StandardCharsets.UTF_8);
            proxyToClientResponse.write(true, ByteBuffer.wrap(body), proxyToClientCallback);
        }
    }

    @WrongAnswer(value = "\"http://\" + address", failsAt = "an_address_that_is_a_URL_already_reaches_it_too")
    @Exercise("step-03-url-normalize")
    static class SchemeInFront implements UrlContract {
        @Override
        public ProxyHandler newProxy(String target) {
            return new UrlNormalizingProxy(Upstream.parse("http://" + target));
        }
    }

    @WrongAnswer(
            value = "the post's rule, and no check",
            failsAt = "an_address_that_is_none_is_refused_at_construction")
    @Exercise("step-03-url-normalize")
    static class RuleOfThePost implements UrlContract {
        @Override
        public ProxyHandler newProxy(String target) {
            if (target.matches("https?://.*")) return new ErrorHandlingProxy(target);
            return new ErrorHandlingProxy("http://" + (target.startsWith(":") ? "127.0.0.1" : "") + target);
        }
    }

    @WrongAnswer(value = "the path is decoded and tidied up", failsAt = "a_URL_that_Jetty_keeps_survives_too")
    @Exercise("step-03-url-normalize")
    static class CanonicalPath implements UrlContract {
        @Override
        public ProxyHandler newProxy(String target) {
            var upstream = Upstream.parse(target);
            return new UrlNormalizingProxy(upstream) {
                @Override
                protected HttpURI rewriteHttpURI(Request clientToProxyRequest) {
                    HttpURI uri = clientToProxyRequest.getHttpURI();
                    String query = uri.getQuery() == null ? "" : "?" + uri.getQuery();
                    return upstream.resolve(uri.getCanonicalPath() + query);
                }
            };
        }
    }

    /** Sends again what failed, as often as it is told to. */
    private static class InsistingProxy extends UrlNormalizingProxy {
        private final RetryPolicy policy;

        InsistingProxy(String target, RetryPolicy policy) {
            super(target);
            this.policy = policy;
        }

        boolean isWorthIt(Exchange exchange, ProxyError error) {
            var outcome = error.kind().equals(ProxyError.CONNECTION_REFUSED)
                    ? RetryPolicy.Outcome.NOT_SENT
                    : RetryPolicy.Outcome.DIED;
            String method = exchange.clientToProxyRequest.getMethod();
            return policy.verdict(exchange.attempt(), outcome, method, false, true) instanceof Verdict.Again;
        }

        @Override
        protected void onFailure(Exchange exchange, ProxyError error) {
            if (!exchange.proxyToClientResponse.isCommitted() && isWorthIt(exchange, error)) {
                attempt(exchange);
            } else {
                super.onFailure(exchange, error);
            }
        }
    }

    @WrongAnswer(
            value = "a POST is sent again like everything else",
            failsAt = "a_POST_whose_connection_dropped_is_never_sent_again")
    @Exercise("step-04-retries")
    static class RetriedPost implements RetriesContract {
        @Override
        public ProxyHandler newProxy(String target, RetryPolicy policy) {
            return new InsistingProxy(target, policy) {
                @Override
                boolean isWorthIt(Exchange exchange, ProxyError error) {
                    return exchange.attempt() < policy.attempts();
                }
            };
        }
    }

    @WrongAnswer(
            value = "the number of attempts is not the policy's",
            failsAt = "without_a_policy_every_request_is_sent_once")
    @Exercise("step-04-retries")
    static class ThreeAttempts implements RetriesContract {
        @Override
        public ProxyHandler newProxy(String target, RetryPolicy policy) {
            return new InsistingProxy(target, policy.withAttempts(3));
        }
    }

    @WrongAnswer(
            value = "a body that was sent already is sent again",
            failsAt = "if_the_connection_died_only_idempotent_methods_are_tried_again")
    @Exercise("step-04-retries")
    static class ConsumedBody implements RetriesContract {
        @Override
        public ProxyHandler newProxy(String target, RetryPolicy policy) {
            return new InsistingProxy(target, policy);
        }
    }

    @WrongAnswer(
            value = "the mark is set before what Connection names is left out",
            failsAt = "a_client_cannot_erase_the_mark")
    @Exercise("step-05-hop-detection")
    static class MarkOnTheClientsRequest implements HopsContract {
        @Override
        public ProxyHandler newProxy(String target, HopMark mark) {
            return new RetryingProxy(target) {
                @Override
                public boolean handle(
                        Request clientToProxyRequest, Response proxyToClientResponse, Callback proxyToClientCallback) {
                    var fields = HttpFields.build(clientToProxyRequest.getHeaders());
                    mark.putOn(fields, getViaHost());
                    var marked = new Request.Wrapper(clientToProxyRequest) {
                        @Override
                        public HttpFields getHeaders() {
                            return fields;
                        }
                    };
                    return super.handle(marked, proxyToClientResponse, proxyToClientCallback);
                }

                @Override
                protected void forward(Exchange exchange) {
                    var received = ((Request.Wrapper) exchange.clientToProxyRequest).getWrapped();
                    if (mark.isOn(received.getHeaders(), getViaHost())) {
                        throw new Refused(new ProxyError.Kind(508, "proxy_loop_detected", "A loop."));
                    }
                    super.forward(exchange);
                }
            };
        }
    }

    /** Takes for a loop what the mark is on, and more. */
    private static ProxyHandler detecting(String target, HopMark mark, BiPredicate<HttpFields, String> more) {
        var proxy = new HopDetectingProxy(target);
        proxy.setHopMark(new HopMark() {
            @Override
            public boolean isOn(HttpFields fields, String pseudonym) {
                return mark.isOn(fields, pseudonym) || more.test(fields, pseudonym);
            }

            @Override
            public void putOn(HttpFields.Mutable fields, String pseudonym) {
                mark.putOn(fields, pseudonym);
            }

            @Override
            public boolean usesVia() {
                return mark.usesVia();
            }
        });
        return proxy;
    }

    @WrongAnswer(value = "any Via is a loop", failsAt = "a_chain_of_three_proxies_is_no_loop_for_Via")
    @Exercise("step-05-hop-detection")
    static class AnyVia implements HopsContract {
        @Override
        public ProxyHandler newProxy(String target, HopMark mark) {
            return detecting(target, mark, (fields, pseudonym) -> fields.contains(HttpHeader.VIA));
        }
    }

    @WrongAnswer(
            value = "the pseudonym is looked for anywhere in Via",
            failsAt = "a_name_that_only_looks_like_the_pseudonym_is_no_loop")
    @Exercise("step-05-hop-detection")
    static class ViaContains implements HopsContract {
        @Override
        public ProxyHandler newProxy(String target, HopMark mark) {
            return detecting(
                    target,
                    mark,
                    (fields, pseudonym) -> String.join(",", fields.getValuesList(HttpHeader.VIA))
                            .contains(pseudonym));
        }
    }

    @WrongAnswer(value = "Host stays the client's", failsAt = "Host_is_the_authority_of_the_upstream")
    @Exercise("step-06-director")
    static class HostForgotten implements DirectorContract {
        @Override
        public ProxyHandler newProxy(Director director, RetryPolicy policy, String... trustedPeers) {
            return new DirectedProxy(director) {
                @Override
                protected void addProxyHeaders(
                        Request clientToProxyRequest, org.eclipse.jetty.client.Request proxyToServerRequest) {
                    super.addProxyHeaders(clientToProxyRequest, proxyToServerRequest);
                    String host = clientToProxyRequest.getHeaders().get(HttpHeader.HOST);
                    proxyToServerRequest.headers(fields -> fields.put(HttpHeader.HOST, host));
                }
            };
        }
    }

    /** Goes where the director says, and adds what it sees of the client to what the client says of itself. */
    private static final class AppendingProxy extends HopDetectingProxy {
        private final Director director;

        AppendingProxy(Director director) {
            super(OnStep.NOBODY);
            this.director = director;
        }

        @Override
        public boolean handle(
                Request clientToProxyRequest, Response proxyToClientResponse, Callback proxyToClientCallback) {
            if (upstreamOf(clientToProxyRequest).isPresent())
                return super.handle(clientToProxyRequest, proxyToClientResponse, proxyToClientCallback);
            proxyToClientResponse.setStatus(HttpStatus.SERVICE_UNAVAILABLE_503);
            proxyToClientResponse
                    .getHeaders()
                    .put("Proxy-Status", "reverse-proxy; error=destination_not_found")
                    .put(HttpHeader.CONTENT_TYPE, "application/problem+json");
            Content.Sink.write(proxyToClientResponse, true, "{\"status\":503}", proxyToClientCallback);
            return true;
        }

        @Override
        protected HttpURI rewriteHttpURI(Request clientToProxyRequest) {
            String pathQuery = clientToProxyRequest.getHttpURI().getPathQuery();
            return upstreamOf(clientToProxyRequest).orElseThrow().resolve(pathQuery);
        }

        private Optional<Upstream> upstreamOf(Request clientToProxyRequest) {
            try {
                return director.upstreamOf(clientToProxyRequest);
            } catch (Exception x) {
                throw new IllegalStateException(x);
            }
        }

        @Override
        protected void addProxyHeaders(
                Request clientToProxyRequest, org.eclipse.jetty.client.Request proxyToServerRequest) {
            super.addProxyHeaders(clientToProxyRequest, proxyToServerRequest);
            String host = clientToProxyRequest.getHeaders().get(HttpHeader.HOST);
            String upstream = proxyToServerRequest.getHost() + ":" + proxyToServerRequest.getPort();
            proxyToServerRequest.headers(fields -> fields.put(HttpHeader.HOST, upstream)
                    .add(HttpHeader.X_FORWARDED_FOR, Request.getRemoteAddr(clientToProxyRequest))
                    .add(HttpHeader.X_FORWARDED_HOST, host)
                    .add(HttpHeader.X_FORWARDED_PROTO, "http"));
        }
    }

    @WrongAnswer(
            value = "the client's address is added to what the client says",
            failsAt = "what_a_client_says_of_itself_is_replaced_by_what_the_proxy_sees")
    @Exercise("step-06-director")
    static class AddedToSpoofed implements DirectorContract {
        @Override
        public ProxyHandler newProxy(Director director, RetryPolicy policy, String... trustedPeers) {
            return new AppendingProxy(director);
        }
    }

    @WrongAnswer(
            value = "where no upstream is known, the last one is asked",
            failsAt = "no_upstream_known_is_a_503_and_nothing_is_sent")
    @Exercise("step-06-director")
    static class LastKnownUpstream implements DirectorContract {
        @Override
        public ProxyHandler newProxy(Director director, RetryPolicy policy, String... trustedPeers) {
            return new DirectedProxy(director.orElse(Director.fixed(OnStep.NOBODY)));
        }
    }

    private static ProxyHandler streaming(String target, Timeouts timeouts, int maxUpstreamConnections) {
        var proxy = new StreamingProxy(target);
        proxy.setTimeouts(timeouts);
        proxy.setMaxUpstreamConnections(maxUpstreamConnections);
        return proxy;
    }

    @WrongAnswer(
            value = "the head is flushed with the first chunk",
            failsAt = "the_head_of_a_response_does_not_wait_for_its_body")
    @Exercise("step-07-streaming")
    static class FlushAfterEachChunk implements StreamingContract {
        @Override
        public ProxyHandler newProxy(String target, Timeouts timeouts, int maxUpstreamConnections) {
            var never = Duration.ofDays(1);
            var late = new Timeouts(
                    timeouts.connection(),
                    timeouts.response(),
                    never,
                    timeouts.stream(),
                    timeouts.client(),
                    timeouts.upgraded());
            return streaming(target, late, maxUpstreamConnections);
        }
    }

    /** Sends each head at once, and lets everything be quiet for ever, so that a stream may be quiet. */
    private static final class PatientProxy extends DirectedProxy {
        private final int maxUpstreamConnections;

        PatientProxy(String target, int maxUpstreamConnections) {
            super(target);
            this.maxUpstreamConnections = maxUpstreamConnections;
        }

        @Override
        protected org.eclipse.jetty.client.Response.CompleteListener newServerToProxyResponseListener(
                Request clientToProxyRequest,
                org.eclipse.jetty.client.Request proxyToServerRequest,
                Response proxyToClientResponse,
                Callback proxyToClientCallback) {
            return new ProxyResponseListener(
                    clientToProxyRequest, proxyToServerRequest, proxyToClientResponse, proxyToClientCallback) {
                @Override
                public void onContentSource(org.eclipse.jetty.client.Response response, Content.Source body) {
                    var then = Callback.from(() -> super.onContentSource(response, body), body::fail);
                    proxyToClientResponse.write(false, BufferUtil.EMPTY_BUFFER, then);
                }
            };
        }

        @Override
        protected void configureHttpClient(HttpClient httpClient) {
            super.configureHttpClient(httpClient);
            httpClient.setIdleTimeout(0);
            httpClient.setMaxConnectionsPerDestination(maxUpstreamConnections);
        }
    }

    @WrongAnswer(value = "no idle timeout at all", failsAt = "an_upstream_that_does_not_answer_in_time_is_a_504")
    @Exercise("step-07-streaming")
    static class NoIdleTimeout implements StreamingContract {
        @Override
        public ProxyHandler newProxy(String target, Timeouts timeouts, int maxUpstreamConnections) {
            return new PatientProxy(target, maxUpstreamConnections);
        }
    }

    @WrongAnswer(
            value = "as many connections as anybody likes",
            failsAt = "a_request_that_finds_no_connection_free_in_time_is_answered_with_503")
    @Exercise("step-07-streaming")
    static class UnlimitedConnections implements StreamingContract {
        @Override
        public ProxyHandler newProxy(String target, Timeouts timeouts, int maxUpstreamConnections) {
            return streaming(target, timeouts, Integer.MAX_VALUE);
        }
    }
}
