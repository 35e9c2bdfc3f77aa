package pitfalls.lab;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import pitfalls.step01.MinimalContract;
import pitfalls.step02.ErrorsContract;
import pitfalls.step03.UrlContract;
import pitfalls.step04.RetriesContract;
import pitfalls.step05.HopsContract;
import pitfalls.step06.DirectorContract;
import pitfalls.step07.ClientLeavesContract;
import pitfalls.step07.StreamingContract;
import pitfalls.step07.UpgradeContract;
import pitfalls.support.LoopbackTest;

/** The scenes that the lab shows: the headlines of each lesson, and of its fine print what is best looked at. */
final class Scenes {
    private static final List<Scene> ALL = List.of(
            minimal(
                    "a_cookie_is_passed_on_and_never_kept",
                    "Alice logs in, then Bob asks for something. Whose cookie comes with Bob's request?"),
            minimal(
                    "a_Host_field_never_picks_the_upstream",
                    "A client writes the address of another server into Host. Where does its request go?"),
            errors(
                    "a_refused_connection_becomes_a_502_that_says_so",
                    "",
                    "Nobody listens at the upstream's address. What does a client that asked for JSON have to read?"),
            errors(
                    "an_upstream_that_does_not_answer_is_told_apart",
                    "by FIN before its body",
                    "The upstream promises a body, and ends the connection instead. Who is blamed, and for what?"),
            errors(
                    "a_truncated_response_looks_truncated",
                    "to HTTP/1.1 Connection: close",
                    "Half of a response has passed when the upstream dies. Can the client tell that the other half is missing?"),
            errors(
                    "nothing_of_a_response_that_died_survives_in_the_error",
                    "",
                    "The upstream sends the head of a compressed response with a cookie, and dies. What of it is on the error?"),
            errors(
                    "a_broken_upload_is_the_fault_of_the_client",
                    "by a bad chunk",
                    "A client sends a chunk that is none. Is that the client's mistake, or the upstream's?"),
            errors(
                    "an_upload_that_stops_is_the_fault_of_the_client",
                    "",
                    "A client stops in the middle of its upload, and stays. Which status does it get?"),
            errors(
                    "a_connect_timeout_is_a_504",
                    "",
                    "The upstream is so busy that it accepts nobody. Is that a bad answer, or none in time?"),
            errors(
                    "a_response_with_fields_of_20_kB_is_a_502",
                    "",
                    "The upstream sends a header that is longer than the proxy takes. What does the client get?"),
            urls(
                    "an_address_as_operators_write_it_reaches_the_upstream",
                    "localhost:PORT",
                    "The operator has written localhost:8081, without a scheme. Where does a request go?"),
            urls(
                    "the_URL_of_the_client_survives_byte_for_byte",
                    "/{id}",
                    "A client asks for a path with braces. What does the upstream see of it?"),
            urls(
                    "OPTIONS_of_the_whole_server_is_passed_on_as_such",
                    "",
                    "A client asks what the server as a whole can do: OPTIONS *. What is the upstream asked?"),
            urls(
                    "CONNECT_is_refused_and_reaches_nobody",
                    "",
                    "A client asks the reverse proxy for a tunnel to somewhere. Who gets to see that?"),
            urls("a_method_keeps_its_case", "", "A method is case-sensitive. Does it arrive as the client wrote it?"),
            retries(
                    "a_dropped_connection_costs_a_GET_nothing",
                    "",
                    "A GET arrives just as the upstream closes. Nothing was answered, and the request is safe to send again. Who pays?"),
            retries(
                    "the_attempts_come_to_an_end",
                    "",
                    "The upstream drops every connection. How often is it asked, and what does the client get in the end?"),
            retries(
                    "if_nothing_was_sent_every_method_is_tried_again",
                    "POST",
                    "The upstream refuses the connection, and is up a moment later. May a POST be tried again?"),
            retries(
                    "a_body_is_sent_again_byte_for_byte_up_to_the_limit",
                    "99 bytes with a length",
                    "A PUT's connection drops when its body has been sent. Where does the second attempt get the body from?"),
            retries(
                    "an_Idempotency_Key_permits_it_if_the_policy_consents",
                    "POST with key and consent: 2",
                    "A POST with an Idempotency-Key is dropped. May the proxy send it again?"),
            retries(
                    "an_upload_goes_on_in_the_next_attempt_where_the_client_had_come_to",
                    "",
                    "The connection drops in the middle of an upload. Does the client have to begin again?"),
            hops(
                    "a_proxy_that_forwards_to_itself_ends_after_one_extra_hop",
                    "by Via",
                    "A mistake in the configuration: the proxy's upstream is the proxy. One request comes. How many are there?"),
            hops(
                    "a_ring_of_two_proxies_ends_where_it_closes",
                    "by Via",
                    "Two proxies take each other for the upstream. How many rounds does a request make?"),
            hops(
                    "a_client_cannot_erase_the_mark",
                    "by a marker",
                    "A client names the proxy's own mark in Connection, so that it is left out. Is the loop still found?"),
            hops(
                    "a_field_that_the_upstream_names_in_Connection_ends_here",
                    "",
                    "The upstream says in Connection which headers are meant for the proxy alone. Who gets them?"),
            hops(
                    "OPTIONS_with_no_forwards_left_is_answered_here",
                    "",
                    "A client says with Max-Forwards: 0 that the first hop should answer. Who does?"),
            hops(
                    "a_transfer_coding_that_would_be_lost_on_this_hop_is_a_501",
                    "gzip, chunked",
                    "A body is compressed for this hop, and the proxy does not uncompress it. What does the upstream get?"),
            director(
                    "each_request_goes_to_the_upstream_that_the_director_chooses",
                    "",
                    "Two tenants have an upstream each. Which one gets whose request?"),
            director(
                    "Host_is_the_authority_of_the_upstream",
                    "",
                    "The upstream serves many sites, and looks at Host. Which name does it read?"),
            director(
                    "no_upstream_known_is_a_503_and_nothing_is_sent",
                    "",
                    "A cluster has no leader at the moment. What does the client get, and where is its request sent?"),
            director(
                    "what_a_client_says_of_itself_is_replaced_by_what_the_proxy_sees",
                    "",
                    "A client claims in X-Forwarded-For to be 6.6.6.6. Which address does the upstream read?"),
            director(
                    "a_location_that_names_the_upstream_is_mapped_to_the_client",
                    "UP  //UP/x  //www.example.com/x",
                    "The upstream redirects to itself, by the address that only the proxy can reach. Where is the client sent?"),
            director(
                    "nothing_is_added_that_the_client_did_not_send",
                    "",
                    "A client sends no User-Agent. How many does the upstream get?"),
            streaming(
                    "the_head_of_a_response_does_not_wait_for_its_body",
                    "",
                    "The upstream opens an event stream at once, and has no event yet. When does the client know that it is connected?"),
            streaming(
                    "a_stream_may_be_quiet_for_longer_than_a_response_may_take",
                    "",
                    "A stream is quiet for a while, for longer than a response may take to begin. Is it still there after that?"),
            leaves(
                    "a_client_that_leaves_frees_the_upstream",
                    "",
                    "A client asks for something that takes long, and leaves. For how long does the upstream work for nobody?"),
            upgrade(
                    "bytes_pass_in_both_directions",
                    "",
                    "A client asks to speak another protocol on the connection, as WebSockets do. Does the upstream hear of it?"),
            streaming(
                    "trailers_of_a_response_arrive",
                    "announced",
                    "The upstream sends a checksum behind the body, in a trailer. Does it arrive?"),
            streaming(
                    "an_interim_response_is_passed_on_once",
                    "104",
                    "The upstream sends an interim response that Jetty does not know, before the real one. What arrives?"),
            streaming(
                    "a_body_that_the_client_holds_back_is_asked_for_by_the_upstream",
                    "",
                    "A client sends Expect: 100-continue, and holds its body back until it is asked for. Who asks?"),
            streaming(
                    "a_length_that_the_upstream_does_not_tell_is_not_made_up",
                    "HEAD 200",
                    "The upstream answers HEAD without saying how long the body would be. What does the client read?"),
            upgrade(
                    "the_end_of_the_clients_bytes_passes_alone",
                    "",
                    "On an upgraded connection the client has said all it has to say. Can the upstream still answer?"));

