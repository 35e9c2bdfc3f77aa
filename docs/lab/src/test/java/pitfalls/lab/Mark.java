package pitfalls.lab;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Something that a socket has seen.
 *
 * @param time milliseconds since the first mark of the recording
 * @param lane from whom to whom
 * @param connection which of the connections on this side of the proxy, from 1
 * @param kind what it is
 * @param bytes what was read or written, a char for each byte; empty if it is no data
 * @param pieces in how many reads or writes, one immediately after the other
 * @param leftOut how many bytes more there were than are kept
 */
record Mark(double time, Lane lane, int connection, Kind kind, String bytes, int pieces, int leftOut) {

    /** Bytes, or one of TCP's own words. */
    enum Kind {
        /** A connection is made. */
        CONNECT,
        /** A connection is not made: nobody listens there. */
        REFUSED,
        DATA,
        /** No more bytes will come in this direction. */
        FIN,
        /** The connection is over at once. */
        RST,
        /** Somebody has waited, and gives up. */
        TIMEOUT;

        String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Whether this one is the end of a connection, or of a direction of it. */
    boolean isEnd() {
        return kind == Kind.FIN || kind == Kind.RST;
    }

    /** The two as one, if the other comes immediately after this one. */
    Mark and(Mark next) {
        return new Mark(time, lane, connection, kind, bytes + next.bytes, pieces + next.pieces, leftOut + next.leftOut);
    }

    /** The same, so many milliseconds earlier. */
    Mark earlier(double by) {
        return new Mark(time - by, lane, connection, kind, bytes, pieces, leftOut);
    }

    /** For the page, while it is recorded: on the left, 0, or on the right, 1. */
    Map<String, Object> json(int side) {
        Map<String, Object> json = json();
        json.put("side", side);
        return json;
    }

    /** For the page. */
    Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("time", Math.round(time * 10) / 10.0);
        json.put("lane", lane.key());
        json.put("connection", connection);
        json.put("kind", kind.key());
        json.put("bytes", bytes);
        json.put("pieces", pieces);
        json.put("leftOut", leftOut);
        return json;
    }
}
