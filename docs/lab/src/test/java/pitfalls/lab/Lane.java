package pitfalls.lab;

/** From whom to whom a byte goes, in Jetty's words. */
enum Lane {
    CLIENT_TO_PROXY("client", "proxy"),
    PROXY_TO_SERVER("proxy", "upstream"),
    SERVER_TO_PROXY("upstream", "proxy"),
    PROXY_TO_CLIENT("proxy", "client");

    private final String from;
    private final String to;

    Lane(String from, String to) {
        this.from = from;
        this.to = to;
    }

    String from() {
        return from;
    }

    String to() {
        return to;
    }

    /** {@code clientToProxy}, say: its name in the page's data. */
    String key() {
        return switch (this) {
            case CLIENT_TO_PROXY -> "clientToProxy";
            case PROXY_TO_SERVER -> "proxyToServer";
            case SERVER_TO_PROXY -> "serverToProxy";
            case PROXY_TO_CLIENT -> "proxyToClient";
        };
    }

    /** Whether it is a lane of the connection between the client and the proxy. */
    boolean isClientSide() {
        return this == CLIENT_TO_PROXY || this == PROXY_TO_CLIENT;
    }
}
