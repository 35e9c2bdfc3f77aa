package pitfalls.step02;

import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import pitfalls.support.Gate;

/**
 * Stands in front of a proxy, and watches how it reads the body of a request. Jetty loses the response, once in some thousand
 * uploads, if a request is failed while its connection is read: to look for that moment needs no luck.
 */
final class WatchedUpload extends Handler.Wrapper {
    private final Gate waitsForMore = new Gate("the proxy has read the first chunk, and waits for the next one");
    private final Gate handled = new Gate("the proxy is done with the request");
    private boolean hasBegun;
    private boolean isWaiting;
    private boolean wasFailedWhileRead;

    WatchedUpload(Handler proxy) {
        super(proxy);
    }

    /** Waits until the proxy has read some of the body, and has asked for more. */
    void awaitWaiting() throws InterruptedException {
        waitsForMore.await();
    }

    /** Whether the request was failed while its connection was read; waits until the proxy is done with it. */
    boolean wasFailedWhileRead() throws InterruptedException {
        handled.await();
        synchronized (this) {
            return wasFailedWhileRead;
        }
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        return super.handle(new Watched(request), response, Callback.from(callback, handled::open));
    }

    private final class Watched extends Request.Wrapper {
        private Watched(Request request) {
            super(request);
        }

        @Override
        public Content.Chunk read() {
            Content.Chunk chunk = super.read();
            synchronized (WatchedUpload.this) {
                hasBegun |= chunk != null;
            }
            return chunk;
        }

        @Override
        public void demand(Runnable task) {
            synchronized (WatchedUpload.this) {
                isWaiting = true;
                if (hasBegun) waitsForMore.open();
            }
            super.demand(() -> {
                synchronized (WatchedUpload.this) {
                    isWaiting = false;
                }
                task.run();
            });
        }

        @Override
        public void fail(Throwable failure) {
            synchronized (WatchedUpload.this) {
                wasFailedWhileRead |= isWaiting;
            }
            super.fail(failure);
        }
    }
}
