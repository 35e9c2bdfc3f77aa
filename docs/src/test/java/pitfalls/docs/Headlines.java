package pitfalls.docs;

import java.util.Map;

/** What the failure of a headline says when its step has not begun: what was looked at, and what was seen there. */
final class Headlines {
    private Headlines() {}

    private static final Map<String, String> SAY = Map.ofEntries(
            // 1
            Map.entry(
                    "path_and_query_arrive_byte_for_byte",
                    "[the status that the client got of the upstream's 200] expected: 200 but was: 404"),
            Map.entry(
                    "the_base_path_of_the_target_is_joined_with_exactly_one_slash",
                    "[the status that the client got of the upstream's 200] expected: 200 but was: 404"),
            Map.entry(
                    "every_method_is_forwarded",
                    "[the status that the client got of the upstream's 200] expected: 200 but was: 404"),
            Map.entry(
                    "a_Host_field_never_picks_the_upstream",
                    "[the status that the client got of the upstream's 200] expected: 200 but was: 404"),
            // 2
            Map.entry(
                    "a_refused_connection_becomes_a_502_that_says_so",
                    "[the Content-Type of the error] Expecting actual: [\"text/html;charset=iso-8859-1\"]"),
            Map.entry(
                    "an_error_is_one_line_in_the_log_with_its_cause_and_method_and_path_and_upstream",
                    "[the lines in the log of the proxy] Expected size: 1 but was: 0"),
            Map.entry(
                    "an_upstream_that_does_not_answer_is_told_apart",
                    "[the status of the error, and what Proxy-Status says of its cause] expected: [50"),
            // 3
            Map.entry(
                    "an_address_as_operators_write_it_reaches_the_upstream",
                    "[the status that the client got of the upstream's 200] expected: 200 but was: 500"),
            Map.entry(
                    "an_address_that_is_none_is_refused_at_construction",
                    "[what the constructor says] Expecting code to raise a throwable."),
            Map.entry(
                    "the_URL_of_the_client_survives_byte_for_byte",
                    "[the status, and the target that the upstream has seen] Expecting actual: ["),
            // 4
            Map.entry(
                    "a_dropped_connection_costs_a_GET_nothing",
                    "[the status of a GET whose first connection dropped] expected: 200 but was: 502"),
            Map.entry(
                    "the_attempts_come_to_an_end",
                    "[how often a policy of 4 attempts has asked the upstream] expected: 4 but was: 1"),
            Map.entry(
                    "if_nothing_was_sent_every_method_is_tried_again",
                    "[the answer of an upstream that was refusing at first] Expecting actual: \"HTTP/1.1 502 "),
            // 5
            Map.entry(
                    "a_proxy_that_forwards_to_itself_ends_after_one_extra_hop",
                    "[the status of a request that came back] expected: 508 but was: 500"),
            Map.entry(
                    "a_ring_of_two_proxies_ends_where_it_closes",
                    "[the status of a request that came back] expected: 508 but was: 500"),
            Map.entry(
                    "a_client_cannot_erase_the_mark",
                    "[the status of a request that came back] expected: 508 but was: 500"),
            // 6
            Map.entry(
                    "each_request_goes_to_the_upstream_that_the_director_chooses",
                    "[who answered the two requests] Expecting actual: [\"{\"title\":\"Bad Gateway\""),
            Map.entry(
                    "Host_is_the_authority_of_the_upstream",
                    "[the status that the client got of the chosen upstream's 200] expected: 200 but was: 502"),
            Map.entry(
                    "no_upstream_known_is_a_503_and_nothing_is_sent",
                    "[the status of a request without an upstream] expected: 503 but was: 502"),
            Map.entry(
                    "what_a_client_says_of_itself_is_replaced_by_what_the_proxy_sees",
                    "[the status that the client got of the chosen upstream's 200] expected: 200 but was: 502"),
            // 7
            Map.entry(
                    "the_head_of_a_response_does_not_wait_for_its_body",
                    "[whether the client waits for the head of a response that has no body yet]"
                            + " Expecting value to be false but was true"),
            Map.entry(
                    "a_stream_may_be_quiet_for_longer_than_a_response_may_take",
                    "[whether a stream that was quiet for a while came to its end]"
                            + " Expecting value to be true but was false"),
            Map.entry(
                    "open_streams_do_not_block_other_requests",
                    "[whether stream 65 waits for another to end] Expecting value to be false but was true"),
            Map.entry(
                    "a_client_that_leaves_frees_the_upstream",
                    "[this should have happened by now: the upstream's connection has ended]"
                            + " Expecting value to be true but was false"),
            Map.entry(
                    "bytes_pass_in_both_directions",
                    "[the protocol that the client is told to speak now] Expecting actual: []"));

    /** What it says on the proxy of the step before. */
    static String say(String method) {
        if (!SAY.containsKey(method)) throw new IllegalArgumentException(method + " is no headline with a reason");
        return SAY.get(method);
    }

    /** What it looks at on any proxy. */
    static String lookAt(String method) {
        return say(method).replaceFirst("].*", "]");
    }
}
