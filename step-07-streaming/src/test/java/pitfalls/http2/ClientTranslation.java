package pitfalls.http2;

import static pitfalls.http2.Http1Message.untranslatable;

import java.io.IOException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.HttpConfiguration;
import pitfalls.http2.Http2Peer.Frame;
import pitfalls.support.Loopback;
import pitfalls.support.RawConnection;
import pitfalls.support.RawMessage;

/**
 * Says in HTTP/2 what a client says in HTTP/1.1, so that a contract holds for both. A connection of the client's becomes one
 * connection, and each of its requests a stream. If the client ends its connection, its stream is reset.
 */
public final class ClientTranslation implements Loopback.Translation {
    @Override
    public ConnectionFactory protocol(HttpConfiguration http) {
        return new HTTP2CServerConnectionFactory(http);
    }

    @Override
    public void play(RawConnection client, RawConnection server) throws Exception {
        var peer = Http2Peer.client(server).keepWindows();
        var responses = new Responses(client, peer);
        var thread = new Thread(responses, "translated responses");
        thread.setDaemon(true);
        thread.start();
        try {
            for (int stream = 1; begins(client); stream += 2) {
                responses.awaitEnd();
                request(client, peer, stream, responses);
            }
            responses.leave();
        } catch (SocketException reset) {
            responses.leave();
        } catch (IOException | InterruptedException ended) {
            responses.leave();
            client.close();
        } finally {
            server.close();
            thread.join(Loopback.PATIENCE.toMillis());
        }
    }

    /** Waits for as long as it takes. */
    static boolean begins(RawConnection connection) throws IOException {
        while (true) {
            try {
                return connection.begins();
            } catch (SocketTimeoutException quiet) {
                // The test decides how long it waits.
            }
        }
    }

    private static void request(RawConnection client, Http2Peer peer, int stream, Responses responses)
            throws IOException, InterruptedException {
        var head = new RawMessage(client.receiveHead(), "", true);
        String[] words = head.startLine().split(" ", -1);
        if (words.length != 3) throw untranslatable("request line");
        if (!words[2].equals("HTTP/1.1")) throw untranslatable("HTTP/1.0");
        if (words[0].equals("CONNECT")) throw untranslatable("CONNECT with a target of its own");
        List<String> fields = new ArrayList<>(List.of(":method: " + words[0], ":scheme: http"));
        String target = words[1];
        boolean isAbsolute = target.matches("(?i)http://.*");
        if (isAbsolute) {
            String authority = target.substring(7).replaceAll("[/?].*", "");
            fields.add(":authority: " + authority);
            target = target.substring(7 + authority.length());
            if (!target.startsWith("/")) target = "/" + target;
        }
        fields.add(":path: " + target);
        for (String field : Http1Message.fields(head.head())) {
            boolean isAuthority = field.startsWith("host: ") && fields.stream().noneMatch(f -> f.startsWith(":auth"));
            if (isAuthority) fields.add(3, ":authority: " + field.substring(6));
            else if (!isAbsolute || !field.startsWith("host: ")) fields.add(field);
        }
        boolean isLast = head.field("Transfer-Encoding").isEmpty()
                && (head.field("Content-Length").isEmpty()
                        || head.field("Content-Length").get(0).equals("0"));
        responses.begin(stream, words[0], head.field("Connection").contains("close"));
        peer.headers(stream, isLast, fields.toArray(String[]::new));
        if (isLast) return;
        Http1Message.passBody(head, false, client, new Http1Message.Sink(peer, stream));
    }

    /** Writes in HTTP/1.1 what the server answers. */
    private static final class Responses implements Runnable {
        private final RawConnection client;
        private final Http2Peer peer;
        private int stream;
        private String method;
        private boolean isOver = true;
        private boolean isLastRequest;
        private boolean hasHead;
        private boolean isChunked;

        private Responses(RawConnection client, Http2Peer peer) {
            this.client = client;
            this.peer = peer;
        }

        private synchronized void begin(int stream, String method, boolean isLastRequest) {
            this.stream = stream;
            this.method = method;
            this.isLastRequest = isLastRequest;
            isOver = false;
            hasHead = false;
        }

        private synchronized void awaitEnd() throws InterruptedException {
            while (!isOver) wait();
        }

        /** The client has left, or was refused by this translation. */
        private synchronized void leave() throws IOException {
            if (isOver) return;
            isOver = true;
            peer.reset(stream, Http2Peer.CANCEL);
        }

        private synchronized void end() throws IOException {
            isOver = true;
            notifyAll();
            if (isLastRequest) client.close();
        }

        @Override
        public void run() {
            try {
                while (begins(peer.connection())) pass(peer.receive());
                close();
            } catch (IOException | IllegalArgumentException ended) {
                close();
            }
        }

        private void close() {
            try {
                client.close();
                synchronized (this) {
                    isOver = true;
                    notifyAll();
                }
            } catch (IOException closed) {
                // It is.
            }
        }

        private void pass(Frame frame) throws IOException {
            if (frame.type() == Http2Peer.GOAWAY) {
                synchronized (this) {
                    isLastRequest = true;
                    if (isOver) client.close();
                }
                return;
            }
            if (frame.stream() != stream) return;
            if (frame.type() == Http2Peer.RST_STREAM) {
                client.close(); // half a response, or half an upload behind a whole one
                end();
                return;
            }
            if (frame.type() == Http2Peer.DATA) {
                if (!frame.payload().isEmpty()) client.send(isChunked ? chunk(frame.payload()) : frame.payload());
                peer.giveWindow(stream, frame.payload().length(), frame.isLast());
                if (frame.isLast() && isChunked) client.send("0\r\n\r\n");
            } else if (hasHead) {
                if (isChunked) client.send("0\r\n" + lines(frame) + "\r\n");
            } else {
                head(frame);
            }
            if (frame.isLast()) end();
        }

        private void head(Frame frame) throws IOException {
            int status = frame.status();
            boolean isInterim = status < HttpStatus.OK_200;
            boolean isEmpty = isInterim
                    || method.equals("HEAD")
                    || status == HttpStatus.NO_CONTENT_204
                    || status == HttpStatus.NOT_MODIFIED_304;
            boolean hasLength = !frame.field("content-length").isEmpty();
            hasHead = !isInterim;
            isChunked = !isEmpty && !hasLength && !frame.isLast();
            String framing = isChunked ? "Transfer-Encoding: chunked\r\n" : "";
            if (!isEmpty && !hasLength && frame.isLast()) framing = "Content-Length: 0\r\n";
            if (!isInterim && isLastRequest) framing += "Connection: close\r\n";
            String reason = HttpStatus.getMessage(status);
            client.send("HTTP/1.1 " + status + " " + reason + "\r\n" + lines(frame) + framing + "\r\n");
        }
    }

    static String lines(Frame frame) {
        var lines = new StringBuilder();
        frame.payload()
                .lines()
                .filter(line -> !line.startsWith(":"))
                .forEach(line -> lines.append(Http1Message.line(line)));
        return lines.toString();
    }

    private static String chunk(String text) {
        return Integer.toHexString(text.length()) + "\r\n" + text + "\r\n";
    }
}
