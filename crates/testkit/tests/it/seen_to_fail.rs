//! A scenario is worth what it finds: each is seen to fail against a store with a fault.

mod broken_store;

use std::panic::AssertUnwindSafe;

use broken_store::{BrokenStore, Fault};
use futures::FutureExt as _;

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
        a_conversation_does_not_exist_for_a_stranger: ForgetsUsers,
        a_turn_does_not_exist_for_a_stranger: ForgetsTenants,
        an_implicit_conversation_does_not_exist_for_a_stranger: ForgetsUsers,
        a_stranger_cannot_checkpoint_a_turn: ForgetsUsers,
        a_cursor_of_a_stranger_is_no_cursor: StartsOver,
        two_tenants_may_use_the_same_ids: ForgetsTenants,
        an_item_belongs_to_one_conversation: LooksItemsUpAnywhere,
        a_conversation_comes_back_as_it_was_made: ForgetsTitles,
        an_update_changes_only_what_it_names: UpdatesEverything,
        an_implicit_conversation_does_not_exist_for_people: ListsImplicitConversations,
        creating_with_a_taken_id_is_a_conflict_and_leaves_nothing: AcceptsConflicts,
        appending_a_taken_id_is_a_conflict_and_appends_nothing: AcceptsConflicts,
        a_turn_with_a_taken_id_is_a_conflict_and_leaves_nothing: AcceptsConflicts,
        an_output_with_a_taken_id_is_a_conflict_and_the_turn_goes_on: AcceptsConflicts,
        conversations_are_listed_by_their_time_of_creation: SortsById,
        conversations_of_one_moment_are_listed_by_id: ReversesPages,
        paging_visits_each_conversation_once: SkipsAtPages,
        a_page_knows_whether_more_conversations_follow: NeverMore,
        paging_conversations_goes_on_under_inserts_and_deletes: SkipsAtPages,
        archived_conversations_are_listed_apart: ShowsArchived,
        a_cursor_that_was_archived_meanwhile_keeps_its_place: FiltersCursors,
        a_deleted_conversation_is_no_cursor: StartsOver,
        paging_visits_each_item_once: SkipsAtPages,
        a_page_knows_whether_more_items_follow: NeverMore,
        positions_rise_strictly: PositionsStandStill,
        appended_items_follow_in_order: ReversesItems,
        paging_items_goes_on_under_appends_and_deletes: SkipsAtPages,
        a_cursor_off_the_active_branch_is_refused: StartsOver,
        a_running_turn_locks_the_items: LocksNothing,
        a_deleted_item_leaves_no_gap: DeletesNothing,
        a_deleted_leaf_leaves_its_predecessor_as_the_end: DeletesNothing,
        a_deleted_root_leaves_its_successor_as_the_root: DeletesNothing,
        a_deleted_fork_leaves_both_branches: DeletesNothing,
        an_item_of_an_old_branch_can_be_deleted: DeletesNothing,
        a_response_outlives_its_deleted_items: DeletesNothing,
        deleting_a_conversation_deletes_everything_below_it: DeletesNothing,
        a_running_turn_does_not_bring_its_conversation_back: AcceptsWhatIsGone,
        a_deleted_turn_cannot_end: AcceptsWhatIsGone,
        a_response_is_deleted_once: AcceptsWhatIsGone,
        a_history_stops_at_the_token_budget: IgnoresBudgets,
        a_history_shows_items_as_they_are_stored: PositionsStandStill,
        a_history_adds_up_the_largest_counts: NarrowsBudgets,
        an_empty_conversation_has_an_empty_history: NeverReachesTheRoot,
        a_history_of_a_long_conversation_reads_only_what_fits: IgnoresBudgets,
        a_history_ends_at_the_response_that_it_starts_from: HistoriesEndAtTheActiveLeaf,
        a_head_says_where_it_is_and_whether_a_turn_runs: NothingRuns,
        an_unknown_start_has_no_history: FindsNothingEmpty,
        a_turn_begins_a_new_listed_conversation: ListsNoTurn,
        a_turn_begins_a_new_implicit_conversation: ListsImplicitConversations,
        a_turn_extends_the_active_branch: ReversesItems,
        a_turn_after_an_earlier_item_makes_a_new_active_branch: ForksNothing,
        a_turn_after_nothing_starts_a_new_root: ForksNothing,
        an_old_branch_can_be_taken_up_again: ForksNothing,
        a_turn_without_input_answers_its_place: ForksNothing,
        a_second_turn_in_a_listed_conversation_is_locked_out: LocksNothing,
        a_turn_at_an_end_that_has_moved_is_a_conflict: ChecksNeitherLockNorLeaf,
        a_turn_after_an_item_that_is_gone_is_not_found: AcceptsWhatIsGone,
        of_two_racing_turns_in_a_listed_conversation_one_begins: ChecksNeitherLockNorLeaf,
        two_continuations_of_one_implicit_response_both_succeed: ListsImplicitConversations,
        an_end_stores_the_output_and_frees_the_conversation: EndsNothing,
        an_end_without_output_is_an_end: EndsNothing,
        every_terminal_status_comes_back_as_it_was_stored: SaysAllIsWell,
        counted_usage_stays_counted: EstimatesAllUsage,
        a_turn_ends_once: AcceptsConflicts,
        of_two_racing_ends_one_counts: AcceptsConflicts,
        a_late_end_keeps_the_active_branch_and_the_lock: DropsLateAnswers,
        a_lease_that_has_run_out_locks_nothing: NothingIsStale,
        stale_turns_are_exactly_those_whose_lease_ran_out: LocksNothing,
        stale_turns_come_oldest_first_and_no_more_than_asked_for: StaleNewestFirst,
        a_checkpoint_renews_the_lease: IgnoresSigns,
        one_checkpoint_call_serves_many_turns: ServesOneTurn,
        a_stale_turn_leaves_its_events: DropsEvents,
        a_checkpoint_after_the_end_changes_nothing: RevivesTurns,
        a_stale_turn_can_be_ended: EndsNothing,
        a_turn_that_lives_after_all_is_not_ended_as_stale: EndsTheLiving,
        a_turn_ends_itself_after_its_lease: EndsNoLateTurn,
        a_chain_of_responses_has_one_history: ForgetsLinks,
        a_running_response_has_no_output_yet: ShowsInputAsOutput,
        a_receipt_comes_back_byte_for_byte: TidiesReceipts,
        a_deleted_response_leaves_its_items_in_a_listed_conversation: DeletesNothing,
        deleting_a_running_response_frees_its_conversation: DeletesNothing,
        deleting_an_ended_response_keeps_the_lock_of_the_running_one: DeletesWholeChains,
        a_deleted_response_that_is_continued_leaves_its_items: DeletesWholeChains,
        a_deleted_response_that_nothing_continues_takes_its_items_along: DeletesNothing,
        a_deleted_running_response_takes_its_question_along: DeletesNothing,
        deleting_one_continuation_leaves_the_other: DeletesWholeChains,
        a_deleted_response_is_gone_for_good: DeletesNothing,
        any_text_comes_back_byte_for_byte: TrimsTexts,
        every_kind_of_content_comes_back_as_it_was_stored: ForgetsKinds,
        every_field_of_an_item_comes_back: ForgetsTokens,
        times_keep_their_microseconds: RoundsTimes,
        titles_and_metadata_come_back_byte_for_byte: ForgetsTitles,
        settings_come_back_as_they_were_given: ForgetsSettings,
        a_response_keeps_its_links: ForgetsLinks,
        branches_are_listed_with_what_they_are: ListsOnlyTheActiveBranch,
        paging_visits_each_branch_once: SkipsAtPages,
        a_cursor_that_is_no_item_of_the_conversation_is_refused: StartsOver,
        paging_branches_goes_on_where_a_branch_has_grown: RefusesGrownBranches,
        branches_that_share_a_beginning_have_their_own_sizes: SizesArePositions,
        a_branch_that_goes_on_is_one_branch: ReversesItems,
        a_fork_leaves_the_old_branch: ListsOnlyTheActiveBranch,
        a_turn_after_an_inactive_leaf_goes_on_with_its_branch: ForksNothing,
        an_answer_can_be_asked_for_again: ForksNothing,
        an_item_after_an_interior_end_makes_a_branch: ListsOnlyTheActiveBranch,
        a_late_answer_extends_its_own_branch: DropsLateAnswers,
        deleting_the_active_leaf_shortens_its_branch: SizesArePositions,
        deleting_an_inactive_leaf_shortens_its_branch: ListsOnlyTheActiveBranch,
        deleting_an_interior_item_keeps_the_branches: SizesArePositions,
        an_activated_branch_is_shown_and_continued: ActivatesNothing,
        activating_the_active_branch_changes_nothing: ActivatesLoudly,
        only_a_leaf_names_a_branch: ActivatesAnything,
        a_running_turn_keeps_its_branch_active: LocksNothing,
        a_history_can_end_at_any_item: HistoriesEndAtTheActiveLeaf,
        a_history_at_an_item_says_whether_a_turn_is_in_the_way: NothingRuns,
        a_key_begins_a_turn_once: IgnoresKeys,
        a_key_makes_a_conversation_once: IgnoresKeys,
        a_key_appends_items_once: IgnoresKeys,
        of_twenty_turns_with_one_key_one_begins: IgnoresKeys,
        of_twenty_conversations_with_one_key_one_is_made: IgnoresKeys,
        of_twenty_appends_with_one_key_one_is_done: IgnoresKeys,
        a_key_is_known_while_its_turn_holds_the_lock: KeysComeLast,
        a_key_is_known_after_what_it_made_was_deleted: KeysComeLast,
        the_same_key_of_somebody_else_is_another_key: SharesRoutes,
        a_key_tells_what_its_first_request_said: ForgetsFingerprints,
        a_request_that_fails_uses_no_key: RemembersFailures,
        a_key_is_forgotten_after_its_time: ForgetsNothing,
        a_key_is_kept_until_its_turn_has_ended: ForgetsRunningTurns,
        a_key_whose_time_is_over_goes_with_its_deleted_turn: ForgetsNothing,
        a_forgotten_key_leaves_what_its_owner_knows: HidesEveryTurn,
        forgetting_goes_in_small_steps: ForgetsAllAtOnce,
        a_hidden_response_is_read_and_not_found: HidesNoTurn,
        a_hidden_turn_that_gives_no_sign_of_life_is_stale: NothingIsStale,
        a_forgotten_key_takes_its_hidden_response_along: HidesNoTurn,
        the_events_of_a_running_turn_are_read_run_by_run: IgnoresMost,
        no_events_are_read_where_no_run_begins: FindsTheRunBefore,
        events_are_read_up_to_the_first_gap: LeapsGaps,
        a_run_that_comes_again_is_read_once: FirstRunCounts,
        events_are_read_after_the_end: ForgetsLogsAtOnce,
        an_end_may_bring_a_run_that_a_checkpoint_has_kept: FirstRunCounts,
        events_that_are_not_kept_end_with_their_turn: KeepsLogsForAnHour,
        events_within_their_time_are_not_forgotten: ForgetsTooMuch,
        a_late_checkpoint_adds_no_events: RevivesTurns,
        a_response_that_is_gone_has_no_events: FindsNothingEmpty,
        a_stop_is_heard_at_the_next_checkpoint: HearsNoStops,
        an_ended_turn_is_not_stopped: StopsWhatHasEnded,
        a_turn_is_stopped_by_its_owner_only: ForgetsUsers,
        a_turn_that_is_gone_hears_so: HearsNoEnds,
        one_checkpoint_call_tells_of_many_turns: ServesOneTurn,
        a_queued_turn_is_at_work_once_a_checkpoint_says_so: NeverAtWork,
        a_store_that_works_answers_a_ping: Unreachable,
    }
}

macro_rules! seen_to_fail {
    ($($scenario:ident)+) => {$(
        #[tokio::test]
        async fn $scenario() {
            let fault = faults::$scenario();
            let store = BrokenStore::with(fault);
            let scenario = loquat_testkit::store_conformance::$scenario(&store);
            let outcome = AssertUnwindSafe(scenario).catch_unwind().await;
            assert!(outcome.is_err(), "the suite did not notice: {fault:?}");
        }
    )+};
}

loquat_testkit::store_conformance!(@each with (seen_to_fail));
