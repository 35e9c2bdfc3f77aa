package pitfalls.minikv;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import pitfalls.step03.Upstream;

/**
 * A node of the cluster, as all nodes know it.
 *
 * @param id its name: letters and digits
 * @param http where it serves clients, and the other nodes when they forward
 * @param raft where the other nodes' Raft reaches it
 */
record Member(String id, HostPort http, HostPort raft) {

    /**
     * An address of a node's own.
     *
     * @param host a name, an IPv4 address, or an IPv6 address in brackets
     * @param port 1 to 65535
     */
    record HostPort(String host, int port) {

        static HostPort parse(String address, String member) {
            try {
                if (address.matches(".*:[0-9]+") && !address.contains("/")) {
                    Upstream checked = Upstream.parse(address);
                    return new HostPort(checked.host(), checked.port());
                }
            } catch (IllegalArgumentException x) {
                // told below
            }
            throw bad(member, "'" + address + "' is not a host and a port");
        }

        @Override
        public String toString() {
            return host + ":" + port;
        }
    }

    /**
     * Reads the list of all members.
     *
     * @param list {@code 1=HOST:PORT/HOST:PORT} for each of them, with commas between: its name, where it serves HTTP, and where Raft
     *     reaches it
     * @throws IllegalArgumentException if it is none, in one sentence
     */
    static List<Member> parseAll(String list) {
        List<Member> members = new ArrayList<>();
        Set<String> used = new HashSet<>();
        for (String text : list.split(",", -1)) {
            Member member = parse(text.strip());
            members.add(member);
            for (String part : List.of(member.id, member.http.toString(), member.raft.toString())) {
                if (!used.add(part)) throw bad(text.strip(), "'" + part + "' was there before");
            }
        }
        return members;
    }

    private static Member parse(String text) {
        String[] parts = text.split("[=/]", -1);
        if (parts.length != 3) throw bad(text, "it has " + parts.length + (parts.length == 1 ? " part" : " parts"));
        if (!parts[0].matches("[A-Za-z0-9]{1,20}")) throw bad(text, "'" + parts[0] + "' is not a name");
        return new Member(parts[0], HostPort.parse(parts[1], text), HostPort.parse(parts[2], text));
    }

    private static IllegalArgumentException bad(String text, String why) {
        return new IllegalArgumentException("'" + text + "' is not a member: " + why
                + ". Write a name, where it serves HTTP and where Raft reaches it, such as"
                + " 1=10.0.0.1:8080/10.0.0.1:9080, with commas between members.");
    }
}
