package pitfalls.docs;

import java.util.List;
import java.util.SplittableRandom;

/**
 * A request of the soak. Both ends make its bodies from its id, so that both can tell a body that is wrong.
 *
 * @param id unique, from 0
 * @param method GET, PUT or POST
 * @param fault what the upstream does
 * @param client what the client does
 * @param size of the body that is sent or asked for, in bytes
 * @param chunked whether that body is sent in chunks
 */
record SoakRequest(long id, String method, Fault fault, Client client, int size, boolean chunked) {
    private static final List<String> METHODS = List.of("GET", "GET", "GET", "PUT", "POST");

    /** What the upstream does with a request. */
    enum Fault {
        /** Answers. */
        NONE,
        /** Answers in pieces, with pauses. */
        SLOW,
        /** Answers, and closes the connection without having said so. */
        STALE,
        /** Answers, and sends another response behind that nobody asked for. */
        EXTRA,
        /** Resets the connection on the first attempt. */
        RESET_ONCE,
        /** Closes the connection on the first attempt. */
        CLOSE_ONCE,
        /** Resets the connection. */
        RESET,
        /** Sends half of the response and closes. */
        HALF,
        /** Sends half of the response and resets. */
        HALF_RESET,
        /** Sends half of the response and no more. */
        HALF_HANG,
        /** Does not answer. */
        HANG,
        /** Answers with what is no HTTP. */
        GARBAGE
    }

    /** What the client does. */
    enum Client {
        /** Sends all, and reads all. */
        STAYS,
        /** Pauses again and again while it sends the body. */
        SENDS_SLOWLY,
        /** Pauses again and again while it reads. */
        READS_SLOWLY,
        /** Leaves in the middle of its head. */
        LEAVES_IN_HEAD,
        /** Leaves in the middle of its body. */
        LEAVES_IN_UPLOAD,
        /** Leaves when it has read a part of the response. */
        LEAVES_IN_DOWNLOAD
    }

    /** Any request. */
    static SoakRequest any(long id, SplittableRandom random) {
        String method = METHODS.get(random.nextInt(METHODS.size()));
        Fault fault = random.nextInt(10) < 6 ? Fault.NONE : Fault.values()[random.nextInt(Fault.values().length)];
        Client client = random.nextInt(10) < 7 ? Client.STAYS : Client.values()[random.nextInt(Client.values().length)];
        if (client == Client.LEAVES_IN_UPLOAD && method.equals("GET")) client = Client.LEAVES_IN_DOWNLOAD;
        int size = random.nextInt(20) == 0 ? random.nextInt(2 << 20) : random.nextInt(20_000);
        return new SoakRequest(id, method, fault, client, size, random.nextBoolean());
    }

    /** The request that this target describes. */
    static SoakRequest parse(String method, String target) {
        String[] parts = target.split("/");
        return new SoakRequest(
                Long.parseLong(parts[1]),
                method,
                Fault.valueOf(parts[2]),
                Client.valueOf(parts[3]),
                Integer.parseInt(parts[4]),
                parts[5].equals("chunked"));
    }

    /** Where it is sent. */
    String target() {
        return "/" + id + "/" + fault + "/" + client + "/" + size + "/" + (chunked ? "chunked" : "length");
    }

    /** Whether it has a body. */
    boolean isUpload() {
        return !method.equals("GET");
    }

    /** Its body, or what the upstream answers a GET with. */
    byte[] body() {
        var body = new byte[size];
        new java.util.Random(id).nextBytes(body);
        return body;
    }

    /** What a whole answer has for a body. */
    byte[] answer() {
        return isUpload() ? ("received " + id).getBytes(java.nio.charset.StandardCharsets.US_ASCII) : body();
    }
}
