package pitfalls.program;

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.http.HttpCompliance;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.HttpParser;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.internal.HttpConnection;
import org.eclipse.jetty.util.Callback;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import pitfalls.step07.BodyBuffers;

/**
 * A client's connection on which HTTP/1.1 is what its standard says. Jetty is stricter than that in places, and laxer in others,
 * and no handler could help.
 */
class StandardConnection extends HttpConnection {
    private static final Logger LOG = LoggerFactory.getLogger(StandardConnection.class);

    /** Those that IANA has registered. The proxy refuses all of them but {@code chunked}, with a 501. */
    private static final Set<String> TRANSFER_CODINGS =
            Set.of("chunked", "gzip", "x-gzip", "deflate", "compress", "x-compress");

    private final AtomicInteger calls = new AtomicInteger();
    private final LastAnswer lastAnswer;
    private MessageHandler handler; // set while the superclass is constructed

    StandardConnection(HttpConfiguration configuration, Connector connector, EndPoint endPoint) {
        super(configuration, connector, endPoint);
        lastAnswer = LastAnswer.on(connector);
    }

    /**
     * Reads and serves requests, in one thread at a time. Jetty answers a request that it cannot read in a thread of its own. When the
     * answer is sent, that thread has the connection read on, while the first one may not be done with the buffer: both would give it
     * back, and two connections would then share it, and with it their clients' requests.
     */
    @Override
    public final void onFillable() {
        if (calls.getAndIncrement() > 0) return; // the thread that reads does so once more
        int seen;
        do {
            seen = calls.get();
            super.onFillable();
        } while (!calls.compareAndSet(seen, 0));
    }

    /**
     * Reads with large buffers, but not the first head. It may be that of HTTP/2, and the frames that come with it have to fit into one of
     * Jetty's usual buffers.
     */
    @Override
    public final int getInputBufferSize() {
        return getMessagesIn() > 0 ? BodyBuffers.SIZE : super.getInputBufferSize();
    }

    @Override
    protected final RequestHandler newRequestHandler() {
        handler = new MessageHandler();
        return handler;
    }

    /** For a request with a target that it cannot read, Jetty makes up another one, and a HEAD would be answered with a body. */
    @Override
    protected HttpStreamOverHTTP1 newHttpStream(String method, String uri, HttpVersion version) {
        boolean isUnreadableHead = uri.equals("/badMessage") && handler.isHead;
        return new StandardStream(isUnreadableHead ? HttpMethod.HEAD.asString() : method, uri, version);
    }

    /** A request and its answer, which may be the last one on this connection. */
    private final class StandardStream extends HttpStreamOverHTTP1 {
        private StandardStream(String method, String uri, HttpVersion version) {
            super(method, uri, version);
        }

        @Override
        public void send(
                MetaData.Request request,
                MetaData.Response response,
                boolean last,
                ByteBuffer content,
                Callback callback) {
            boolean isFinal = response != null && response.getStatus() >= HttpStatus.OK_200;
            if (isFinal && lastAnswer.isDue()) getGenerator().setPersistent(false);
            super.send(request, response, last, content, callback);
        }
    }

    @Override
    protected HttpParser newHttpParser(HttpCompliance compliance) {
        HttpConfiguration configuration = getHttpConfiguration();
        var parser = new StartLineParser(handler, configuration.getRequestHeaderSize(), compliance);
        parser.setHeaderCacheSize(configuration.getHeaderCacheSize());
        parser.setHeaderCacheCaseSensitive(configuration.isHeaderCacheCaseSensitive());
        return parser;
    }

    /** Called when the head of a request has arrived, or cannot be read. */
    void onHeadEnd() {}

    /** Answers a request whose head will not be read to its end, and ends the connection. */
    final void refuse(HttpException reason) {
        handler.badMessage(reason);
    }

    /** Is told of a request piece by piece. */
    private final class MessageHandler extends RequestHandler {
        private final List<HttpField> upgrades = new ArrayList<>(1);
        private boolean connectionNamesUpgrade;
        private boolean inBody;
        private boolean isHead;

