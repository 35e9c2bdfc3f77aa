package pitfalls.grpc;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;

/** A server of gRPC whose methods are descriptors, and no generated code; a message is its bytes. */
final class Calls {
    static final MethodDescriptor<byte[], byte[]> ECHO = method("Echo", MethodDescriptor.MethodType.UNARY);
    static final MethodDescriptor<byte[], byte[]> FAIL = method("Fail", MethodDescriptor.MethodType.UNARY);
    static final MethodDescriptor<byte[], byte[]> WAIT = method("Wait", MethodDescriptor.MethodType.UNARY);
    static final MethodDescriptor<byte[], byte[]> DOWN = method("Down", MethodDescriptor.MethodType.SERVER_STREAMING);
    static final MethodDescriptor<byte[], byte[]> UP = method("Up", MethodDescriptor.MethodType.CLIENT_STREAMING);
    static final MethodDescriptor<byte[], byte[]> BOTH = method("Both", MethodDescriptor.MethodType.BIDI_STREAMING);

    static final Metadata.Key<byte[]> DETAIL = Metadata.Key.of("x-detail-bin", Metadata.BINARY_BYTE_MARSHALLER);

    /** The streams of {@link #DOWN} that are open, to be written to by the test. */
    final BlockingQueue<ServerCallStreamObserver<byte[]>> streams = new LinkedBlockingQueue<>();

    /** A method's name for each call that its caller has cancelled. */
    final BlockingQueue<String> cancelled = new LinkedBlockingQueue<>();

    /** The calls of {@link #WAIT} that wait. */
    final BlockingQueue<StreamObserver<byte[]>> waiting = new LinkedBlockingQueue<>();

    /** The connections over which calls have come. */
    final Set<Object> peers = ConcurrentHashMap.newKeySet();

    private static final Logger NETTY = Logger.getLogger("io.grpc.netty.shaded.io.grpc.netty");

    private final Server server;

    private static MethodDescriptor<byte[], byte[]> method(String name, MethodDescriptor.MethodType type) {
        var bytes = new MethodDescriptor.Marshaller<byte[]>() {
            @Override
            public InputStream stream(byte[] value) {
                return new ByteArrayInputStream(value);
            }

            @Override
            public byte[] parse(InputStream stream) {
                try (stream) {
                    return stream.readAllBytes();
                } catch (IOException x) {
                    throw new UncheckedIOException(x);
                }
            }
        };
        return MethodDescriptor.newBuilder(bytes, bytes)
                .setType(type)
                .setFullMethodName(MethodDescriptor.generateFullMethodName("pitfalls.Calls", name))
                .build();
    }

    Calls() throws IOException {
        this(Duration.ofHours(2)); // as usual
    }

    /** A server that asks its clients that often whether they are there, and ends their connections if no answer comes within a second. */
    Calls(Duration pings) throws IOException {
        NETTY.setLevel(Level.OFF); // it has much to say of HTTP/1.1
        var service = ServerServiceDefinition.builder("pitfalls.Calls")
                .addMethod(ECHO, ServerCalls.asyncUnaryCall((request, response) -> {
                    response.onNext(request);
                    response.onCompleted();
                }))
                .addMethod(FAIL, ServerCalls.asyncUnaryCall((request, response) -> {
                    var detail = new Metadata();
                    detail.put(DETAIL, new byte[] {0, 1, (byte) 0xFF});
                    response.onError(Status.FAILED_PRECONDITION
                            .withDescription(new String(request, UTF_8))
                            .asRuntimeException(detail));
                }))
                .addMethod(WAIT, ServerCalls.asyncUnaryCall((request, response) -> {
                    ((ServerCallStreamObserver<byte[]>) response).setOnCancelHandler(() -> cancelled.add("Wait"));
                    waiting.add(response);
                }))
                .addMethod(DOWN, ServerCalls.asyncServerStreamingCall((request, response) -> {
                    var stream = (ServerCallStreamObserver<byte[]>) response;
                    stream.setOnCancelHandler(() -> cancelled.add("Down"));
                    streams.add(stream);
                }))
                .addMethod(UP, ServerCalls.asyncClientStreamingCall(Counter::new))
                .addMethod(BOTH, ServerCalls.asyncBidiStreamingCall(response -> {
                    ((ServerCallStreamObserver<byte[]>) response).setOnCancelHandler(() -> cancelled.add("Both"));
                    return new Echo(response);
                }))
                .build();
        ServerInterceptor whoCalls = new ServerInterceptor() {
            @Override
            public <Q, R> ServerCall.Listener<Q> interceptCall(
                    ServerCall<Q, R> call, Metadata header, ServerCallHandler<Q, R> next) {
                peers.add(call.getAttributes().get(io.grpc.Grpc.TRANSPORT_ATTR_REMOTE_ADDR));
                return next.startCall(call, header);
            }
        };
        server = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0))
                .maxInboundMessageSize(16 << 20)
                .keepAliveTime(pings.toMillis(), TimeUnit.MILLISECONDS)
                .keepAliveTimeout(1, TimeUnit.SECONDS)
                .addService(ServerInterceptors.intercept(service, whoCalls))
                .build()
                .start();
    }

    /** Sends back what comes, at once. */
    private record Echo(StreamObserver<byte[]> response) implements StreamObserver<byte[]> {
        @Override
        public void onNext(byte[] message) {
            response.onNext(message);
        }

        @Override
        public void onError(Throwable failure) {}

        @Override
        public void onCompleted() {
            response.onCompleted();
        }
    }

    /** Counts messages, and refuses the fourth one. */
    private static final class Counter implements StreamObserver<byte[]> {
        private final StreamObserver<byte[]> response;
        private int count;

        private Counter(StreamObserver<byte[]> response) {
            this.response = response;
        }

        @Override
        public void onNext(byte[] message) {
            count++;
            if (count == 4)
                response.onError(Status.RESOURCE_EXHAUSTED
                        .withDescription("three are enough")
                        .asException());
        }

        @Override
        public void onError(Throwable failure) {}

        @Override
        public void onCompleted() {
            response.onNext(String.valueOf(count).getBytes(UTF_8));
            response.onCompleted();
        }
    }

    int port() {
        return server.getPort();
    }

    /** Ends all connections at once, as a crash does. */
    void kill() throws InterruptedException {
        server.shutdownNow();
        server.awaitTermination(5, TimeUnit.SECONDS);
    }
}
