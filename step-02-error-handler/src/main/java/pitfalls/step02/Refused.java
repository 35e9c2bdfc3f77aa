package pitfalls.step02;

/**
 * A request is not forwarded, and the client gets this error instead of a response. You can throw it wherever a proxy's
 * code runs for a request: when the request is looked at, when its upstream is chosen, or when its header is written.
 */
public final class Refused extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final transient ProxyError error;

    /**
     * A refusal of the proxy's own accord.
     *
     * @param kind what the client is told
     */
    public Refused(ProxyError.Kind kind) {
        this(kind, null);
    }

    /**
     * A refusal because something else has failed.
     *
     * @param kind what the client is told
     * @param cause what the log is told
     */
    public Refused(ProxyError.Kind kind, Throwable cause) {
        super(kind.detail(), cause, false, false); // no stack trace: it says nothing that the kind does not
        this.error = new ProxyError(kind, cause);
    }

    /** {@return the error that the client gets} */
    public ProxyError error() {
        return error;
    }
}
