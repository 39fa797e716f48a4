//! What every provider over HTTP does, as tests that every provider runs: see
//! [`provider_conformance!`](crate::provider_conformance!).
//!
//! A scenario is told in the words of no wire ([`Say`]). The provider under test brings a
//! [`Dialect`] that writes them as its wire's bytes, and makes a provider for an address; a
//! [`ScriptedUpstream`](crate::ScriptedUpstream) there plays the bytes over a real socket. So the
//! whole way from the socket to the port's events is tested, and nothing of how it is built is known
//! here.
//!
//! What a wire has no words for, its dialect declares with the reason. A scenario that turns out to
//! be inexpressible and is not declared fails, and so does one that is declared and runs: nothing is
//! left out in silence.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a scenario is a test: it panics where the provider is wrong, and `Verdict` is told once"
)]

mod answers;
mod cancellation;
mod chat_completions;
mod connections;
mod cuts;
mod dialect;
mod faults;
mod framing;
mod hear;
mod retries;
mod secrets;
mod text;
mod timers;

pub use chat_completions::ChatCompletionsPen;
pub use dialect::{
    Dialect, Endpoint, Inexpressible, Json, Patience, Pen, Say, UpstreamFault, Verdict, settle,
};

/// Runs the conformance suite on a provider: expands to one `#[tokio::test]` per scenario, so that
/// no provider can forget one, and to one test that what the dialect declares to be inexpressible
/// are scenarios.
///
/// `$dialect` is an expression that yields a [`Dialect`]; it is evaluated anew for each scenario.
/// The calling crate needs tokio with its `macros` and `rt` features. A scenario takes milliseconds,
/// and the slowest two seconds: they wait for what has to be seen not to happen, and play hundreds
/// of answers.
#[macro_export]
macro_rules! provider_conformance {
    ($dialect:expr) => {
        $crate::provider_conformance!(@each tests ($dialect));
    };
    (@tests ($dialect:expr) $($scenario:ident)+) => {
        $(
            #[tokio::test]
            async fn $scenario() {
                let dialect = $dialect;
                let verdict = $crate::provider_conformance::$scenario(&dialect).await;
                $crate::provider_conformance::settle(&dialect, stringify!($scenario), verdict);
            }
        )+

        #[test]
        fn only_scenarios_are_declared_to_be_inexpressible() {
            let scenarios = [$(stringify!($scenario)),+];
            for (declared, reason) in
                $crate::provider_conformance::Dialect::inexpressible(&$dialect)
            {
                assert!(scenarios.contains(declared), "{declared} is no scenario");
                assert!(!reason.is_empty(), "{declared} has no reason");
            }
        }
    };
    // The suite's own module exports by the same list. A scenario that is missing here is dead
    // code, and does not compile.
    (@exports () $($scenario:ident)+) => {
        pub use scenarios::{$($scenario,)+};
    };
    // Hands the list to another macro, which has something else to do with every scenario.
    (@with ($callback:ident) $($scenario:ident)+) => {
        $callback! { $($scenario)+ }
    };
    (@each $use:ident $arguments:tt) => {
        $crate::provider_conformance!(@$use $arguments
            the_model_and_the_conversation_are_sent
            an_answer_is_its_text_its_reason_to_stop_and_its_usage
            an_answer_may_be_empty
            thoughts_come_before_what_is_said
            a_summary_of_thoughts_comes_in_parts
            a_seal_ends_the_thoughts_that_it_seals
            a_refusal_is_told_apart_from_an_answer
            a_call_is_told_from_its_name_to_its_last_argument
            calls_of_one_answer_are_told_apart
            every_reason_to_stop_arrives
            the_first_reason_to_stop_counts
            nothing_follows_the_reason_to_stop
            an_end_without_a_reason_to_stop_completes_nothing
            the_parts_of_usage_are_disjoint
            usage_is_told_although_nothing_says_that_all_is_said
            what_a_cut_answer_has_used_is_not_lost
            ten_thousand_empty_deltas_are_no_events
            text_cannot_forge_an_event
            separators_of_unicode_end_no_line
            a_character_split_over_two_deltas_is_put_together
            half_a_character_becomes_a_replacement_character
            nul_and_bytes_that_are_no_text_become_replacement_characters
            a_character_cut_at_each_of_its_bytes_stays_whole
            every_end_of_a_line_is_one
            a_mark_comments_and_unknown_events_are_passed_over
            a_field_may_come_without_a_space
            data_on_several_lines_is_one_event
            half_an_event_at_the_end_does_not_count
            however_an_answer_is_cut_up_it_is_the_same
            every_byte_in_a_packet_of_its_own_gives_the_same_answer
            an_event_that_is_none_of_the_wires_ends_the_answer
            an_event_that_breaks_the_protocol_first_is_not_asked_for_again
            a_line_of_ten_megabytes_is_refused
            an_event_of_many_lines_is_refused_when_it_is_too_large
            an_error_in_the_middle_is_told_by_its_kind
            a_document_instead_of_a_stream_breaks_the_protocol
            an_error_s_body_without_an_end_is_not_read_to_its_end
            a_cut_at_any_byte_gives_a_prefix_and_no_false_completion
            an_answer_that_ends_with_its_connection_is_treated_alike
            a_reset_in_the_middle_is_a_broken_connection
            a_body_shorter_than_announced_is_a_broken_connection
            a_passing_fault_is_tried_again_and_the_answer_comes_once
            a_lasting_fault_is_given_up_after_two_further_tries
            a_refusal_is_not_tried_again
            a_status_that_no_wire_has_breaks_the_protocol
            a_try_that_would_come_too_late_is_not_made
            without_retries_the_first_fault_counts
            tries_before_and_after_acceptance_are_counted_together
            a_prompt_that_is_too_long_is_told_apart
            a_wish_to_wait_is_granted
            a_wish_to_wait_too_long_is_passed_on_at_once
            an_answer_that_breaks_before_its_first_piece_is_asked_for_again
            an_answer_that_has_begun_is_never_asked_for_again
            an_unreachable_endpoint_is_unavailable
            a_host_without_an_address_is_unavailable
            a_handshake_that_fails_is_unavailable
            a_kept_connection_that_was_closed_meanwhile_is_replaced
            answers_that_are_read_to_their_end_share_a_connection
            an_end_that_comes_a_little_late_is_waited_for
            an_end_that_never_comes_is_not_waited_for
            answers_at_once_do_not_wait_for_one_another
            silence_before_the_head_ends_with_the_time_for_the_first_piece
            silence_after_the_head_ends_with_the_time_for_the_first_piece
            silence_in_the_middle_ends_with_the_idle_time
            silence_after_the_last_word_takes_nothing_away
            signs_of_life_do_not_buy_time_for_the_first_piece
            a_flood_of_nothing_does_not_buy_time_either
            whatever_arrives_in_the_middle_is_a_sign_of_life
            the_time_for_the_first_piece_does_not_cut_what_follows
            a_connection_that_is_not_accepted_has_a_time_of_its_own
            the_time_that_the_reader_takes_is_not_the_provider_s
            a_piece_is_told_while_the_next_is_held_back
            a_reader_that_stops_reading_stops_the_endpoint
            leaving_while_it_connects_frees_the_endpoint
            leaving_while_it_waits_for_the_head_frees_the_endpoint
            leaving_while_it_waits_for_the_first_piece_frees_the_endpoint
            leaving_without_reading_frees_the_endpoint
            leaving_in_the_middle_frees_the_endpoint
            leaving_after_the_last_word_frees_the_endpoint
            leaving_with_much_unread_frees_the_endpoint
            leaving_before_another_try_ends_all_asking
            the_key_goes_to_its_endpoint
            a_redirect_is_refused_and_its_target_sees_nothing
            neither_key_nor_question_nor_the_endpoint_s_words_are_in_an_error
        );
    };
}

/// Every scenario, whatever part of the suite it is in.
mod scenarios {
    pub use super::{
        answers::*, cancellation::*, connections::*, cuts::*, faults::*, framing::*, retries::*,
        secrets::*, text::*, timers::*,
    };
}

provider_conformance!(@each exports ());
