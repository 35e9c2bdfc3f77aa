package pitfalls.bench;

/** What is counted. */
enum Figure {
    PER_SECOND("requests a second", 0),
    CPU("CPU in µs for each request", 0),
    P99("99 of 100 are answered within, in ms", 1),
    MEMORY("resident memory in MB", 0),
    SECONDS("seconds", 2);

    final String title;
    final int decimals;

    Figure(String title, int decimals) {
        this.title = title;
        this.decimals = decimals;
    }

    String format(double value) {
        return String.format(java.util.Locale.ROOT, "%,." + decimals + "f", value);
    }
}
