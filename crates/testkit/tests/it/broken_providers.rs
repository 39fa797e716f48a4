//! A scenario for providers is worth what it finds: each is seen to fail with a fault.

#![expect(clippy::expect_used, reason = "helpers of tests are tests too")]

mod faulty;
mod naive;

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use loquat_testkit::provider_conformance::Dialect;

use faulty::Faulty;
use naive::Naive;

/// What is wrong with a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is written like the first that anybody writes: see [`Naive`].
    IsNaive,
    /// It asks without what was said.
    AsksSomethingElse,
    /// It has no key.
    SendsNoKey,
    /// Whoever asked does not learn what was used.
    ForgetsTheTrail,
    /// No usage is told.
    TellsNoUsage,
    /// What was cached is not in the total.
    CountsCachedApart,
    /// An answer without a word is an error.
    RefusesEmptyAnswers,
    /// Thoughts and refusals are told as text.
    SaysEverything,
    /// The last piece of a call's arguments is missing.
    LosesArguments,
    /// All calls have the same number.
    MixesCalls,
    /// Every answer ends well.
    AlwaysDone,
    /// An answer that breaks off ends well.
    InventsTheEnd,
    /// An error is the end.
    SwallowsErrors,
    /// All errors are one.
    ConfusesErrors,
    /// An answer that is whole ends with an error.
    FailsAtTheEnd,
    /// Nothing is tried again.
    NeverTriesAgain,
    /// Everything is tried again, at once.
    TriesEverythingAgain,
    /// An answer that breaks off is begun anew.
    TriesAgainInTheMiddle,
    /// The connection is dropped with the reason to stop.
    LeavesEarly,
    /// The end comes long after all was said.
    Dawdles,
    /// One answer waits for the other.
    OneAtATime,
    /// Pieces are collected.
    Buffers,
    /// The answer goes on in the background, whether it is read or not.
    IsDetached,
    /// Only pieces count as signs of life.
    CountsOnlyPieces,
    /// A whole answer has as much time as its first piece.
    HasOneTimer,
    /// The time that the reader takes counts as silence.
    BlamesTheReader,
}

/// For each scenario of the suite a fault that it must find. One that is missing here does not
/// compile; neither does one that is no scenario.
macro_rules! found {
    ($($scenario:ident: $fault:ident,)+) => {$(
        pub(super) const fn $scenario() -> super::Fault {
            super::Fault::$fault
        }
    )+};
}

