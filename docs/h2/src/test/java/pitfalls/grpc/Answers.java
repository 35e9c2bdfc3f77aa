package pitfalls.grpc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Status;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** What a caller is told, message by message. */
final class Answers implements ClientResponseObserver<byte[], byte[]> {
    private final BlockingQueue<Object> events = new LinkedBlockingQueue<>();
    ClientCallStreamObserver<byte[]> call;

    @Override
    public void beforeStart(ClientCallStreamObserver<byte[]> call) {
        this.call = call;
    }

    @Override
    public void onNext(byte[] message) {
        events.add(new String(message, UTF_8));
    }

    @Override
    public void onError(Throwable failure) {
        events.add(Status.fromThrowable(failure));
    }

    @Override
    public void onCompleted() {
        events.add(Status.OK);
    }

    private Object next() throws InterruptedException {
        Object event = events.poll(5, TimeUnit.SECONDS);
        assertThat(event).as("what the caller is told in time").isNotNull();
        return event;
    }

    /** The next message. */
    String message() throws InterruptedException {
        Object event = next();
        assertThat(event).as("the next message").isInstanceOf(String.class);
        return (String) event;
    }

    /** How the call ended. */
    Status status() throws InterruptedException {
        Object event = next();
        assertThat(event).as("the end of the call").isInstanceOf(Status.class);
        return (Status) event;
    }

    /** Whether nothing is told for that time. */
    boolean isQuietFor(long milliseconds) throws InterruptedException {
        Object event = events.poll(milliseconds, TimeUnit.MILLISECONDS);
        return event == null;
    }
}
