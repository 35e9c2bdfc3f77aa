package pitfalls.grpc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.eclipse.jetty.compression.gzip.GzipCompression;
import org.eclipse.jetty.compression.server.CompressionHandler;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.handler.BufferedResponseHandler;
import org.eclipse.jetty.server.handler.ContextHandler;
import org.eclipse.jetty.server.handler.DefaultHandler;
import org.eclipse.jetty.server.handler.EagerContentHandler;
import org.eclipse.jetty.server.handler.GracefulHandler;
import org.eclipse.jetty.server.handler.QoSHandler;
import org.eclipse.jetty.server.handler.SizeLimitHandler;
import org.eclipse.jetty.server.handler.StatisticsHandler;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step07.StreamingProxy;
import pitfalls.support.LoopbackTest;
import pitfalls.support.Slow;

/** A real client and a real server of gRPC, and between them a proxy in a server with other handlers. */
@Slow
class HandlersInFrontTest implements LoopbackTest {
    private Calls server;

    @BeforeEach
    void start() throws Exception {
        server = new Calls();
    }

    @AfterEach
    void stop() throws Exception {
        server.kill();
    }

    private interface Check {
        void of(ManagedChannel channel) throws Exception;
    }

    private DynamicTest behind(String handler, UnaryOperator<Handler> inFront, Check... checks) {
        return DynamicTest.dynamicTest(handler, () -> {
            var proxy = new StreamingProxy("h2c://127.0.0.1:" + server.port());
            var address =
                    loopback.serve(inFront.apply(proxy), new HTTP2CServerConnectionFactory(new HttpConfiguration()));
            ManagedChannel channel = NettyChannelBuilder.forAddress(address.getHost(), address.getPort())
                    .usePlaintext()
                    .build();
            try {
                for (Check check : checks) check.of(channel);
            } finally {
                channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
            }
        });
    }

    @TestFactory
    Stream<DynamicTest> a_call_a_failure_and_streams_pass_behind() {
        return Stream.of(
                streaming("StatisticsHandler", StatisticsHandler::new),
                streaming("GracefulHandler", GracefulHandler::new),
                streaming("QoSHandler", QoSHandler::new),
                streaming("SizeLimitHandler", handler -> {
                    var limit = new SizeLimitHandler(1_000_000, 1_000_000);
                    limit.setHandler(handler);
                    return limit;
                }),
                streaming("CompressionHandler", HandlersInFrontTest::compressed),
                streaming(
                        "ContextHandler",
                        handler -> new Handler.Sequence(
                                new ContextHandler(handler, "/pitfalls.Calls"), new DefaultHandler())),
                streaming(
                        "all of them",
                        handler -> new Handler.Sequence(
                                new ContextHandler(
                                        new StatisticsHandler(new GracefulHandler(compressed(new QoSHandler(handler)))),
                                        "/pitfalls.Calls"),
                                new DefaultHandler())));
    }

    private DynamicTest streaming(String handler, UnaryOperator<Handler> inFront) {
        return behind(handler, inFront, this::answers, this::fails, this::streams);
    }

    @TestFactory
    Stream<DynamicTest> a_call_and_a_failure_pass_behind_a_handler_that_waits_for_a_whole_body() {
        return Stream.of(
                behind("BufferedResponseHandler", BufferedResponseHandler::new, this::answers, this::fails),
                behind(
                        "EagerContentHandler",
                        handler -> new EagerContentHandler(
                                handler, new EagerContentHandler.RetainedContentLoaderFactory()),
                        this::answers,
                        this::fails));
    }

    /** A call of gRPC has one type, whether it is a stream or not. */
    @TestFactory
    Stream<DynamicTest> streams_pass_behind_a_handler_that_buffers_all_but_gRPC() {
        return Stream.of(streaming("BufferedResponseHandler", handler -> {
            var buffered = new BufferedResponseHandler(handler);
            buffered.excludeMimeType("application/grpc");
            return buffered;
        }));
    }

    private static Handler compressed(Handler handler) {
        var compression = new CompressionHandler(handler);
        compression.putCompression(new GzipCompression());
        return compression;
    }

    private void answers(ManagedChannel channel) {
        assertThat(call(channel, Calls.ECHO, "hello")).asString().isEqualTo("hello");
    }

    private void fails(ManagedChannel channel) {
        StatusRuntimeException failure =
                catchThrowableOfType(StatusRuntimeException.class, () -> call(channel, Calls.FAIL, "nö, 100 %"));

        assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.FAILED_PRECONDITION);
        assertThat(failure.getStatus().getDescription()).isEqualTo("nö, 100 %");
        assertThat(failure.getTrailers().get(Calls.DETAIL)).containsExactly(0, 1, 0xFF);
    }

    private void streams(ManagedChannel channel) throws Exception {
        var answers = new Answers();
        var call = ClientCalls.asyncBidiStreamingCall(channel.newCall(Calls.BOTH, inTime()), answers);

        for (int i = 0; i < 10; i++) {
            call.onNext(("ping " + i).getBytes(UTF_8));
            assertThat(answers.message()).isEqualTo("ping " + i);
        }
        call.onCompleted();

        assertThat(answers.status()).isEqualTo(Status.OK);
    }

    private static byte[] call(ManagedChannel channel, MethodDescriptor<byte[], byte[]> method, String message) {
        return ClientCalls.blockingUnaryCall(channel, method, inTime(), message.getBytes(UTF_8));
    }

    private static CallOptions inTime() {
        return CallOptions.DEFAULT.withDeadlineAfter(20, TimeUnit.SECONDS);
    }
}