mod faults {
    found! {
        the_model_and_the_conversation_are_sent: AsksSomethingElse,
        an_answer_is_its_text_its_reason_to_stop_and_its_usage: TellsNoUsage,
        an_answer_may_be_empty: RefusesEmptyAnswers,
        thoughts_come_before_what_is_said: SaysEverything,
        a_summary_of_thoughts_comes_in_parts: IsNaive,
        a_seal_ends_the_thoughts_that_it_seals: IsNaive,
        a_refusal_is_told_apart_from_an_answer: SaysEverything,
        a_call_is_told_from_its_name_to_its_last_argument: LosesArguments,
        calls_of_one_answer_are_told_apart: MixesCalls,
        every_reason_to_stop_arrives: AlwaysDone,
        the_first_reason_to_stop_counts: IsNaive,
        nothing_follows_the_reason_to_stop: IsNaive,
        an_end_without_a_reason_to_stop_completes_nothing: InventsTheEnd,
        the_parts_of_usage_are_disjoint: CountsCachedApart,
        usage_is_told_although_nothing_says_that_all_is_said: TellsNoUsage,
        what_a_cut_answer_has_used_is_not_lost: ForgetsTheTrail,
        ten_thousand_empty_deltas_are_no_events: IsNaive,
        text_cannot_forge_an_event: IsNaive,
        separators_of_unicode_end_no_line: IsNaive,
        a_character_split_over_two_deltas_is_put_together: IsNaive,
        half_a_character_becomes_a_replacement_character: IsNaive,
        nul_and_bytes_that_are_no_text_become_replacement_characters: IsNaive,
        a_character_cut_at_each_of_its_bytes_stays_whole: IsNaive,
        every_end_of_a_line_is_one: IsNaive,
        a_mark_comments_and_unknown_events_are_passed_over: IsNaive,
        a_field_may_come_without_a_space: IsNaive,
        data_on_several_lines_is_one_event: IsNaive,
        half_an_event_at_the_end_does_not_count: IsNaive,
        however_an_answer_is_cut_up_it_is_the_same: IsNaive,
        every_byte_in_a_packet_of_its_own_gives_the_same_answer: IsNaive,
        an_event_that_is_none_of_the_wires_ends_the_answer: SwallowsErrors,
        an_event_that_breaks_the_protocol_first_is_not_asked_for_again: TriesEverythingAgain,
        a_line_of_ten_megabytes_is_refused: IsNaive,
        an_event_of_many_lines_is_refused_when_it_is_too_large: IsNaive,
        an_error_in_the_middle_is_told_by_its_kind: ConfusesErrors,
        a_document_instead_of_a_stream_breaks_the_protocol: IsNaive,
        an_error_s_body_without_an_end_is_not_read_to_its_end: IsNaive,
        a_cut_at_any_byte_gives_a_prefix_and_no_false_completion: InventsTheEnd,
        an_answer_that_ends_with_its_connection_is_treated_alike: InventsTheEnd,
        a_reset_in_the_middle_is_a_broken_connection: SwallowsErrors,
        a_body_shorter_than_announced_is_a_broken_connection: SwallowsErrors,
        a_passing_fault_is_tried_again_and_the_answer_comes_once: NeverTriesAgain,
        a_lasting_fault_is_given_up_after_two_further_tries: TriesEverythingAgain,
        a_refusal_is_not_tried_again: TriesEverythingAgain,
        a_status_that_no_wire_has_breaks_the_protocol: TriesEverythingAgain,
        a_try_that_would_come_too_late_is_not_made: TriesEverythingAgain,
        without_retries_the_first_fault_counts: TriesEverythingAgain,
        tries_before_and_after_acceptance_are_counted_together: TriesEverythingAgain,
        a_prompt_that_is_too_long_is_told_apart: ConfusesErrors,
        a_wish_to_wait_is_granted: TriesEverythingAgain,
        a_wish_to_wait_too_long_is_passed_on_at_once: TriesEverythingAgain,
        an_answer_that_breaks_before_its_first_piece_is_asked_for_again: NeverTriesAgain,
        an_answer_that_has_begun_is_never_asked_for_again: TriesAgainInTheMiddle,
        an_unreachable_endpoint_is_unavailable: ConfusesErrors,
        a_host_without_an_address_is_unavailable: ConfusesErrors,
        a_handshake_that_fails_is_unavailable: ConfusesErrors,
        a_kept_connection_that_was_closed_meanwhile_is_replaced: NeverTriesAgain,
        answers_that_are_read_to_their_end_share_a_connection: LeavesEarly,
        an_end_that_comes_a_little_late_is_waited_for: LeavesEarly,
        an_end_that_never_comes_is_not_waited_for: Dawdles,
        answers_at_once_do_not_wait_for_one_another: OneAtATime,
        silence_before_the_head_ends_with_the_time_for_the_first_piece: TriesEverythingAgain,
        silence_after_the_head_ends_with_the_time_for_the_first_piece: TriesEverythingAgain,
        silence_in_the_middle_ends_with_the_idle_time: SwallowsErrors,
        silence_after_the_last_word_takes_nothing_away: FailsAtTheEnd,
        signs_of_life_do_not_buy_time_for_the_first_piece: TriesEverythingAgain,
        a_flood_of_nothing_does_not_buy_time_either: ConfusesErrors,
        whatever_arrives_in_the_middle_is_a_sign_of_life: CountsOnlyPieces,
        the_time_for_the_first_piece_does_not_cut_what_follows: HasOneTimer,
        a_connection_that_is_not_accepted_has_a_time_of_its_own: ConfusesErrors,
        the_time_that_the_reader_takes_is_not_the_provider_s: BlamesTheReader,
        a_piece_is_told_while_the_next_is_held_back: Buffers,
        a_reader_that_stops_reading_stops_the_endpoint: Buffers,
        leaving_while_it_connects_frees_the_endpoint: IsDetached,
        leaving_while_it_waits_for_the_head_frees_the_endpoint: IsDetached,
        leaving_while_it_waits_for_the_first_piece_frees_the_endpoint: IsDetached,
        leaving_without_reading_frees_the_endpoint: IsDetached,
        leaving_in_the_middle_frees_the_endpoint: IsDetached,
        leaving_after_the_last_word_frees_the_endpoint: IsDetached,
        leaving_with_much_unread_frees_the_endpoint: IsDetached,
        leaving_before_another_try_ends_all_asking: IsDetached,
        the_key_goes_to_its_endpoint: SendsNoKey,
        a_redirect_is_refused_and_its_target_sees_nothing: IsNaive,
        neither_key_nor_question_nor_the_endpoint_s_words_are_in_an_error: IsNaive,
    }
}

/// The dialect whose providers have this fault.
fn dialect(fault: Fault) -> Box<dyn Dialect> {
    match fault {
        Fault::IsNaive => Box::new(Naive),
        fault => Box::new(Faulty(fault)),
    }
}

macro_rules! seen_to_fail {
    ($($scenario:ident)+) => {$(
        #[tokio::test]
        async fn $scenario() {
            let fault = faults::$scenario();
            let dialect = dialect(fault);
            let scenario = loquat_testkit::provider_conformance::$scenario(&*dialect);
            let outcome = AssertUnwindSafe(scenario).catch_unwind().await;
            assert!(outcome.is_err(), "the suite did not notice: {fault:?}");
        }
    )+};
}

loquat_testkit::provider_conformance!(@each with (seen_to_fail));
