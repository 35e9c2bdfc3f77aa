package pitfalls.step03;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class UpstreamTest {

    private static final Map<String, String> GOOD = new TreeMap<>(Map.ofEntries(
            Map.entry(":8081", "http://127.0.0.1:8081"),
            Map.entry("8081", "http://127.0.0.1:8081"),
            Map.entry("0.0.0.0:8081", "http://127.0.0.1:8081"),
            Map.entry("[::]:8081", "http://[::1]:8081"),
            Map.entry("[0:0:0:0:0:0:0:0]:8081", "http://[::1]:8081"),
            Map.entry("http://0.0.0.0:8081/base", "http://127.0.0.1:8081/base"),
            Map.entry(":8081/base/", "http://127.0.0.1:8081/base"),
            Map.entry("localhost", "http://localhost:80"),
            Map.entry("localhost:8081", "http://localhost:8081"),
            Map.entry("127.0.0.1:8081", "http://127.0.0.1:8081"),
            Map.entry("10.1.2.3", "http://10.1.2.3:80"),
            Map.entry("[::1]:8081", "http://[::1]:8081"),
            Map.entry("[2001:db8::8a2e:370:7334]", "http://[2001:db8::8a2e:370:7334]:80"),
            Map.entry("leader.internal", "http://leader.internal:80"),
            Map.entry("leader.internal.:8081", "http://leader.internal.:8081"),
            Map.entry("my_service:8081", "http://my_service:8081"),
            Map.entry("node-1.svc.cluster.local:1", "http://node-1.svc.cluster.local:1"),
            Map.entry("leader.internal:65535/base", "http://leader.internal:65535/base"),
            Map.entry("http://leader.internal", "http://leader.internal:80"),
            Map.entry("http://leader.internal:8081/", "http://leader.internal:8081"),
            Map.entry("http://leader.internal:8081/base/", "http://leader.internal:8081/base"),
            Map.entry("HTTP://Leader.Internal/Base", "http://leader.internal:80/Base"),
            Map.entry("https://leader.internal", "https://leader.internal:443"),
            Map.entry("https://[::]:8443/a/b", "https://[::1]:8443/a/b"),
            Map.entry("h/a%2Fb", "http://h:80/a%2Fb"),
            Map.entry("h/a/%2e%2e/caf%E9%5C/", "http://h:80/a/%2e%2e/caf%E9%5C"),
            Map.entry("h/a//b", "http://h:80/a//b"),
            Map.entry("http://h:8081?x=1", "http://h:8081?x=1"),
            Map.entry("http://h:8081/?", "http://h:8081"),
            Map.entry(":8081/base/?x=1&y=%zz?", "http://127.0.0.1:8081/base?x=1&y=%zz?")));

    private static final Map<String, String> BAD = new TreeMap<>(Map.ofEntries(
            Map.entry("", "it is empty"),
            Map.entry(" ", "it contains white space or characters beyond ASCII"),
            Map.entry(" :8081", "it contains white space or characters beyond ASCII"),
            Map.entry("localhost:8081\n", "it contains white space or characters beyond ASCII"),
            Map.entry("not a url", "it contains white space or characters beyond ASCII"),
            Map.entry("bücher.example", "it contains white space or characters beyond ASCII"),
            Map.entry("h/\u007f", "it contains white space or characters beyond ASCII"),
            Map.entry("ftp://leader.internal", "its scheme must be http, https or h2c"),
            Map.entry("ws://leader.internal", "its scheme must be http, https or h2c"),
            Map.entry("//leader.internal://x", "its scheme must be http, https or h2c"),
            Map.entry("://leader.internal", "it is not a URL"),
            Map.entry("http://", "it has no host"),
            Map.entry("http:///base", "it has no host"),
            Map.entry("/base", "it has no host"),
            Map.entry("/", "it has no host"),
            Map.entry(":0", "its port is not between 1 and 65535"),
            Map.entry("0", "its port is not between 1 and 65535"),
            Map.entry(":99999", "its port is not between 1 and 65535"),
            Map.entry("99999", "its port is not between 1 and 65535"),
            Map.entry("leader.internal:", "its port is not between 1 and 65535"),
            Map.entry(":", "its port is not between 1 and 65535"),
            Map.entry(":99999999999", "its port is not between 1 and 65535"),
            Map.entry(":4294975377", "its port is not between 1 and 65535"),
            Map.entry(":-1", "it is not a URL"),
            Map.entry("leader.internal:http", "it is not a URL"),
            Map.entry("http://h:8081/#frag", "it contains a fragment"),
            Map.entry("#frag", "it contains a fragment"),
            Map.entry("::1", "it is not a URL"),
            Map.entry("[::1", "it is not a URL"),
            Map.entry("[leader]:8081", "it is not a URL"),
            Map.entry("[fe80::1%25eth0]:8081", "it is not a URL"),
            Map.entry("http://8081/", "its host must be a name, an IPv4 address, or an IPv6 address in brackets"),
            Map.entry("256.1.1.1", "its host must be a name, an IPv4 address, or an IPv6 address in brackets"),
            Map.entry("1.2.3:80", "its host must be a name, an IPv4 address, or an IPv6 address in brackets"),
            Map.entry("*:8081", "its host must be a name, an IPv4 address, or an IPv6 address in brackets"),
            Map.entry("a..b", "its host must be a name, an IPv4 address, or an IPv6 address in brackets"),
            Map.entry("-h:8081", "its host must be a name, an IPv4 address, or an IPv6 address in brackets"),
            Map.entry("h%20x:8081", "its host must be a name, an IPv4 address, or an IPv6 address in brackets"),
            Map.entry("http://http://h", "its base path begins with two slashes"),
            Map.entry("h//a", "its base path begins with two slashes"),
            Map.entry("http://h:8081/?x=1#frag", "it contains a fragment"),
            Map.entry("h/%zz", "it is not a URL")));

    @TestFactory
    Stream<DynamicTest> a_good_address_is_read_as_meant() {
        return GOOD.entrySet().stream()
                .map(entry -> DynamicTest.dynamicTest(
                        "'" + entry.getKey() + "'",
                        () -> assertThat(Upstream.parse(entry.getKey())).hasToString(entry.getValue())));
    }

    @TestFactory
    Stream<DynamicTest> what_is_read_is_written_so_that_it_is_read_again() {
        return GOOD.values().stream()
                .distinct()
                .map(address -> DynamicTest.dynamicTest(
                        address, () -> assertThat(Upstream.parse(address)).hasToString(address)));
    }

    @TestFactory
    Stream<DynamicTest> a_bad_address_is_refused_in_one_sentence() {
        return BAD.entrySet().stream()
                .map(
                        entry -> DynamicTest.dynamicTest(
                                "'" + entry.getKey().strip() + "'",
                                () -> assertThat(complaintAbout(entry.getKey()))
                                        .isEqualTo(
                                                "'" + entry.getKey() + "' is not an upstream address: "
                                                        + entry.getValue()
                                                        + ". Write :8081, 8081, leader.internal, leader.internal:8081, [::1]:8081,"
                                                        + " http://leader.internal:8081/base/, https://leader.internal or h2c://leader.internal:8081")));
    }

    private static String complaintAbout(String address) {
        try {
            return "none, it was read as " + Upstream.parse(address);
        } catch (IllegalArgumentException x) {
            return x.getMessage();
        }
    }

    @Test
    void a_password_is_not_repeated() {
        assertThat(complaintAbout("http://user:pw@h"))
                .startsWith("'http://...@h' is not an upstream address: it contains a user. Write :8081");
    }

    @Test
    void a_path_and_query_are_put_behind_the_base_path() {
        var upstream = Upstream.parse("leader.internal:8081/base/");

        assertThat(upstream.resolve("/x?a=1")).hasToString("http://leader.internal:8081/base/x?a=1");
        assertThat(upstream.resolve("?a=1")).hasToString("http://leader.internal:8081/base/?a=1");
        assertThat(upstream.resolve("*").getPathQuery()).isEqualTo("*");
    }

    @TestFactory
    Stream<DynamicTest> a_prefix_of_the_clients_is_stripped_before_the_base_path_is_put_there() {
        var upstream = Upstream.parse("leader.internal:8081/base/").strippingPrefix("/app/");
        return Stream.of(
                        "/app/x?a=/app -> /base/x?a=/app",
                        "/app -> /base/",
                        "/app/ -> /base/",
                        "/app?a=1 -> /base/?a=1",
                        "/app//x -> /base//x",
                        "/app/%2e%2e/x -> /base/%2e%2e/x",
                        "/apple/x -> /base/apple/x",
                        "/%61pp/x -> /base/%61pp/x",
                        "/x/app -> /base/x/app",
                        "* -> *")
                .map(row -> row.split(" -> "))
                .map(row -> DynamicTest.dynamicTest(
                        row[0],
                        () -> assertThat(upstream.resolve(row[0]).getPathQuery())
                                .isEqualTo(row[1])));
    }

    @TestFactory
    Stream<DynamicTest> a_prefix_that_is_no_path_is_refused_in_one_sentence() {
        return Stream.of("", "/", "app", "/a?b", "/a b", "//")
                .map(prefix -> DynamicTest.dynamicTest(
                        "'" + prefix + "'",
                        () -> assertThatIllegalArgumentException()
                                .isThrownBy(() -> Upstream.parse(":8081").strippingPrefix(prefix))
                                .withMessage("A prefix to strip must be a path such as /app, not '" + prefix + "'")));
    }

    @Test
    void what_would_break_a_request_line_is_not_sent() {
        assertThat(UrlNormalizingProxy.isSendable("/a?b c")).isFalse();
        assertThat(UrlNormalizingProxy.isSendable("/a\tb")).isFalse();
        assertThat(UrlNormalizingProxy.isSendable("/a\u007fb")).isFalse();
        assertThat(UrlNormalizingProxy.isSendable("/a{b}|\u00e9?%zz")).isTrue();
    }

    @Test
    void an_address_that_was_never_set_is_refused_like_the_others() {
        assertThat(complaintAbout(null)).startsWith("null is not an upstream address: it is empty. Write :8081");
    }

    @Test
    void an_upstream_made_of_parts_is_checked_too() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Upstream("http", "leader.internal", 8081, "/base/", "", ""))
                .withMessage("its base path does not begin with a slash, or ends with one");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Upstream("http", "leader.internal", 8081, "", "x=1#y", ""))
                .withMessage("its query contains a fragment or white space");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Upstream("http", "leader.internal", 8081, "", "", "app"))
                .withMessage("its prefix does not begin with a slash, or ends with one");
    }
}
