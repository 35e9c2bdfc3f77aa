package pitfalls.minikv;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Locale;
import java.util.Objects;

/**
 * A change that somebody wants, as it stands in the log of Raft. Whether it is made is decided when it is applied.
 *
 * @param operation what to do
 * @param key to which value
 * @param value the new value, or what to append; empty to delete
 * @param id the {@code Idempotency-Key} of the request. The same one again is the same change, which is made once
 */
record Command(Operation operation, String key, String value, String id) {

    /** What to do with a value. */
    enum Operation {
        PUT,
        APPEND,
        DELETE;

        /** Its name in the stream of changes. */
        String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Its bytes in the log. */
    byte[] encode() {
        try {
            var bytes = new ByteArrayOutputStream();
            var out = new DataOutputStream(bytes);
            writeTo(out);
            return bytes.toByteArray();
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }

    /** Reads what {@link #encode} has written. */
    static Command decode(byte[] bytes) {
        try {
            return readFrom(new DataInputStream(new ByteArrayInputStream(bytes)));
        } catch (IOException x) {
            throw new UncheckedIOException(x);
        }
    }

    void writeTo(DataOutputStream out) throws IOException {
        out.writeByte(operation.ordinal());
        Texts.write(key, out);
        Texts.write(value, out);
        Texts.write(id, out);
    }

    static Command readFrom(DataInputStream in) throws IOException {
        var operation = Operation.values()[in.readByte()];
        return new Command(operation, Texts.read(in), Texts.read(in), Texts.read(in));
    }

    /** Tells this request from another one with the same {@link #id}. */
    int fingerprint() {
        return Objects.hash(operation.ordinal(), key, value);
    }
}
