package pitfalls.minikv;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Texts in files, of any length: Java's own {@code writeUTF} ends at 65,535 bytes, and a value may have one more. */
final class Texts {
    private Texts() {}

    static void write(String text, DataOutputStream out) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    static String read(DataInputStream in) throws IOException {
        return new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
    }

    /** How many bytes it takes. */
    static int sizeOf(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }
}
