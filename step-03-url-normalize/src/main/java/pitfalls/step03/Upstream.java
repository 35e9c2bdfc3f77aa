package pitfalls.step03;

import java.util.Locale;
import java.util.Set;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.util.URIUtil;

/**
 * The address of an upstream, read from what operators write.
 *
 * <p>{@code :8081}, {@code 8081}, {@code 0.0.0.0:8081} and {@code [::]:8081} say that a server listens on all its
 * interfaces; from here you reach it on loopback. {@code leader.internal}, {@code leader.internal:8081},
 * {@code [::1]:8081} and {@code http://} or {@code https://} URLs are used as they are, and so are {@code h2c://} URLs, whose
 * server speaks HTTP/2 without TLS (RFC 9113, section 3.3). A path is a base path, to be
 * put before the client's, and a query is put before the client's too. Both are sent as the operator wrote them,
 * {@code /a%2Fb} as {@code /a%2Fb}. A missing port is 80, or 443 for https.
 *
 * @param scheme {@code http}, {@code https} or {@code h2c}
 * @param host a name, an IPv4 address, or an IPv6 address in brackets
 * @param port 1 to 65535
 * @param basePath empty, or a path that begins with a slash and does not end with one
 * @param query empty, or a query without its question mark
 * @param strippedPrefix empty, or such a path, which is taken off the client's before the base path is put there
 */
public record Upstream(String scheme, String host, int port, String basePath, String query, String strippedPrefix) {
    static final String H2C = "h2c";

    private static final String BAD_SCHEME = "its scheme must be http, https or h2c";
    private static final String BAD_PORT = "its port is not between 1 and 65535";
    private static final String PATH = "/[^?#\\s]*[^/?#\\s]";

    private static final String LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?";
    private static final String NAME = LABEL + "(\\." + LABEL + ")*\\.?";
    private static final String NUMERIC_NAME = "(.*\\.)?[0-9]+";
    private static final String BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    private static final String IPV4 = BYTE + "(\\." + BYTE + "){3}";
    private static final String IPV6 = "\\[[0-9A-Fa-f:.]+]"; // read by HttpURI before

    /**
     * Checks the parts.
     *
     * @throws IllegalArgumentException that says which one is wrong
     */
    public Upstream {
        check(Set.of("http", "https", H2C).contains(scheme), BAD_SCHEME);
        check(isHost(host), "its host must be a name, an IPv4 address, or an IPv6 address in brackets");
        check(port >= 1 && port <= 65535, BAD_PORT);
        check(
                basePath.isEmpty() || basePath.matches(PATH),
                "its base path does not begin with a slash, or ends with one");
        check(query.matches("[^#\\s]*"), "its query contains a fragment or white space");
        check(
                strippedPrefix.isEmpty() || strippedPrefix.matches(PATH),
                "its prefix does not begin with a slash, or ends with one");
    }

    /**
     * The same upstream, for clients that put a prefix before its paths: {@code /app/x} of a client's becomes {@code /x}, and
     * {@code /app} becomes {@code /}. A path without the prefix stays as it is.
     *
     * <p>Danger: a prefix is no fence. {@code /app/../x} becomes {@code /../x}, byte for byte.
     *
     * @param prefix such as {@code /app}; a slash at its end does not count
     * @return an upstream that strips the prefix
     * @throws IllegalArgumentException if it is no path, in one sentence
     */
    public Upstream strippingPrefix(String prefix) {
        String path = withoutLastSlash(prefix);
        check(path.matches(PATH), "A prefix to strip must be a path such as /app, not '" + prefix + "'");
        return new Upstream(scheme, host, port, basePath, query, path);
    }

    /**
     * Reads an address as operators write it.
     *
     * @param address what the operator wrote
     * @return the upstream that is meant
     * @throws IllegalArgumentException with one sentence that quotes the address, says what is wrong and what is right
     */
    public static Upstream parse(String address) {
        try {
            return normalize(address);
        } catch (IllegalArgumentException x) {
            String quoted = address == null ? "null" : "'" + withoutUser(address) + "'";
            throw new IllegalArgumentException(
                    quoted + " is not an upstream address: " + x.getMessage()
                            + ". Write :8081, 8081, leader.internal, leader.internal:8081, [::1]:8081,"
                            + " http://leader.internal:8081/base/, https://leader.internal or h2c://leader.internal:8081",
                    x);
        }
    }

    /** A password does not belong in a log. */
    private static String withoutUser(String address) {
        return address.replaceAll("[^/]*@", "...@");
    }