    private Scenes() {}

    static List<Scene> all() {
        return ALL;
    }

    /** The scene of that name. */
    static Optional<Scene> find(String id) {
        return ALL.stream().filter(scene -> scene.id().equals(id)).findFirst();
    }

    /** One for each step: that of the picture in its README. */
    static Stream<Scene> pictured() {
        return Stream.of(
                        "a_Host_field_never_picks_the_upstream",
                        "an_upstream_that_does_not_answer_is_told_apart/by-FIN-before-its-body",
                        "an_address_as_operators_write_it_reaches_the_upstream/localhost-PORT",
                        "a_dropped_connection_costs_a_GET_nothing",
                        "a_client_cannot_erase_the_mark/by-a-marker",
                        "what_a_client_says_of_itself_is_replaced_by_what_the_proxy_sees",
                        "the_head_of_a_response_does_not_wait_for_its_body")
                .map(id -> find(id).orElseThrow());
    }

    private static Scene minimal(String test, String question) {
        return new Scene(1, MinimalContract.class, test, "", question);
    }

    private static Scene errors(String test, String row, String question) {
        return new Scene(2, ErrorsContract.class, test, row, question);
    }

    private static Scene urls(String test, String row, String question) {
        return new Scene(3, UrlContract.class, test, row, question);
    }

    private static Scene retries(String test, String row, String question) {
        return new Scene(4, RetriesContract.class, test, row, question);
    }

    private static Scene hops(String test, String row, String question) {
        return new Scene(5, HopsContract.class, test, row, question);
    }

    private static Scene director(String test, String row, String question) {
        return new Scene(6, DirectorContract.class, test, row, question);
    }

    private static Scene streaming(String test, String row, String question) {
        return of7(StreamingContract.class, test, row, question);
    }

    private static Scene leaves(String test, String row, String question) {
        return of7(ClientLeavesContract.class, test, row, question);
    }

    private static Scene upgrade(String test, String row, String question) {
        return of7(UpgradeContract.class, test, row, question);
    }

    private static Scene of7(Class<? extends LoopbackTest> contract, String test, String row, String question) {
        return new Scene(7, contract, test, row, question);
    }
}
