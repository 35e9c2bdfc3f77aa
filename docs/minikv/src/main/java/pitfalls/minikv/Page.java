package pitfalls.minikv;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;

/** The demo's page, which every node serves, and the demo itself. */
final class Page extends Handler.Abstract.NonBlocking {
    private static final String TEXT = read();

    private final String front;

    /**
     * The page of a demo.
     *
     * @param front where the demo is, {@code http://127.0.0.1:8080} for example; empty if here
     */
    Page(String front) {
        this.front = front;
    }

    private static String read() {
        try (InputStream page = Page.class.getResourceAsStream("page.html")) {
            return new String(page.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        if (!request.getHttpURI().getPath().equals("/")) return false;
        response.getHeaders()
                .put(HttpHeader.CONTENT_TYPE, "text/html;charset=utf-8")
                .put(HttpHeader.CACHE_CONTROL, "no-store")
                .put(
                        "Content-Security-Policy",
                        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self' "
                                + front + "; frame-ancestors 'none'");
        response.write(true, BufferUtil.toBuffer(TEXT.replace("FRONT", front), StandardCharsets.UTF_8), callback);
        return true;
    }
}