    private static Upstream normalize(String address) {
        check(address != null && !address.isEmpty(), "it is empty");
        check(address.chars().allMatch(c -> c > ' ' && c < 0x7F), "it contains white space or characters beyond ASCII");
        String text = withScheme(address);
        check(!text.matches("[^/]*//[^/]*:[0-9]{6,}(/.*)?"), BAD_PORT); // HttpURI would take 4294975377 for 8081
        HttpURI url = readUrl(text);
        check(url.getScheme() != null, BAD_SCHEME); // as in //a://b
        check(url.getUser() == null, "it contains a user");
        check(url.getFragment() == null, "it contains a fragment");
        check(url.getHost() != null || url.getPort() >= 0, "it has no host");
        check(!url.getPath().startsWith("//"), "its base path begins with two slashes"); // http://http://h
        String scheme = url.getScheme().toLowerCase(Locale.ROOT);
        int port = url.getPort() < 0 ? URIUtil.getDefaultPortForScheme(urlScheme(scheme)) : url.getPort();
        String query = url.getQuery() == null ? "" : url.getQuery();
        return new Upstream(scheme, dialled(url.getHost()), port, withoutLastSlash(url.getPath()), query, "");
    }

    /** {@return the scheme of URLs that name something at this upstream: {@code http} or {@code https}} */
    public String urlScheme() {
        return urlScheme(scheme);
    }

    private static String urlScheme(String scheme) {
        return scheme.equals(H2C) ? "http" : scheme;
    }

    private static String withScheme(String address) {
        if (address.matches("[0-9]+")) return "http://:" + address;
        return address.contains("://") ? address : "http://" + address;
    }

    private static HttpURI readUrl(String url) {
        try {
            return HttpURI.from(url);
        } catch (IllegalArgumentException x) {
            throw new IllegalArgumentException("it is not a URL", x);
        }
    }

    /** A server that listens everywhere also listens on loopback; a wildcard is no address to connect to. */
    private static String dialled(String host) {
        if (host == null || host.equals("0.0.0.0")) return "127.0.0.1";
        if (host.matches("\\[[0:]+]")) return "[::1]";
        return host.toLowerCase(Locale.ROOT);
    }

    private static String withoutLastSlash(String path) {
        return path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
    }

    /** A name whose last label is a number would be taken for a part of an IPv4 address: 8081 is 0.0.31.145. */
    private static boolean isHost(String host) {
        return host.matches(IPV6) || (host.matches(NUMERIC_NAME) ? host.matches(IPV4) : host.matches(NAME));
    }

    private static void check(boolean condition, String complaint) {
        if (!condition) throw new IllegalArgumentException(complaint);
    }

    /**
     * Looks for a path at the beginning of another one.
     *
     * @param pathQuery a path, which may go on with a query or a fragment
     * @param path empty, or beginning with a slash and not ending with one
     * @return whether the one is the other, or below it: {@code /app/x} is below {@code /app}, and {@code /apple} is not
     */
    public static boolean isBelow(String pathQuery, String path) {
        return pathQuery.startsWith(path)
                && (pathQuery.length() == path.length() || "/?#".indexOf(pathQuery.charAt(path.length())) >= 0);
    }

    /**
     * Tells what {@link #resolve} takes off a client's path.
     *
     * @param pathQuery as the client sent it
     * @return {@link #strippedPrefix}, or empty if the path does not begin with it
     */
    public String prefixOf(String pathQuery) {
        return strippedPrefix.isEmpty() || !isBelow(pathQuery, strippedPrefix) ? "" : strippedPrefix;
    }

    /**
     * Puts a client's path, without the prefix that is stripped, behind the base path, and its query behind the query, byte for byte.
     *
     * @param pathQuery as the client sent it, or {@code *}, which stays as it is
     * @return the URI to request from this upstream
     */
    public HttpURI resolve(String pathQuery) {
        if (pathQuery.equals("*")) return HttpURI.from(scheme, host, port, pathQuery);
        String rest = strippedPrefix.isEmpty()
                ? pathQuery
                : pathQuery.substring(prefixOf(pathQuery).length());
        String slash = rest.startsWith("/") ? "" : "/";
        String target = basePath + slash + rest;
        return HttpURI.from(scheme, host, port, query.isEmpty() ? target : withQuery(target));
    }

    /** Two queries are joined with {@code &}, and an empty one needs none. */
    private String withQuery(String target) {
        int questionMark = target.indexOf('?');
        if (questionMark < 0) return target + "?" + query;
        String path = target.substring(0, questionMark);
        String ofClient = target.substring(questionMark + 1);
        return path + "?" + query + (ofClient.isEmpty() ? "" : "&") + ofClient;
    }

    /** {@return a URL that {@link #parse} reads as the same upstream, which strips nothing} */
    @Override
    public String toString() {
        return scheme + "://" + host + ":" + port + basePath + (query.isEmpty() ? "" : "?" + query);
    }
}
