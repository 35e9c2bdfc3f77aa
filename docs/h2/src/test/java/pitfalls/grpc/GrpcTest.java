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
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.io.WindowRateControl;
import org.eclipse.jetty.proxy.ProxyHandler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import pitfalls.step06.DirectedProxy;
import pitfalls.step07.StreamingProxy;
import pitfalls.step07.Timeouts;
import pitfalls.support.LoopbackTest;
import pitfalls.support.Slow;

/** A real client and a real server of gRPC, with a proxy between them. */
@Slow
class GrpcTest {
    private static final long SOON_MS = 100;
    private static final int CANCELS = 9;

    private Calls server;
    private ManagedChannel channel;

    @BeforeEach
    void start() throws Exception {
        server = new Calls();
    }

    @AfterEach
    void stop() throws Exception {
        if (channel != null) channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
        server.kill();
    }

    private void connect(ProxyHandler proxy) throws Exception {
        var http2 = new HTTP2CServerConnectionFactory(new HttpConfiguration());
        http2.setMaxConcurrentStreams(1000);
        http2.setRateControlFactory(new WindowRateControl.Factory(4000));
        connect(LoopbackTest.loopback.serve(proxy, http2));
    }

    private void connect(URI proxy) {
        channel = NettyChannelBuilder.forAddress(proxy.getHost(), proxy.getPort())
                .usePlaintext()
                .maxInboundMessageSize(16 << 20)
                .build();
    }

    private byte[] call(MethodDescriptor<byte[], byte[]> method, byte[] message) {
        return ClientCalls.blockingUnaryCall(channel, method, inTime(), message);
    }

    private static CallOptions inTime() {
        return CallOptions.DEFAULT.withDeadlineAfter(20, TimeUnit.SECONDS);
    }

    private StatusRuntimeException failureOf(MethodDescriptor<byte[], byte[]> method, String message) {
        return catchThrowableOfType(StatusRuntimeException.class, () -> call(method, message.getBytes(UTF_8)));
    }

    @Nested
    class Broken implements LoopbackTest {

        @Test
        void each_call_through_the_proxy_of_step_6_is_unavailable() throws Exception {
            connect(new DirectedProxy("127.0.0.1:" + server.port()));

            StatusRuntimeException failure = failureOf(Calls.ECHO, "hello");

            assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
            assertThat(failure.getStatus().getDescription()).contains("HTTP status code 502");
            assertThat(server.peers).as("who has called").isEmpty();
        }

        @Test
        void a_status_of_an_unavailable_server_is_a_guess_and_has_no_sentence() throws Exception {
            connect(new DirectedProxy(loopback.refusing()));

            StatusRuntimeException failure = failureOf(Calls.ECHO, "hello");

            assertThat(failure.getStatus().getDescription())
                    .contains("HTTP status code 502", "invalid content-type: application/problem+json");
        }
    }

    @Nested
    class Fixed implements LoopbackTest {

        private StreamingProxy proxy() {
            return new StreamingProxy("h2c://127.0.0.1:" + server.port());
        }

        @Test
        void a_call_is_answered() throws Exception {
            connect(proxy());

            assertThat(call(Calls.ECHO, "hello".getBytes(UTF_8))).asString().isEqualTo("hello");
        }

        @Test
        void a_failure_arrives_with_its_message_and_its_details() throws Exception {
            connect(proxy());

            StatusRuntimeException failure = failureOf(Calls.FAIL, "nö, 100 %");

            assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.FAILED_PRECONDITION);
            assertThat(failure.getStatus().getDescription()).isEqualTo("nö, 100 %");
            assertThat(failure.getTrailers().get(Calls.DETAIL)).containsExactly(0, 1, 0xFF);
        }

        @Test
        void a_stream_of_the_server_arrives_message_by_message_with_pauses() throws Exception {
            var proxy = proxy();
            proxy.setTimeouts(Timeouts.defaults().withResponse(Duration.ofMillis(100)));
            connect(proxy);
            var answers = new Answers();
            ClientCalls.asyncServerStreamingCall(channel.newCall(Calls.DOWN, inTime()), new byte[0], answers);
            var stream = server.streams.poll(5, TimeUnit.SECONDS);

            stream.onNext("one".getBytes(UTF_8));
            assertThat(answers.message()).isEqualTo("one");
            assertThat(answers.isQuietFor(300)).as("no end in the pause").isTrue();
            stream.onNext("two".getBytes(UTF_8));
            assertThat(answers.message()).isEqualTo("two");
            stream.onCompleted();
            assertThat(answers.status()).isEqualTo(Status.OK);
        }

        @Test
        void a_failure_in_the_middle_of_a_stream_arrives() throws Exception {
            connect(proxy());
            var answers = new Answers();
            ClientCalls.asyncServerStreamingCall(channel.newCall(Calls.DOWN, inTime()), new byte[0], answers);
            var stream = server.streams.poll(5, TimeUnit.SECONDS);

            stream.onNext("one".getBytes(UTF_8));
            stream.onError(Status.ABORTED.withDescription("no more").asException());

            assertThat(answers.message()).isEqualTo("one");
            Status end = answers.status();
            assertThat(end.getCode()).isEqualTo(Status.Code.ABORTED);
            assertThat(end.getDescription()).isEqualTo("no more");
        }

