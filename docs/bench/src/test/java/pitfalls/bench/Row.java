package pitfalls.bench;

/** One kind of work. */
enum Row {
    ONE("1 connection", "1", Answers.SMALL_PATH, 0, 1),
    SMALL("64 connections", "64", Answers.SMALL_PATH, 0, 64),
    MANY("512 connections", "512", Answers.SMALL_PATH, 0, 512),
    CROWD("2,000 connections", "2,000", Answers.SMALL_PATH, 0, 2000),
    MEDIUM("64 KiB responses, 32 connections", "64 KiB", Answers.MEDIUM_PATH, 0, 32),
    LARGE("1 MiB responses, 32 connections", "1 MiB", Answers.LARGE_PATH, 0, 32),
    UPLOAD("1 MiB uploads, 32 connections", "uploads", "/upload", Answers.LARGE, 32),
    HTTP2("HTTP/2 over TLS, 4 connections of 32 streams", "HTTP/2", Answers.SMALL_PATH, 0, 4),
    /** At half of what Undertow can do. */
    PACED("64 connections, half of Undertow's rate", "paced", Answers.SMALL_PATH, 0, 64),
    /** From the start of the process to its first 200. */
    START("start to the first 200", "start", Answers.SMALL_PATH, 0, 1),
    /** Measured with {@link #SMALL}. */
    IDLE("after the first request", "idle", Answers.SMALL_PATH, 0, 1);

    private static final int HTTP2_STREAMS = 32;

    final String title;
    final String label;
    private final String path;
    private final int upload;
    private final int connections;

    Row(String title, String label, String path, int upload, int connections) {
        this.title = title;
        this.label = label;
        this.path = path;
        this.upload = upload;
        this.connections = connections;
    }

    Load load() {
        return load(0);
    }

    Load load(double rate) {
        return new Load(path, upload, connections, isTls() ? HTTP2_STREAMS : 1, rate);
    }

    boolean isTls() {
        return this == HTTP2;
    }

    /** Whether nginx would answer before it has read the request. */
    boolean isUpload() {
        return upload > 0;
    }
}
