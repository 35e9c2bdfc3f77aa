package pitfalls.step07.http2;

import java.nio.channels.ClosedChannelException;
import java.util.Map;
import org.eclipse.jetty.client.Connection;
import org.eclipse.jetty.client.Destination;
import org.eclipse.jetty.http2.HTTP2Connection;
import org.eclipse.jetty.http2.api.Session;
import org.eclipse.jetty.http2.client.transport.internal.HTTPSessionListenerPromise;
import org.eclipse.jetty.http2.frames.GoAwayFrame;
import org.eclipse.jetty.http2.frames.PingFrame;
import org.eclipse.jetty.http2.frames.SettingsFrame;
import org.eclipse.jetty.util.Callback;

/** What an upstream says that concerns a whole connection. Jetty deals with the most of it. */
final class UpstreamSession extends HTTPSessionListenerPromise {
    private volatile Http2Connection connection;

    UpstreamSession(Map<String, Object> context) {
        super(context);
    }

    /** Nobody has asked for what an upstream might push. */
    @Override
    public Map<Integer, Integer> onPreface(Session session) {
        return Map.of(SettingsFrame.ENABLE_PUSH, 0);
    }

    /** Called when the upstream's settings have come. */
    @Override
    protected Connection newConnection(Destination destination, Session session, HTTP2Connection connection) {
        this.connection = new Http2Connection(destination, session, connection);
        return this.connection;
    }

    @Override
    public void onGoAway(Session session, GoAwayFrame frame) {
        Http2Connection connection = this.connection;
        if (connection != null) connection.onGoAway();
        super.onGoAway(session, frame);
    }

    /** The connection has ended. Jetty would fail all its requests, also those whose responses have arrived and were not read yet. */
    @Override
    public void onFailure(Session session, Throwable failure, Callback callback) {
        Http2Connection ended = connection;
        if (ended == null) super.onFailure(session, failure, callback);
        else ended.endWhenRead(failure, () -> super.onFailure(session, failure, callback));
    }

    /** The same where the upstream has said before that it would end. */
    @Override
    public void onClose(Session session, GoAwayFrame frame, Callback callback) {
        Http2Connection ended = connection;
        if (ended == null) super.onClose(session, frame, callback);
        else ended.endWhenRead(new ClosedChannelException(), () -> super.onClose(session, frame, callback));
    }

    @Override
    public void onPing(Session session, PingFrame frame) {
        Http2Connection alive = connection;
        if (alive != null && frame.isReply()) alive.onPong();
    }
}