        @Test
        void a_stream_of_the_client_arrives() throws Exception {
            connect(proxy());
            var answers = new Answers();
            var call = ClientCalls.asyncClientStreamingCall(channel.newCall(Calls.UP, inTime()), answers);

            for (int i = 0; i < 3; i++) call.onNext(new byte[1000]);
            call.onCompleted();

            assertThat(answers.message()).isEqualTo("3");
            assertThat(answers.status()).isEqualTo(Status.OK);
        }

        @Test
        void a_stream_of_the_client_can_be_refused_early() throws Exception {
            connect(proxy());
            var answers = new Answers();
            var call = ClientCalls.asyncClientStreamingCall(channel.newCall(Calls.UP, inTime()), answers);

            for (int i = 0; i < 4; i++) call.onNext(new byte[1000]);

            Status end = answers.status();
            assertThat(end.getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
            assertThat(end.getDescription()).isEqualTo("three are enough");
        }

        @Test
        void both_streams_flow_at_the_same_time_message_by_message() throws Exception {
            connect(proxy());
            var answers = new Answers();
            var call = ClientCalls.asyncBidiStreamingCall(channel.newCall(Calls.BOTH, inTime()), answers);

            for (int i = 0; i < 200; i++) {
                call.onNext(("ping " + i).getBytes(UTF_8));
                assertThat(answers.message()).isEqualTo("ping " + i);
            }
            call.onCompleted();

            assertThat(answers.status()).isEqualTo(Status.OK);
        }

        @Test
        void a_call_of_both_sides_may_say_nothing_for_longer_than_a_response_may_take() throws Exception {
            var proxy = proxy();
            proxy.setTimeouts(Timeouts.defaults().withResponse(Duration.ofMillis(300)));
            connect(proxy);
            var answers = new Answers();
            var call = ClientCalls.asyncBidiStreamingCall(channel.newCall(Calls.BOTH, inTime()), answers);

            assertThat(answers.isQuietFor(600)).as("no end in the pause").isTrue();
            call.onNext("at last".getBytes(UTF_8));

            assertThat(answers.message()).isEqualTo("at last");
        }

        @Test
        void a_call_whose_deadline_is_over_ends_at_the_server_too() throws Exception {
            connect(proxy());
            call(Calls.ECHO, new byte[0]); // so that the connections are there, and the call's time is the server's
            var answers = new Answers();
            ClientCalls.asyncUnaryCall(
                    channel.newCall(Calls.WAIT, CallOptions.DEFAULT.withDeadlineAfter(200, TimeUnit.MILLISECONDS)),
                    new byte[0],
                    answers);

            assertThat(answers.status().getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
            assertThat(server.cancelled.poll(5, TimeUnit.SECONDS)).isEqualTo("Wait");
        }

        @Test
        void a_call_that_has_time_left_is_not_cut_by_the_limits_of_the_proxy() throws Exception {
            var proxy = proxy();
            proxy.setTimeouts(Timeouts.defaults()
                    .withResponse(Duration.ofMillis(100))
                    .withStream(Duration.ofMillis(100))
                    .withClient(Duration.ofMillis(100)));
            connect(proxy);
            var answers = new Answers();
            ClientCalls.asyncUnaryCall(channel.newCall(Calls.WAIT, inTime()), new byte[0], answers);
            var waiting = server.waiting.poll(5, TimeUnit.SECONDS);

            assertThat(answers.isQuietFor(300)).as("no end in the pause").isTrue();
            waiting.onNext("at last".getBytes(UTF_8));
            waiting.onCompleted();

            assertThat(answers.message()).isEqualTo("at last");
        }

        @Test
        void a_call_without_a_deadline_is_cut_by_the_limit_for_a_response() throws Exception {
            var proxy = proxy();
            proxy.setTimeouts(Timeouts.defaults().withResponse(Duration.ofMillis(100)));
            connect(proxy);
            var answers = new Answers();
            ClientCalls.asyncUnaryCall(channel.newCall(Calls.WAIT, CallOptions.DEFAULT), new byte[0], answers);

            Status end = answers.status();

            assertThat(end.getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
            assertThat(end.getDescription()).startsWith("The upstream server did not answer in time.");
        }

        @TestFactory
        Stream<DynamicTest> a_cancel_reaches_the_server_within_100_ms() {
            return Stream.of(Calls.WAIT, Calls.DOWN, Calls.BOTH)
                    .map(method -> DynamicTest.dynamicTest(method.getBareMethodName(), () -> {
                        connect(proxy());
                        List<Long> times = new ArrayList<>();
                        for (int i = 0; i < CANCELS; i++) times.add(millisToCancel(method));

                        Collections.sort(times); // a machine that has other things to do is slow now and then
                        assertThat(times.get(CANCELS / 2))
                                .as("milliseconds, of " + times)
                                .isLessThan(SOON_MS);
                        channel.shutdownNow();
                    }));
        }

        private long millisToCancel(MethodDescriptor<byte[], byte[]> method) throws Exception {
            var answers = new Answers();
            if (method == Calls.BOTH) {
                ClientCalls.asyncBidiStreamingCall(channel.newCall(method, inTime()), answers)
                        .onNext("x".getBytes(UTF_8));
                answers.message();
            } else {
                ClientCalls.asyncServerStreamingCall(channel.newCall(method, inTime()), new byte[0], answers);
                if (method == Calls.WAIT) server.waiting.poll(5, TimeUnit.SECONDS);
                else server.streams.poll(5, TimeUnit.SECONDS);
            }
            long begin = System.nanoTime();
            answers.call.cancel("not needed any more", null);
            assertThat(server.cancelled.poll(5, TimeUnit.SECONDS)).isEqualTo(method.getBareMethodName());
            return Duration.ofNanos(System.nanoTime() - begin).toMillis();
        }

        @Test
        void a_quiet_call_outlives_the_pings_of_its_server() throws Exception {
            server.kill();
            server = new Calls(Duration.ofMillis(50));
            connect(proxy());
            var answers = new Answers();
            var call = ClientCalls.asyncBidiStreamingCall(channel.newCall(Calls.BOTH, inTime()), answers);
            call.onNext("first".getBytes(UTF_8));
            answers.message();

            assertThat(answers.isQuietFor(1500))
                    .as("no end, as each ping is answered")
                    .isTrue();
            call.onNext("last".getBytes(UTF_8));

            assertThat(answers.message()).isEqualTo("last");
            assertThat(server.peers).as("connections").hasSize(1);
        }

        @Test
        void a_large_message_passes_both_ways() throws Exception {
            connect(proxy());
            byte[] message = new byte[4 << 20];
            new Random(1).nextBytes(message);

            assertThat(call(Calls.ECHO, message)).isEqualTo(message);
        }

        @Test
        void a_thousand_calls_at_once_share_a_few_connections() throws Exception {
            connect(proxy());
            List<Future<byte[]>> calls = new ArrayList<>();
            for (int i = 0; i < 1000; i++) {
                byte[] message = String.valueOf(i).getBytes(UTF_8);
                calls.add(ClientCalls.futureUnaryCall(channel.newCall(Calls.ECHO, inTime()), message));
            }

            for (int i = 0; i < 1000; i++)
                assertThat(calls.get(i).get(20, TimeUnit.SECONDS)).asString().isEqualTo(String.valueOf(i));
            assertThat(server.peers).hasSizeLessThan(20);
        }

        @Test
        void a_thousand_calls_that_are_cancelled_at_once_leave_the_connection_as_it_was() throws Exception {
            connect(proxy());
            List<Future<byte[]>> calls = new ArrayList<>();
            for (int i = 0; i < 1000; i++)
                calls.add(ClientCalls.futureUnaryCall(channel.newCall(Calls.WAIT, inTime()), new byte[0]));
            for (int i = 0; i < 1000; i++) server.waiting.poll(5, TimeUnit.SECONDS);

            calls.forEach(call -> call.cancel(true));
            for (int i = 0; i < 1000; i++)
                assertThat(server.cancelled.poll(5, TimeUnit.SECONDS)).isEqualTo("Wait");

            assertThat(call(Calls.ECHO, "hello".getBytes(UTF_8))).asString().isEqualTo("hello");
        }

        @Test
        void a_server_that_is_not_there_is_unavailable_and_says_why() throws Exception {
            connect(new StreamingProxy(loopback.refusing().replace("http:", "h2c:")));

            StatusRuntimeException failure = failureOf(Calls.ECHO, "hello");

            assertThat(failure.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
            assertThat(failure.getStatus().getDescription()).startsWith("The upstream server refused the connection.");
        }

        @Test
        void a_server_that_dies_makes_its_calls_unavailable_with_a_sentence() throws Exception {
            connect(proxy());
            var waiting = new Answers();
            var stream = new Answers();
            var both = new Answers();
            ClientCalls.asyncUnaryCall(channel.newCall(Calls.WAIT, inTime()), new byte[0], waiting);
            server.waiting.poll(5, TimeUnit.SECONDS);
            ClientCalls.asyncServerStreamingCall(channel.newCall(Calls.DOWN, inTime()), new byte[0], stream);
            server.streams.poll(5, TimeUnit.SECONDS).onNext("one".getBytes(UTF_8));
            stream.message();
            ClientCalls.asyncBidiStreamingCall(channel.newCall(Calls.BOTH, inTime()), both)
                    .onNext("two".getBytes(UTF_8));
            both.message();

            server.kill();

            Status end = waiting.status();
            assertThat(end.getCode()).isEqualTo(Status.Code.UNAVAILABLE);
            assertThat(end.getDescription()).startsWith("The upstream server ended the connection");
            for (Answers begun : List.of(stream, both)) // INTERNAL while a message is still being written
            assertThat(begun.status().getCode()).isIn(Status.Code.UNAVAILABLE, Status.Code.INTERNAL);
        }
    }
}
