//! What every store does, as tests that every store runs: see
//! [`store_conformance!`](crate::store_conformance!).
//!
//! Each scenario is a function of an empty store and panics where the store breaks a promise of
//! its ports. Scenarios know nothing of a store but the ports.

#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a scenario is a test: it panics where the store is wrong"
)]

mod access;
mod acts;
mod allowances;
mod begin;
mod branches;
mod conversations;
mod deletion;
mod derived;
mod engine;
mod events;
mod fidelity;
mod finish;
mod history;
mod items;
mod jobs;
mod leases;
mod ledger;
mod limits;
mod lines;
mod lists;
mod once;
mod person;
mod responses;
mod stops;
mod strangers;
mod things;
mod window;

use loquat_store::{
    AccessStore, ContextStore, ConversationStore, Ledger, LimitStore, TurnStore, Upkeep,
};

/// All store ports in one object: what the suite runs on.
pub trait Store:
    ConversationStore + TurnStore + ContextStore + Ledger + LimitStore + AccessStore + Upkeep
{
}

impl<T> Store for T where
    T: ConversationStore + TurnStore + ContextStore + Ledger + LimitStore + AccessStore + Upkeep
{
}

/// Runs the conformance suite on a store: expands to one `#[tokio::test]` per scenario, so that no
/// store can forget one.
///
/// `$fixture` is an expression that yields a future of a pair: an empty store, and whatever must
/// live as long as it does (a temporary directory, or nothing). It is evaluated anew for each
/// scenario. The calling crate needs tokio with its `macros` and `rt` features.
///
/// Leases and what is kept for a time run out by having no duration: a lease of zero has run out at
/// once. So the suite needs no power over the store's clock.
///
/// ```
/// loquat_testkit::store_conformance!(async { (loquat_testkit::MemoryStore::default(), ()) });
/// ```
#[macro_export]
macro_rules! store_conformance {
    ($fixture:expr) => {
        $crate::store_conformance!(@each tests ($fixture));
    };
    (@tests ($fixture:expr) $($scenario:ident)+) => {$(
        #[tokio::test]
        async fn $scenario() {
            let (store, _guard) = $fixture.await;
            $crate::store_conformance::$scenario(&store).await;
        }
    )+};
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
        $crate::store_conformance!(@$use $arguments
            a_conversation_does_not_exist_for_a_stranger
            a_turn_does_not_exist_for_a_stranger
            an_implicit_conversation_does_not_exist_for_a_stranger
            a_stranger_cannot_checkpoint_a_turn
            a_cursor_of_a_stranger_is_no_cursor
            two_tenants_may_use_the_same_ids
            an_item_belongs_to_one_conversation
            a_conversation_comes_back_as_it_was_made
            an_update_changes_only_what_it_names
            an_implicit_conversation_does_not_exist_for_people
            creating_with_a_taken_id_is_a_conflict_and_leaves_nothing
            appending_a_taken_id_is_a_conflict_and_appends_nothing
            a_turn_with_a_taken_id_is_a_conflict_and_leaves_nothing
            an_output_with_a_taken_id_is_a_conflict_and_the_turn_goes_on
            conversations_are_listed_by_their_time_of_creation
            conversations_of_one_moment_are_listed_by_id
            paging_visits_each_conversation_once
            a_page_knows_whether_more_conversations_follow
            paging_conversations_goes_on_under_inserts_and_deletes
            archived_conversations_are_listed_apart
            a_cursor_that_was_archived_meanwhile_keeps_its_place
            a_deleted_conversation_is_no_cursor
            paging_visits_each_item_once
            a_page_knows_whether_more_items_follow
            positions_rise_strictly
            appended_items_follow_in_order
            paging_items_goes_on_under_appends_and_deletes
            a_cursor_off_the_active_branch_is_refused
            a_running_turn_locks_the_items
            a_deleted_item_leaves_no_gap
            a_deleted_leaf_leaves_its_predecessor_as_the_end
            a_deleted_root_leaves_its_successor_as_the_root
            a_deleted_fork_leaves_both_branches
            an_item_of_an_old_branch_can_be_deleted
            a_response_outlives_its_deleted_items
            deleting_a_conversation_deletes_everything_below_it
            a_running_turn_does_not_bring_its_conversation_back
            a_deleted_turn_cannot_end
            a_response_is_deleted_once
            a_history_stops_at_the_token_budget
            a_history_shows_items_as_they_are_stored
            a_history_adds_up_the_largest_counts
            an_empty_conversation_has_an_empty_history
            a_history_of_a_long_conversation_reads_only_what_fits
            a_history_ends_at_the_response_that_it_starts_from
            a_head_says_where_it_is_and_whether_a_turn_runs
            an_unknown_start_has_no_history
            a_turn_begins_a_new_listed_conversation
            a_turn_begins_a_new_implicit_conversation
            a_turn_extends_the_active_branch
            a_turn_after_an_earlier_item_makes_a_new_active_branch
            a_turn_after_nothing_starts_a_new_root
            an_old_branch_can_be_taken_up_again
            a_turn_without_input_answers_its_place
            a_second_turn_in_a_listed_conversation_is_locked_out
            a_turn_at_an_end_that_has_moved_is_a_conflict
            a_turn_after_an_item_that_is_gone_is_not_found
            of_two_racing_turns_in_a_listed_conversation_one_begins
            two_continuations_of_one_implicit_response_both_succeed
            an_end_stores_the_output_and_frees_the_conversation
            an_end_without_output_is_an_end
            every_terminal_status_comes_back_as_it_was_stored
            counted_usage_stays_counted
            a_turn_ends_once
            of_two_racing_ends_one_counts
            a_late_end_keeps_the_active_branch_and_the_lock
            a_lease_that_has_run_out_locks_nothing
            stale_turns_are_exactly_those_whose_lease_ran_out
            stale_turns_come_oldest_first_and_no_more_than_asked_for
            a_checkpoint_renews_the_lease
            one_checkpoint_call_serves_many_turns
            a_stale_turn_leaves_its_events
            a_checkpoint_after_the_end_changes_nothing
            a_stale_turn_can_be_ended
            a_turn_that_lives_after_all_is_not_ended_as_stale
            a_turn_ends_itself_after_its_lease
            a_chain_of_responses_has_one_history
            a_running_response_has_no_output_yet
            a_receipt_comes_back_byte_for_byte
            a_deleted_response_leaves_its_items_in_a_listed_conversation
            deleting_a_running_response_frees_its_conversation
            deleting_an_ended_response_keeps_the_lock_of_the_running_one
            a_deleted_response_that_is_continued_leaves_its_items
            a_deleted_response_that_nothing_continues_takes_its_items_along
            a_deleted_running_response_takes_its_question_along
            deleting_one_continuation_leaves_the_other
            a_deleted_response_is_gone_for_good
            any_text_comes_back_byte_for_byte
            every_kind_of_content_comes_back_as_it_was_stored
            every_field_of_an_item_comes_back
            times_keep_their_microseconds
            titles_and_metadata_come_back_byte_for_byte
            settings_come_back_as_they_were_given
            a_response_keeps_its_links
            branches_are_listed_with_what_they_are
            paging_visits_each_branch_once
            a_cursor_that_is_no_item_of_the_conversation_is_refused
            paging_branches_goes_on_where_a_branch_has_grown
            branches_that_share_a_beginning_have_their_own_sizes
            a_branch_that_goes_on_is_one_branch
            a_fork_leaves_the_old_branch
            a_turn_after_an_inactive_leaf_goes_on_with_its_branch
            an_answer_can_be_asked_for_again
            an_item_after_an_interior_end_makes_a_branch
            a_late_answer_extends_its_own_branch
            deleting_the_active_leaf_shortens_its_branch
            deleting_an_inactive_leaf_shortens_its_branch
            deleting_an_interior_item_keeps_the_branches
            an_activated_branch_is_shown_and_continued
            activating_the_active_branch_changes_nothing
            only_a_leaf_names_a_branch
            a_running_turn_keeps_its_branch_active
            a_history_can_end_at_any_item
            a_history_at_an_item_says_whether_a_turn_is_in_the_way
            a_key_begins_a_turn_once
            a_key_makes_a_conversation_once
            a_key_appends_items_once
            of_twenty_turns_with_one_key_one_begins
            of_twenty_conversations_with_one_key_one_is_made
            of_twenty_appends_with_one_key_one_is_done
            a_key_is_known_while_its_turn_holds_the_lock
            a_key_is_known_after_what_it_made_was_deleted
            the_same_key_of_somebody_else_is_another_key
            a_key_tells_what_its_first_request_said
            a_request_that_fails_uses_no_key
            a_key_is_forgotten_after_its_time
            a_key_is_kept_until_its_turn_has_ended
            a_key_whose_time_is_over_goes_with_its_deleted_turn
            a_forgotten_key_leaves_what_its_owner_knows
            forgetting_goes_in_small_steps
            a_hidden_response_is_read_and_not_found
            a_hidden_turn_that_gives_no_sign_of_life_is_stale
            a_forgotten_key_takes_its_hidden_response_along
            the_events_of_a_running_turn_are_read_run_by_run
            no_events_are_read_where_no_run_begins
            events_are_read_up_to_the_first_gap
            a_run_that_comes_again_is_read_once
            events_are_read_after_the_end
            an_end_may_bring_a_run_that_a_checkpoint_has_kept
            events_that_are_not_kept_end_with_their_turn
            events_within_their_time_are_not_forgotten
            a_late_checkpoint_adds_no_events
            a_response_that_is_gone_has_no_events
            a_stop_is_heard_at_the_next_checkpoint
            an_ended_turn_is_not_stopped
            a_turn_is_stopped_by_its_owner_only
            a_turn_that_is_gone_hears_so
            one_checkpoint_call_tells_of_many_turns
            a_queued_turn_is_at_work_once_a_checkpoint_says_so
            a_conversation_has_no_context_until_items_leave_its_window
            a_new_conversation_may_begin_with_a_context
            an_anchored_history_ends_at_the_anchor
            an_anchor_need_not_be_an_item
            a_history_leads_with_the_operators_words
            no_more_than_sixteen_items_lead
            a_change_from_another_version_is_a_conflict
            of_two_racing_changes_one_counts
            notes_are_kept_while_their_version_lasts
            notes_of_an_implicit_conversation_are_kept
            an_edit_takes_the_anchor_away
            a_turn_that_forks_may_change_the_context
            a_history_brings_its_segments_when_asked
            a_segment_comes_back_byte_for_byte
            segments_do_not_overlap
            a_summary_comes_back_as_it_was_kept
            a_deleted_item_takes_along_what_covers_it
            another_branch_takes_along_what_covers_the_old_one
            what_was_derived_before_an_edit_is_not_kept_after_it
            a_backlog_says_what_is_covered
            items_are_found_by_their_positions
            pins_are_found_on_any_branch
            a_span_is_read_in_steps
            the_first_continuation_of_a_response_is_on_the_active_branch
            an_answer_is_on_the_active_branch_if_its_question_is
            of_answers_without_questions_the_first_is_on_the_active_branch
            of_two_racing_continuations_one_is_on_the_active_branch
            a_deleted_end_takes_along_what_covers_it
            a_change_queues_a_job
            a_claim_that_has_run_out_is_claimed_again
            a_job_that_is_done_is_gone
            a_job_that_failed_is_due_again
            a_job_that_was_queued_anew_stays_due
            of_two_claims_the_later_counts
            jobs_of_all_tenants_are_claimed_a_few_at_a_time
            of_twenty_who_claim_a_job_one_gets_it
            an_edit_queues_a_job_where_segments_are_left
            a_deleted_conversation_leaves_nothing_derived
            what_is_derived_does_not_exist_for_a_stranger
            two_tenants_have_each_their_own_context
            a_turns_end_brings_its_charges
            an_end_that_is_refused_brings_no_charges
            a_turn_may_end_with_a_charge_that_was_recorded_before
            a_call_is_charged_once
            every_attempt_for_every_purpose_is_charged
            charges_without_a_response_are_all_kept
            charges_outlive_what_they_were_for
            usage_of_nothing_has_no_rows
            usage_is_exactly_the_sum_of_its_charges
            pages_of_usage_are_the_whole
            paging_usage_goes_on_under_later_charges
            usage_is_somebodys_or_the_tenants
            charges_of_another_tenant_do_not_exist
            a_period_of_usage_ends_before_its_end
            days_of_usage_are_those_of_utc
            the_largest_sums_do_not_wrap
            a_route_comes_back_byte_for_byte
            an_exchange_grants_from_need_to_want_or_nothing
            of_racing_exchanges_no_more_is_granted_than_there_is
            a_count_is_what_all_have_together
            what_is_given_back_is_free_again
            what_belongs_to_another_period_is_forgotten
            what_is_owed_is_added_whatever_the_limit_is
            a_limit_below_what_is_taken_grants_nothing
            streams_of_a_holder_that_is_gone_are_free_again
            a_holder_keeps_its_streams_while_it_exchanges
            counts_are_apart
            a_batch_is_answered_in_its_order
            an_exchange_tells_its_period
            the_largest_amounts_are_counted
            only_counts_that_are_over_are_forgotten
            a_limit_that_is_set_again_is_replaced
            a_limit_is_removed_once
            limits_are_listed_by_their_keys
            limits_of_another_tenant_do_not_exist
            changes_of_limits_are_in_the_audit_log
            access_is_revoked_until_it_is_restored
            access_that_is_revoked_again_is_revoked_anew
            access_is_restored_once
            revocations_are_listed_by_whose_they_are
            the_list_of_revocations_has_a_version
            a_revocation_whose_time_is_over_is_none
            revocations_of_another_tenant_do_not_exist
            changes_of_access_are_in_the_audit_log
            an_entry_of_the_audit_log_comes_back_byte_for_byte
            paging_visits_each_entry_of_the_audit_log_once
            an_entry_of_another_tenants_log_is_no_cursor
            a_store_that_works_answers_a_ping
        );
    };
}

mod scenarios {
    pub use super::{
        access::*, allowances::*, begin::*, branches::*, conversations::*, deletion::*, derived::*,
        events::*, fidelity::*, finish::*, history::*, items::*, jobs::*, leases::*, ledger::*,
        limits::*, lines::*, lists::*, once::*, responses::*, stops::*, strangers::*, window::*,
    };
}

store_conformance!(@each exports ());
