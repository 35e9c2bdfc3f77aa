package pitfalls.step04;

/** Tells an operator which value of a setting is wrong, and what is accepted. */
public final class Setting {
    private Setting() {}

    /**
     * Refuses a value that is not accepted.
     *
     * @param accepted whether it is
     * @param name the setting's name
     * @param range what is accepted, behind "must be"
     * @throws IllegalArgumentException with one sentence that names all three
     */
    public static void check(boolean accepted, String name, Object value, String range) {
        if (!accepted) throw new IllegalArgumentException(name + " must be " + range + ", not " + value);
    }
}