        @Override
        public void startRequest(String method, String uri, HttpVersion version) {
            isHead = HttpMethod.HEAD.is(method);
            if (((StartLineParser) getParser()).versionInLowerCase) {
                throw new HttpException.RuntimeException(HttpStatus.HTTP_VERSION_NOT_SUPPORTED_505, "Unknown Version");
            }
            upgrades.clear();
            connectionNamesUpgrade = false;
            inBody = false;
            super.startRequest(method, uri, version);
        }

        /**
         * Holds back what may have to be ignored, and refuses a coding that does not exist, with which somebody may try out how the
         * proxy reads it.
         */
        @Override
        public void parsedHeader(HttpField field) {
            if (field.getHeader() == HttpHeader.TRANSFER_ENCODING) {
                for (String coding : field.getValueList()) {
                    if (TRANSFER_CODINGS.contains(coding.toLowerCase(Locale.ROOT))) continue;
                    throw new HttpException.RuntimeException(HttpStatus.BAD_REQUEST_400, "Unknown transfer coding");
                }
            }
            if (field.getHeader() == HttpHeader.UPGRADE) {
                upgrades.add(field);
                return;
            }
            connectionNamesUpgrade |=
                    field.getHeader() == HttpHeader.CONNECTION && field.contains(HttpHeaderValue.UPGRADE.asString());
            super.parsedHeader(field);
        }

        /** Jetty answers 400 to an {@code Upgrade} that {@code Connection} does not name (RFC 9110, section 7.8). */
        @Override
        public boolean headerComplete() {
            onHeadEnd();
            if (connectionNamesUpgrade) upgrades.forEach(super::parsedHeader);
            boolean handle = super.headerComplete(); // which may refuse it
            inBody = true;
            return handle;
        }

        /**
         * Jetty takes a chunked body for complete if the connection ends after the CR of a chunk, or behind the last chunk
         * but before the empty line. Neither is (RFC 9112, section 8).
         */
        @Override
        public boolean messageComplete() {
            boolean brokeOff = getParser().isAtEOF() && getParser().isChunking();
            inBody = false;
            if (!brokeOff) return super.messageComplete();
            earlyEOF();
            return false;
        }

        @Override
        public void badMessage(HttpException failure) {
            onHeadEnd();
            if (inBody && getParser().isAtEOF()) earlyEOF();
            else super.badMessage(failure);
        }
    }

    private String clientAddress() {
        return getEndPoint().getRemoteSocketAddress() instanceof InetSocketAddress peer
                ? peer.getAddress().getHostAddress()
                : "an unknown address";
    }

    /** Looks at the version of HTTP, which Jetty reads in any case, and which has one case only (RFC 9112, section 2.3). */
    private final class StartLineParser extends HttpParser {
        private static final long HTTP_SLASH = 0x48_54_54_50_2FL;
        private static final long UPPER_CASE = 0xDF_DF_DF_DF_FFL;

        private long lastBytes;
        private boolean versionInLowerCase;

        private StartLineParser(RequestHandler handler, int maxHeaderBytes, HttpCompliance compliance) {
            super(handler, maxHeaderBytes, compliance);
        }

        @Override
        public boolean parseNext(ByteBuffer buffer) {
            boolean inStartLine = getState().ordinal() < State.HEADER.ordinal();
            if (inStartLine) lookAhead(buffer);
            return super.parseNext(buffer);
        }

        /** Of a body that it cannot read, Jetty tells nobody why. */
        @Override
        protected void badMessage(HttpException failure) {
            boolean isInBody = ((MessageHandler) getHandler()).inBody;
            if (isInBody) LOG.info("malformed body from {}: {}", clientAddress(), failure.getReason());
            super.badMessage(failure);
        }

        /** A start line may come in pieces, and after empty lines. */
        private void lookAhead(ByteBuffer buffer) {
            for (int i = buffer.position(); i < buffer.limit(); i++) {
                byte b = buffer.get(i);
                if (b == '\n' && lastBytes != 0) {
                    long protocol = lastBytes >>> 24; // without "1.1"
                    versionInLowerCase = protocol != HTTP_SLASH && (protocol & UPPER_CASE) == HTTP_SLASH;
                    lastBytes = 0;
                    return;
                }
                if (b > ' ') lastBytes = lastBytes << 8 | b;
            }
        }
    }
}
