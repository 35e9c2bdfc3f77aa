package pitfalls.program;

import picocli.CommandLine.TypeConversionException;

/**
 * An amount of memory, as operators write it.
 *
 * @param bytes 1024 to 1048576
 */
record Size(int bytes) {

    /** Reads {@code 65536}, {@code 64k} or {@code 1m}. */
    static Size parse(String text) {
        if (text.matches("[0-9]{1,7}[kKmM]?")) {
            char unit = Character.toLowerCase(text.charAt(text.length() - 1));
            int shift = unit == 'k' ? 10 : unit == 'm' ? 20 : 0;
            long bytes = Long.parseLong(shift == 0 ? text : text.substring(0, text.length() - 1)) << shift;
            if (bytes >= 1 << 10 && bytes <= 1 << 20) return new Size((int) bytes);
        }
        throw new TypeConversionException("a size must be between 1k and 1m, such as 65536 or 64k, not '" + text + "'");
    }

    @Override
    public String toString() {
        return bytes % 1024 == 0 ? bytes / 1024 + "k" : String.valueOf(bytes);
    }
}
